"""What every service's `__main__` reads and offers, so that seven of them differ only in what they are.

| variable              | what it says                                                                |
|-----------------------|-----------------------------------------------------------------------------|
| <NAME>_LISTEN         | address to serve on: "127.0.0.1:7001"                                       |
| <NAME>_DATABASE_URL   | the database under the app role, which sees one tenant at a time            |
| <NAME>_SWEEP_URL      | under the sweep role, for rounds over all tenants                           |
| <NAME>_OWNER_URL      | under the owner role; only `migrate` needs it                               |
| <NAME>_THREADS        | calls at once                                                               |
| <OTHER>_ADDRESS       | where another service is: "planner:7000"                                    |
| PASSPORT_TRUST        | whose passports are believed, and which scopes from whom (JSON)             |
| PASSPORT_KEY          | our own signing key, for services that call others                          |
| LOG_LEVEL             | "INFO"                                                                      |
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from igny8.common.v1 import events_service_pb2_grpc, functions_service_pb2_grpc, upkeep_service_pb2_grpc
from sqlalchemy.engine import make_url

from chassis import collector, logging, telemetry
from chassis.config import ConfigurationError, Environment
from chassis.database import Database
from chassis.outbox import Handler
from chassis.passport import Trust, Verifier, parse_trust
from chassis.server import THREADS, Offer, Server
from chassis.work import Function
from chassis.work_servicer import FunctionsServicer, InboxServicer, OutboxServicer, UpkeepServicer


@dataclass(frozen=True)
class ServiceConfig:
    """Where a service listens, what it stores in, and whom it believes."""

    name: str
    listen: str
    database_url: str = field(repr=False)
    sweep_url: str = field(repr=False)
    trust: Mapping[str, Trust] = field(repr=False)
    threads: int
    log_level: str
    metrics_listen: str = ""

    @classmethod
    def read(cls, name: str, environment: Environment, *, threads: int = THREADS) -> "ServiceConfig":
        """Read what is common to all services; call `environment.done()` when the service's own is read too.

        Raises:
            ConfigurationError: PASSPORT_TRUST is not what it should be.
        """
        prefix = name.upper()
        raw_trust = environment.text("PASSPORT_TRUST", "{}")
        try:
            trust = parse_trust(raw_trust)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            example = '{"gateway": {"public_key": "...", "scopes": ["read"]}}'
            raise ConfigurationError(f"PASSPORT_TRUST must be JSON like {example}.") from error
        return cls(
            name=name,
            listen=environment.text(f"{prefix}_LISTEN"),
            database_url=environment.text(f"{prefix}_DATABASE_URL"),
            sweep_url=environment.text(f"{prefix}_SWEEP_URL"),
            trust=trust,
            threads=environment.integer(f"{prefix}_THREADS", threads, least=1, most=1000),
            log_level=environment.text("LOG_LEVEL", "INFO"),
            metrics_listen=environment.text(f"{prefix}_METRICS_LISTEN", "-").removeprefix("-"),
        )

    @property
    def verifier(self) -> Verifier:
        """What reads the passports meant for this service."""
        return Verifier(self.name, self.trust)


def common_offers(
    *,
    sweep: Database,
    database: Database,
    functions: Mapping[str, Function] | None = None,
    handlers: Mapping[str, Handler] | None = None,
    answers: bool = True,
) -> list[Offer]:
    """Return the services that the chassis implements: the outbox, and what else the service has.

    Args:
        sweep: the service's database under its sweep role.
        database: under its app role.
        functions: of runs, by name.
        handlers: of facts, by kind.
        answers: whether it stores answers of requests, which must be forgotten some day.
    """
    offers = [
        Offer(
            "igny8.common.v1.OutboxService",
            events_service_pb2_grpc.add_OutboxServiceServicer_to_server,
            OutboxServicer(sweep),
        )
    ]
    if answers:
        offers.append(
            Offer(
                "igny8.common.v1.UpkeepService",
                upkeep_service_pb2_grpc.add_UpkeepServiceServicer_to_server,
                UpkeepServicer(sweep),
            )
        )
    if functions:
        offers.append(
            Offer(
                "igny8.common.v1.FunctionsService",
                functions_service_pb2_grpc.add_FunctionsServiceServicer_to_server,
                FunctionsServicer(functions),
            )
        )
    if handlers:
        offers.append(
            Offer(
                "igny8.common.v1.InboxService",
                events_service_pb2_grpc.add_InboxServiceServicer_to_server,
                InboxServicer(database, handlers),
            )
        )
    return offers


def migrate_from_environment(name: str, environment: Environment) -> None:
    """Bring a service's database to its newest schema; the roles are those of its URLs.

    Raises:
        ConfigurationError: a URL is not set.
    """
    from chassis import migrate  # noqa: PLC0415 - Alembic would cost every service 0.15 s of its start

    prefix = name.upper()
    urls = {kind: environment.text(f"{prefix}_{kind}_URL") for kind in ("OWNER", "DATABASE", "SWEEP")}
    environment.done()
    migrate.upgrade(
        f"services.{name}",
        urls["OWNER"],
        app_role=make_url(urls["DATABASE"]).username or f"{name}_app",
        sweep_role=make_url(urls["SWEEP"]).username or f"{name}_sweep",
    )


class Background(Protocol):
    """Something that runs in threads of its own."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End what is under way, and no more."""


@dataclass(frozen=True)
class Built:
    """A service that was put together and does not listen yet.

    Args:
        config: where it will listen.
        offers: what it will serve.
        close: lets go of databases and channels.
        beside: what runs beside the server while it serves.
    """

    config: ServiceConfig
    offers: Sequence[Offer]
    close: Callable[[], None]
    beside: Sequence[Background] = ()


def main(
    name: str,
    build: Callable[[Environment], Built],
    arguments: Sequence[str],
    commands: Mapping[str, Callable[[Environment, Sequence[str]], int]] | None = None,
) -> int:
    """Run a service's command line, `serve` or `migrate` or one of its own; return the exit code.

    Args:
        name: the service's name.
        build: puts it together from its environment; tests call it too.
        arguments: what follows the program's name.
        commands: the service's own, each called with the environment and the arguments that follow it.
    """
    own = dict(commands or {})
    command, rest = (arguments[0], arguments[1:]) if arguments else ("", ())
    environment = Environment()
    try:
        if command == "serve":
            return _serve(name, build(environment))
        if command == "migrate":
            migrate_from_environment(name, environment)
            return 0
        if command in own:
            return own[command](environment, rest)
    except ConfigurationError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 2
    sys.stderr.write(f"usage: python -m services.{name} {' | '.join(['serve', 'migrate', *own])}\n")
    return 2


def _serve(name: str, built: Built) -> int:
    logging.set_up(name, built.config.log_level)
    if built.config.metrics_listen:
        telemetry.show(built.config.metrics_listen)
    server = Server(built.config.listen, built.offers, built.config.verifier, threads=built.config.threads)
    for part in built.beside:
        part.start()
    collector.settle()
    try:
        server.run()
    finally:
        for part in built.beside:
            part.stop()
        built.close()
    return 0
