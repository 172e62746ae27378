"""`python -m services.planner serve | migrate`: the only place where the planner's parts meet."""

import sys
from collections.abc import Mapping

from igny8.planner.v1 import planner_service_pb2_grpc

from chassis import service
from chassis.client import Remote
from chassis.config import ConfigurationError, Environment
from chassis.database import Database
from chassis.objects import ObjectStore, store_at
from chassis.server import Offer
from chassis.service import Built
from chassis.work import Function
from services.planner.clients import EmbeddingModel
from services.planner.clustering import ApartClusterer, Clusterer, SemanticClusterer
from services.planner.config import PlannerConfig
from services.planner.servicer import PlannerServicer
from services.planner.usecases import clustering, facts, ideas, imports, reclustering
from services.planner.usecases.library import Library
from services.planner.usecases.meanings import KeywordMeanings


def functions(
    database: Database, objects: ObjectStore, clusterer: Clusterer, model: EmbeddingModel | None = None
) -> dict[str, Function]:
    """Return what a run can have the planner do, by name; keywords mean what the model says, where there is one."""
    meanings = KeywordMeanings(database, model)
    return {
        imports.NAME: imports.ImportKeywords(database, objects),
        clustering.NAME: clustering.ClusterKeywords(database, clusterer, meanings),
        reclustering.NAME: reclustering.ReclusterKeywords(database, clusterer, meanings),
        ideas.NAME: ideas.GenerateIdeas(database),
    }


def offers(database: Database, sweep: Database, objects: ObjectStore, functions: Mapping[str, Function]) -> list[Offer]:
    """Return everything the planner serves."""
    return [
        Offer(
            "igny8.planner.v1.PlannerService",
            planner_service_pb2_grpc.add_PlannerServiceServicer_to_server,
            PlannerServicer(database, imports.ImportKeywords(database, objects), Library(sweep, objects)),
        ),
        *service.common_offers(
            sweep=sweep,
            database=database,
            functions=functions,
            handlers=facts.HANDLERS,
        ),
    ]


def build(environment: Environment) -> Built:
    """Put the service together.

    Raises:
        ConfigurationError: the environment is incomplete, or the object store is of no kind that is offered.
    """
    config = PlannerConfig.read(environment)
    try:
        objects = store_at(config.objects_url)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    database, sweep = Database(config.service.database_url), Database(config.service.sweep_url, pool_size=2)
    clusterer = ApartClusterer(SemanticClusterer())
    asked = config.embeddings
    remote = Remote("ai", asked.ai_address, asked.issuer) if asked else None
    model = EmbeddingModel(remote, asked.model) if asked and remote else None

    def close() -> None:
        clusterer.close()
        if remote:
            remote.close()
        database.close()
        sweep.close()

    work = functions(database, objects, clusterer, model)
    return Built(config.service, offers(database, sweep, objects, work), close)


if __name__ == "__main__":
    sys.exit(service.main("planner", build, sys.argv[1:]))
