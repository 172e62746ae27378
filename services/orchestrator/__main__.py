"""`python -m services.orchestrator serve | migrate | work`.

`work` forks, and grpc must not be imported before a fork: what imports it is imported by `serve` and `migrate` only.
"""

import sys
from typing import TYPE_CHECKING

from chassis.config import ConfigurationError, Environment

if TYPE_CHECKING:
    from chassis.service import Built


def build(environment: Environment) -> "Built":
    """Put the service together, with what it does beside serving calls.

    Raises:
        ConfigurationError: the environment is incomplete.
    """
    from services.orchestrator.assembly import assemble  # noqa: PLC0415 - imports grpc

    return assemble(environment)


def work() -> int:
    """Answer doorbells and carry steps."""
    from services.orchestrator.worker import run_worker  # noqa: PLC0415 - for this command only

    try:
        run_worker()
    except ConfigurationError as error:
        sys.stderr.write(f"orchestrator: {error}\n")
        return 2
    return 0


def main(arguments: list[str]) -> int:
    """Run the command that was named; return the exit code."""
    if arguments == ["work"]:
        return work()
    from chassis import service  # noqa: PLC0415 - imports grpc

    return service.main("orchestrator", build, arguments, {"work": lambda *_: work()})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
