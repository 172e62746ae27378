"""`python -m services.ai serve | migrate`: the only place where the ai service's parts meet."""

import logging
import sys
from contextlib import ExitStack

from igny8.ai.v1 import ai_service_pb2_grpc

from chassis import service
from chassis.clock import SystemClock
from chassis.config import ConfigurationError, Environment
from chassis.database import Database
from chassis.objects import ObjectStore, store_at
from chassis.server import Offer
from chassis.service import Built
from services.ai.config import AiConfig, Endpoint
from services.ai.providers.offline import Offline
from services.ai.providers.openai_compatible import OpenAiCompatible
from services.ai.servicer import AiServicer
from services.ai.usecases import Calls, Providers


def build(environment: Environment) -> Built:
    """Put the service together.

    Raises:
        ConfigurationError: the environment is incomplete.
    """
    config = AiConfig.read(environment)
    for name in ("httpx2", "httpcore2", "openai"):  # they log the provider's address, and openai the prompts
        logging.getLogger(name).setLevel(logging.WARNING)
    closing = ExitStack()
    database, sweep = Database(config.service.database_url), Database(config.service.sweep_url, pool_size=2)
    closing.callback(database.close)
    closing.callback(sweep.close)
    providers = _providers(config, closing)
    calls = Calls(database, _objects(config), providers, SystemClock(), lease_s=config.call_lease_s)
    add = ai_service_pb2_grpc.add_AiServiceServicer_to_server
    own = Offer("igny8.ai.v1.AiService", add, AiServicer(database, calls))
    return Built(config.service, [own, *service.common_offers(sweep=sweep, database=database)], closing.close)


def _providers(config: AiConfig, closing: ExitStack) -> Providers:
    """Return who answers: a configured server, or the offline provider."""

    def server(endpoint: Endpoint) -> OpenAiCompatible:
        made = OpenAiCompatible(endpoint, config.timeout_s, SystemClock())
        closing.callback(made.close)
        return made

    return Providers(
        text=server(config.text) if config.text else Offline(),
        image=server(config.image) if config.image else Offline(),
        embedding=server(config.embedding) if config.embedding else None,
    )


def _objects(config: AiConfig) -> ObjectStore:
    try:
        return store_at(config.objects_url)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


if __name__ == "__main__":
    sys.exit(service.main("ai", build, sys.argv[1:]))
