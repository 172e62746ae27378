"""The gRPC edge of billing."""

from dataclasses import asdict

import grpc
from igny8.billing.v1 import billing_pb2, billing_service_pb2, billing_service_pb2_grpc

from chassis import call
from chassis.clock import Clock
from chassis.database import Database
from chassis.ids import require_id
from services.billing import translate
from services.billing.batching import Ledger
from services.billing.domain import Extension
from services.billing.resources import CREDIT_COST, CREDIT_TRANSACTION, CREDIT_USAGE, PLAN
from services.billing.usecases import accounts, corrections, holds, prices, quotes, upkeep


class BillingServicer(billing_service_pb2_grpc.BillingServiceServicer):
    """Answers calls to `igny8.billing.v1.BillingService`.

    Args:
        database: billing's, under its app role.
        sweep: the same under its sweep role, for rounds over all accounts.
        clock: tells when credits end.
        ledger: does what concerns holds.
    """

    ListCreditTransactions = CREDIT_TRANSACTION.list(billing_service_pb2.ListCreditTransactionsResponse)
    ListCreditUsages = CREDIT_USAGE.list(billing_service_pb2.ListCreditUsagesResponse)
    ListCreditCosts = CREDIT_COST.list(billing_service_pb2.ListCreditCostsResponse)
    ListPlans = PLAN.list(billing_service_pb2.ListPlansResponse)

    def __init__(self, database: Database, sweep: Database, clock: Clock, ledger: Ledger) -> None:
        self.database = database
        self._ledger = ledger
        self._sweep = sweep
        self._clock = clock

    def GetBalance(
        self, request: billing_service_pb2.GetBalanceRequest, context: grpc.ServicerContext
    ) -> billing_pb2.Balance:
        """Read what the account has."""
        return translate.balance(accounts.get_balance(self.database, call.tenant(), self._clock.now()))

    def AssignPlan(
        self, request: billing_service_pb2.AssignPlanRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.AssignPlanResponse:
        """Put the account on a plan."""
        row, balance = accounts.assign_plan(
            self.database,
            call.tenant(),
            plan=request.plan,
            reason=request.reason,
            request_id=request.request_id,
            now=self._clock.now(),
            max_keywords=request.max_keywords,
        )
        return billing_service_pb2.AssignPlanResponse(plan=translate.plan(row), balance=translate.balance(balance))

    def GrantCredits(
        self, request: billing_service_pb2.GrantCreditsRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.GrantCreditsResponse:
        """Give the account credits."""
        given = translate.grant(request)
        balance = accounts.grant_credits(self.database, call.tenant(), given, self._clock.now())
        return billing_service_pb2.GrantCreditsResponse(balance=translate.balance(balance))

    def RefundCredits(
        self, request: billing_service_pb2.RefundCreditsRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.RefundCreditsResponse:
        """Give back what a capture took."""
        why = translate.correction("refund", request, call.passport())
        target = require_id("transaction_id", request.transaction_id)
        row, balance = corrections.refund(self.database, call.tenant(), target, request.credits, why, self._clock.now())
        return billing_service_pb2.RefundCreditsResponse(
            transaction=translate.credit_transaction(row), balance=translate.balance(balance)
        )

    def AdjustCredits(
        self, request: billing_service_pb2.AdjustCreditsRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.AdjustCreditsResponse:
        """Set the balance right."""
        why = translate.correction("adjust", request, call.passport())
        row, balance = corrections.adjust(self.database, call.tenant(), request.credits, why, self._clock.now())
        return billing_service_pb2.AdjustCreditsResponse(
            transaction=translate.credit_transaction(row), balance=translate.balance(balance)
        )

    def ReverseTransaction(
        self, request: billing_service_pb2.ReverseTransactionRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.ReverseTransactionResponse:
        """Undo a transaction."""
        why = translate.correction("reverse", request, call.passport())
        target = require_id("transaction_id", request.transaction_id)
        row, balance = corrections.reverse(self.database, call.tenant(), target, why, self._clock.now())
        return billing_service_pb2.ReverseTransactionResponse(
            transaction=translate.credit_transaction(row), balance=translate.balance(balance)
        )

    def SetCreditCost(
        self, request: billing_service_pb2.SetCreditCostRequest, context: grpc.ServicerContext
    ) -> billing_pb2.CreditCost:
        """Set the price of an operation."""
        change, by = translate.cost_change(request), call.passport().actor
        return translate.credit_cost(
            prices.set_credit_cost(self.database, call.tenant(), change, by, self._clock.now())
        )

    def CheckLedger(
        self, request: billing_service_pb2.CheckLedgerRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.CheckLedgerResponse:
        """Compare the books of the account with each other."""
        differences, balance = accounts.check_ledger(self.database, call.tenant(), self._clock.now())
        return billing_service_pb2.CheckLedgerResponse(
            ok=not differences, differences=differences, balance=translate.balance(balance)
        )

    def CreateQuote(
        self, request: billing_service_pb2.CreateQuoteRequest, context: grpc.ServicerContext
    ) -> billing_pb2.Quote:
        """Price work before it is done."""
        row = quotes.create_quote(
            self.database,
            call.tenant(),
            request_id=request.request_id,
            work=translate.works(request),
            max_credits=request.max_credits,
            now=self._clock.now(),
        )
        return translate.quote(row)

    def GetQuote(
        self, request: billing_service_pb2.GetQuoteRequest, context: grpc.ServicerContext
    ) -> billing_pb2.Quote:
        """Read a quote with what was used of it."""
        quote_id = require_id("quote_id", request.quote_id)
        return translate.quote(quotes.get_quote(self.database, call.tenant(), quote_id))

    def AcceptQuote(
        self, request: billing_service_pb2.AcceptQuoteRequest, context: grpc.ServicerContext
    ) -> billing_pb2.Quote:
        """Bind a quote to a run."""
        quote_id = require_id("quote_id", request.quote_id)
        run_id = require_id("run_id", request.run_id)
        return translate.quote(quotes.accept_quote(self.database, call.tenant(), quote_id, run_id, self._clock.now()))

    def Reserve(self, request: billing_service_pb2.ReserveRequest, context: grpc.ServicerContext) -> billing_pb2.Hold:
        """Set credits aside."""
        wanted = translate.reservation(request)
        return translate.hold(holds.reserve(self._ledger, call.tenant(), wanted, self._clock.now()))

    def ExtendHold(
        self, request: billing_service_pb2.ExtendHoldRequest, context: grpc.ServicerContext
    ) -> billing_pb2.Hold:
        """Set more credits aside in a hold."""
        more = Extension(request.key, request.extension_key, request.quantity, translate.day_limit(request))
        return translate.hold(holds.extend(self._ledger, call.tenant(), more, self._clock.now()))

    def Capture(self, request: billing_service_pb2.CaptureRequest, context: grpc.ServicerContext) -> billing_pb2.Hold:
        """Take what was really used."""
        use = translate.use(request)
        return translate.hold(holds.capture(self._ledger, call.tenant(), request.key, use, self._clock.now()))

    def Release(
        self, request: billing_service_pb2.ReleaseRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.ReleaseResponse:
        """Free a hold."""
        freed = holds.release(self._ledger, call.tenant(), request.key, self._clock.now())
        return billing_service_pb2.ReleaseResponse(released_credits=freed)

    def ExpireHold(
        self, request: billing_service_pb2.ExpireHoldRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.ExpireHoldResponse:
        """End the hold of a step that is over."""
        freed = holds.expire(self._ledger, call.tenant(), request.key, self._clock.now())
        return billing_service_pb2.ExpireHoldResponse(expired_credits=freed)

    def ListStepCaptures(
        self, request: billing_service_pb2.ListStepCapturesRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.ListStepCapturesResponse:
        """List what steps have captured and hold."""
        run_ids = [require_id("run_ids", run_id) for run_id in request.run_ids]
        rows, token = upkeep.list_step_captures(
            self.database, call.tenant(), run_ids, request.page_size, request.page_token
        )
        return billing_service_pb2.ListStepCapturesResponse(
            step_captures=[translate.step_capture(row) for row in rows], next_page_token=token
        )

    def LapseCredits(
        self, request: billing_service_pb2.LapseCreditsRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.LapseCreditsResponse:
        """Begin and end credits over all accounts."""
        lapsed = upkeep.lapse_credits(self._sweep, self.database, request.limit, self._clock.now())
        return billing_service_pb2.LapseCreditsResponse(**asdict(lapsed))

    def ReconcileAccounts(
        self, request: billing_service_pb2.ReconcileAccountsRequest, context: grpc.ServicerContext
    ) -> billing_service_pb2.ReconcileAccountsResponse:
        """Compare the books of a page of accounts with each other."""
        found = upkeep.reconcile_accounts(self._sweep, self.database, request.page_size, request.page_token)
        return billing_service_pb2.ReconcileAccountsResponse(
            accounts=found.accounts,
            differences=[translate.difference(item) for item in found.differences],
            next_page_token=found.next_page_token,
        )
