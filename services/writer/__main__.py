"""`python -m services.writer serve | migrate`: the only place where the writer's parts meet."""

import sys
from collections.abc import Callable

from igny8.writer.v1 import writer_service_pb2_grpc

from chassis import logging
from chassis.client import Remote
from chassis.config import ConfigurationError, Environment
from chassis.database import Database
from chassis.server import Offer, Server
from chassis.service import common_offers, migrate_from_environment
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


def serve() -> None:
    """Serve until a signal ends it.

    Raises:
        ConfigurationError: the environment is incomplete.
    """
    settings = config.read(Environment())
    service = settings.service
    logging.set_up(service.name, service.log_level)
    database, sweep = Database(service.database_url), Database(service.sweep_url)
    remote = Remote("planner", settings.planner_address, settings.issuer)
    Server(service.listen, offers(database, sweep, Planner(remote)), service.verifier, threads=service.threads).run()
    remote.close()
    database.close()
    sweep.close()


def main(arguments: list[str]) -> int:
    """Run one command; return the exit code: 2 when it or the environment is wrong."""
    commands: dict[str, Callable[[], None]] = {
        "serve": serve,
        "migrate": lambda: migrate_from_environment(config.NAME, Environment()),
    }
    if len(arguments) != 1 or arguments[0] not in commands:
        print("usage: python -m services.writer serve | migrate", file=sys.stderr)
        return 2
    try:
        commands[arguments[0]]()
    except ConfigurationError as error:
        print(f"writer: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
