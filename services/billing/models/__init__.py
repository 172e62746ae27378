"""Billing's tables: `catalogue` of the platform, `ledger` of credits, `money`."""

from services.billing.models.base import Base
from services.billing.models.catalogue import (
    CreditCost,
    CreditPackage,
    InvoiceCounter,
    PaymentMethodConfig,
    Plan,
    WebhookEvent,
)
from services.billing.models.ledger import (
    CreditAccount,
    CreditGrant,
    CreditTransaction,
    CreditUsage,
    Hold,
    HoldExtension,
    HoldGrant,
    Quote,
    QuoteLine,
    TransactionGrant,
)
from services.billing.models.money import (
    AccountPaymentMethod,
    CreditNote,
    Invoice,
    InvoiceLine,
    Payment,
    Subscription,
)

# The last two belong to no tenant either, but they offer nothing: the app role gets nothing on them.
CATALOGUE = frozenset(
    {"plan", "credit_cost", "credit_package", "payment_method_config", "invoice_counter", "webhook_event"}
)
# What was written once: the app role may neither change nor delete these rows.
APPEND_ONLY = frozenset({"credit_transaction", "transaction_grant", "credit_usage", "hold_extension", "quote_line"})

__all__ = [
    "APPEND_ONLY",
    "CATALOGUE",
    "AccountPaymentMethod",
    "Base",
    "CreditAccount",
    "CreditCost",
    "CreditGrant",
    "CreditNote",
    "CreditPackage",
    "CreditTransaction",
    "CreditUsage",
    "Hold",
    "HoldExtension",
    "HoldGrant",
    "Invoice",
    "InvoiceCounter",
    "InvoiceLine",
    "Payment",
    "PaymentMethodConfig",
    "Plan",
    "Quote",
    "QuoteLine",
    "Subscription",
    "TransactionGrant",
    "WebhookEvent",
]
