"""`python -m services.orchestrator serve | work | migrate`."""

import sys

from chassis.config import ConfigurationError, Environment


def serve() -> None:
    """Serve calls, and beside them sweep, relay and write the runs' directories."""
    from chassis import logging as logs  # noqa: PLC0415 - `work` must not import grpc before it forks
    from chassis.clock import SystemClock  # noqa: PLC0415 - as above
    from chassis.database import Database  # noqa: PLC0415 - as above
    from chassis.passport import Issuer  # noqa: PLC0415 - as above
    from chassis.server import Server  # noqa: PLC0415 - as above
    from services.orchestrator.bells import Bells, celery_app  # noqa: PLC0415 - as above
    from services.orchestrator.clients import Peers  # noqa: PLC0415 - as above
    from services.orchestrator.config import OrchestratorConfig  # noqa: PLC0415 - as above
    from services.orchestrator.offers import offers  # noqa: PLC0415 - as above
    from services.orchestrator.scribe import Scribe  # noqa: PLC0415 - as above
    from services.orchestrator.sweeper import RELAY_S, SCRIBE_S, SWEEP_S, Loop, Relay, sweep  # noqa: PLC0415 - as above

    config = OrchestratorConfig.read(Environment())
    logs.set_up("orchestrator", config.service.log_level)
    database, rounds = Database(config.service.database_url), Database(config.service.sweep_url, pool_size=4)
    peers = Peers(config.addresses, Issuer("orchestrator", config.passport_key))
    bells = Bells(rounds, celery_app(config.redis_url))
    loops = [
        Loop("sweeper", SWEEP_S, lambda: sweep(rounds, bells)),
        Loop("relay", RELAY_S, Relay(rounds, peers).round),
        Loop("scribe", SCRIBE_S, Scribe(rounds, config.runs_dir, config.mirror_dir).round),
    ]
    offered = offers(database, rounds, peers, bells, SystemClock())
    server = Server(config.service.listen, offered, config.service.verifier, threads=config.service.threads)
    for loop in loops:
        loop.start()
    server.run()
    for loop in loops:
        loop.stop()


def work() -> None:
    """Answer doorbells and carry steps."""
    from services.orchestrator.worker import run_worker  # noqa: PLC0415 - imported for this command only

    run_worker()


def migrate() -> None:
    """Bring the database to its newest schema."""
    from chassis.service import migrate_from_environment  # noqa: PLC0415 - imported for this command only

    migrate_from_environment("orchestrator", Environment())


def main() -> int:
    """Run the command that was named."""
    commands = {"serve": serve, "work": work, "migrate": migrate}
    command = commands.get(sys.argv[1] if len(sys.argv) == 2 else "")  # noqa: PLR2004 - the program and one word
    if command is None:
        sys.stderr.write(f"usage: python -m services.orchestrator {' | '.join(commands)}\n")
        return 2
    try:
        command()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
