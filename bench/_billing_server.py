"""Billing's server with what it is compared to: `python -m bench._billing_server serve`.

BENCH_LEDGER says how it does what concerns holds. Beside billing it offers a call that does nothing, behind the same
interceptor and the same check of passports.
"""

import sys
from dataclasses import dataclass
from uuid import UUID

import grpc
from igny8.billing.v1 import billing_service_pb2_grpc
from igny8.common.v1 import functions_service_pb2

from chassis import service
from chassis.clock import SystemClock
from chassis.config import Environment
from chassis.database import Database
from chassis.server import Offer
from chassis.service import Built
from chassis.tenancy import Tenant
from services.billing.batching import Ledger
from services.billing.batching.ledger import Turn
from services.billing.config import BillingConfig
from services.billing.repository import Answer, Operation
from services.billing.repository.functions import call
from services.billing.servicer import BillingServicer


class WithoutQueue(Ledger):
    """Every operation in a round trip of its own as soon as it comes: what the batcher adds is the queue."""

    def submit(self, account_id: UUID, operation: Operation) -> Answer:
        """Do it alone."""
        return self.run(account_id, [operation])[0]


class WithoutBatcher(Ledger):
    """Every operation in a transaction as all other use cases have them."""

    def turn(self, tenant: Tenant) -> Turn:
        """Return a place that is in no queue."""
        return _Alone(self, tenant)


@dataclass(frozen=True)
class _Alone(Turn):
    def take(self, operation: Operation) -> Answer:
        with self.ledger.database.transaction(self.tenant) as transaction:
            return call(transaction, operation.function, **operation.parameters)


LEDGERS = {"batched": Ledger, "without queue": WithoutQueue, "without batcher": WithoutBatcher}


def add_nothing(_: object, server: grpc.Server) -> None:
    """Answer one method with an empty message."""
    handler = grpc.unary_unary_rpc_method_handler(
        lambda _request, _context: functions_service_pb2.AbandonWorkResponse(),
        request_deserializer=functions_service_pb2.AbandonWorkRequest.FromString,
        response_serializer=functions_service_pb2.AbandonWorkResponse.SerializeToString,
    )
    name, methods = "igny8.common.v1.FunctionsService", {"AbandonWork": handler}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
    server.add_registered_method_handlers(name, methods)


def build(environment: Environment) -> Built:
    """Put it together."""
    ledger = LEDGERS[environment.text("BENCH_LEDGER")]
    config = BillingConfig.read(environment)
    database, sweep = Database(config.service.database_url), Database(config.service.sweep_url, pool_size=2)
    billing = Offer(
        "igny8.billing.v1.BillingService",
        billing_service_pb2_grpc.add_BillingServiceServicer_to_server,
        BillingServicer(database, sweep, SystemClock(), ledger(database)),
    )
    nothing = Offer("igny8.common.v1.FunctionsService", add_nothing, None)

    def close() -> None:
        database.close()
        sweep.close()

    return Built(config.service, [billing, nothing], close)


if __name__ == "__main__":
    sys.exit(service.main("billing", build, sys.argv[1:]))
