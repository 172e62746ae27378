"""Billing: credits and money.

Owns the credit account with its grants, holds and transactions, the usage log, prices with their versions, quotes,
plans and subscriptions, invoices, payments, packages, payment methods and the inbox of payment providers' webhooks.
Never owns what a run is: a hold knows a run and a step by their ids only.
"""
