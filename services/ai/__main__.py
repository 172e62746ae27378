"""`python -m services.ai serve | migrate`."""

import sys

from igny8.ai.v1 import ai_service_pb2_grpc

from chassis import logging as logs
from chassis.clock import SystemClock
from chassis.config import ConfigurationError, Environment
from chassis.database import Database
from chassis.objects import store_at
from chassis.server import Offer, Server
from chassis.service import common_offers, migrate_from_environment
from services.ai.config import AiConfig, Endpoint
from services.ai.providers.offline import Offline
from services.ai.providers.openai_compatible import OpenAiCompatible
from services.ai.servicer import AiServicer
from services.ai.usecases import Calls, Providers


def providers(config: AiConfig) -> Providers:
    """Return who answers: a configured server, or the offline provider."""

    def server(endpoint: Endpoint) -> OpenAiCompatible:
        return OpenAiCompatible(endpoint, config.timeout_s)

    return Providers(
        text=server(config.text) if config.text else Offline(),
        image=server(config.image) if config.image else Offline(),
        embedding=server(config.embedding) if config.embedding else None,
    )


def offers(database: Database, sweep: Database, calls: Calls) -> list[Offer]:
    """Return the services of the ai service's server."""
    add = ai_service_pb2_grpc.add_AiServiceServicer_to_server
    own = Offer("igny8.ai.v1.AiService", add, AiServicer(database, calls))
    return [own, *common_offers(sweep=sweep, database=database)]


def serve() -> None:
    """Serve calls until SIGTERM."""
    config = AiConfig.read(Environment())
    logs.set_up("ai", config.service.log_level)
    database, sweep = Database(config.service.database_url), Database(config.service.sweep_url, pool_size=2)
    calls = Calls(database, store_at(config.objects_url), providers(config), SystemClock())
    offered = offers(database, sweep, calls)
    Server(config.service.listen, offered, config.service.verifier, threads=config.service.threads).run()


def migrate() -> None:
    """Bring the database to its newest schema."""
    migrate_from_environment("ai", Environment())


def main() -> int:
    """Run the command that was named."""
    commands = {"serve": serve, "migrate": migrate}
    command = commands.get(sys.argv[1] if len(sys.argv) == 2 else "")  # noqa: PLR2004 - the program and one word
    if command is None:
        sys.stderr.write(f"usage: python -m services.ai {' | '.join(commands)}\n")
        return 2
    try:
        command()
    except (ConfigurationError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
