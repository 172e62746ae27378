"""Billing as a process: `python -m services.billing serve | migrate`."""

import sys

from igny8.billing.v1 import billing_service_pb2_grpc

from chassis import logging
from chassis.clock import Clock, SystemClock
from chassis.config import ConfigurationError, Environment
from chassis.database import Database
from chassis.server import Offer, Server
from chassis.service import common_offers, migrate_from_environment
from services.billing.config import BillingConfig
from services.billing.servicer import BillingServicer
from services.billing.usecases import accounts

COMMANDS = ("serve", "migrate")


def offers(database: Database, sweep: Database, clock: Clock) -> list[Offer]:
    """Return everything that billing serves."""
    return [
        Offer(
            "igny8.billing.v1.BillingService",
            billing_service_pb2_grpc.add_BillingServiceServicer_to_server,
            BillingServicer(database, clock),
        ),
        *common_offers(sweep=sweep, database=database, handlers=accounts.handlers(clock)),
    ]


def main(arguments: list[str]) -> int:
    """Serve, or bring the database to its newest schema; 2 when the environment is incomplete."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: python -m services.billing {' | '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        if arguments == ["migrate"]:
            migrate_from_environment("billing", Environment())
        else:
            _serve(BillingConfig.read(Environment()))
    except ConfigurationError as error:
        print(f"billing: {error}", file=sys.stderr)
        return 2
    return 0


def _serve(config: BillingConfig) -> None:
    service = config.service
    logging.set_up("billing", service.log_level)
    database, sweep = Database(service.database_url), Database(service.sweep_url)
    everything = offers(database, sweep, SystemClock())
    Server(service.listen, everything, service.verifier, threads=service.threads).run()
    database.close()
    sweep.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
