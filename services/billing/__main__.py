"""`python -m services.billing serve | migrate`: the only place where billing's parts meet."""

import sys

from igny8.billing.v1 import billing_service_pb2_grpc

from chassis import service
from chassis.clock import Clock, SystemClock
from chassis.config import Environment
from chassis.database import Database
from chassis.server import Offer
from chassis.service import Built, common_offers
from services.billing.batching import Ledger
from services.billing.config import BillingConfig
from services.billing.servicer import BillingServicer
from services.billing.usecases import accounts


def offers(database: Database, sweep: Database, clock: Clock) -> list[Offer]:
    """Return everything that billing serves."""
    return [
        Offer(
            "igny8.billing.v1.BillingService",
            billing_service_pb2_grpc.add_BillingServiceServicer_to_server,
            BillingServicer(database, sweep, clock, Ledger(database)),
        ),
        *common_offers(sweep=sweep, database=database, handlers=accounts.handlers(clock), answers=False),
    ]


def build(environment: Environment) -> Built:
    """Put the service together.

    Raises:
        ConfigurationError: the environment is incomplete.
    """
    config = BillingConfig.read(environment)
    database, sweep = Database(config.service.database_url), Database(config.service.sweep_url, pool_size=2)

    def close() -> None:
        database.close()
        sweep.close()

    return Built(config.service, offers(database, sweep, SystemClock()), close)


if __name__ == "__main__":
    sys.exit(service.main("billing", build, sys.argv[1:]))
