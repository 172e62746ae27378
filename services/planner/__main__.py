"""`python -m services.planner serve | migrate`: the only place where the planner's parts meet."""

import sys
from contextlib import closing

from igny8.planner.v1 import planner_service_pb2_grpc

from chassis import logging, service
from chassis.config import ConfigurationError, Environment
from chassis.database import Database
from chassis.objects import ObjectStore, store_at
from chassis.server import Offer, Server
from chassis.work import Function
from services.planner.clustering import ApartClusterer, Clusterer, LexicalClusterer
from services.planner.config import PlannerConfig
from services.planner.servicer import PlannerServicer
from services.planner.usecases import clustering, facts, ideas, imports

NAME = "planner"
_USAGE = "usage: python -m services.planner serve | migrate"
_MISUSED = 2


def functions(database: Database, objects: ObjectStore, clusterer: Clusterer) -> dict[str, Function]:
    """Return what a run can have the planner do, by name."""
    return {
        imports.NAME: imports.ImportKeywords(database, objects),
        clustering.NAME: clustering.ClusterKeywords(database, clusterer),
        ideas.NAME: ideas.GenerateIdeas(database),
    }


def offers(database: Database, sweep: Database, objects: ObjectStore, clusterer: Clusterer) -> list[Offer]:
    """Return everything the planner serves."""
    return [
        Offer(
            "igny8.planner.v1.PlannerService",
            planner_service_pb2_grpc.add_PlannerServiceServicer_to_server,
            PlannerServicer(database),
        ),
        *service.common_offers(
            sweep=sweep,
            database=database,
            functions=functions(database, objects, clusterer),
            handlers=facts.HANDLERS,
        ),
    ]


def serve(config: PlannerConfig) -> None:
    """Serve until told to stop.

    Raises:
        ConfigurationError: the object store is of no kind that is offered.
    """
    try:
        objects = store_at(config.objects_url)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    common = config.service
    with (
        closing(Database(common.database_url)) as database,
        closing(Database(common.sweep_url, pool_size=2)) as sweep,
        closing(ApartClusterer(LexicalClusterer())) as clusterer,
    ):
        offered = offers(database, sweep, objects, clusterer)
        Server(common.listen, offered, common.verifier, threads=common.threads).run()


def main(arguments: list[str]) -> int:
    """Run the command; return the exit code."""
    if arguments not in (["serve"], ["migrate"]):
        print(_USAGE, file=sys.stderr)
        return _MISUSED
    environment = Environment()
    try:
        if arguments == ["migrate"]:
            service.migrate_from_environment(NAME, environment)
        else:
            config = PlannerConfig.read(environment)
            logging.set_up(config.service.name, config.service.log_level)
            serve(config)
    except ConfigurationError as error:
        print(f"planner: {error}", file=sys.stderr)
        return _MISUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
