"""`python -m services.writer serve | migrate`: the only place where the writer's parts meet."""

import sys

from igny8.writer.v1 import writer_service_pb2_grpc

from chassis import service
from chassis.client import Remote
from chassis.config import Environment
from chassis.database import Database
from chassis.server import Offer
from chassis.service import Built, common_offers
from services.writer import config
from services.writer.clients import Planner
from services.writer.servicer import WriterServicer
from services.writer.usecases.functions import functions
from services.writer.usecases.inbox import HANDLERS


def offers(database: Database, sweep: Database, planner: Planner) -> list[Offer]:
    """Return all that the writer serves."""
    own = Offer(
        "igny8.writer.v1.WriterService",
        writer_service_pb2_grpc.add_WriterServiceServicer_to_server,
        WriterServicer(database, planner),
    )
    common = common_offers(sweep=sweep, database=database, functions=functions(database, planner), handlers=HANDLERS)
    return [own, *common]


def build(environment: Environment) -> Built:
    """Put the service together.

    Raises:
        ConfigurationError: the environment is incomplete.
    """
    settings = config.read(environment)
    database, sweep = Database(settings.service.database_url), Database(settings.service.sweep_url, pool_size=2)
    remote = Remote("planner", settings.planner_address, settings.issuer)

    def close() -> None:
        remote.close()
        database.close()
        sweep.close()

    return Built(settings.service, offers(database, sweep, Planner(remote)), close)


if __name__ == "__main__":
    sys.exit(service.main(config.NAME, build, sys.argv[1:]))
