"""What the orchestrator's processes read from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chassis.config import Environment
from chassis.service import ServiceConfig

PEERS = ("identity", "planner", "writer", "ai", "billing", "integration")


@dataclass(frozen=True)
class OrchestratorConfig:
    """Settings of `serve` and `work`.

    Args:
        service: what every service has.
        addresses: where the others are, by name.
        passport_key: signs the passports of runs.
        redis_url: where the doorbells ring.
        runs_dir: where runs write their logs.
        mirror_dir: a second place for them, or None.
    """

    service: ServiceConfig
    addresses: Mapping[str, str]
    passport_key: str = field(repr=False)
    redis_url: str = field(repr=False)
    runs_dir: Path
    mirror_dir: Path | None

    @classmethod
    def read(cls, environment: Environment) -> "OrchestratorConfig":
        """Read the environment.

        Raises:
            ConfigurationError: naming every variable that is missing or wrong.
        """
        mirror = environment.text("RUNS_MIRROR_DIR", "-")
        config = cls(
            service=ServiceConfig.read("orchestrator", environment),
            addresses={name: environment.text(f"{name.upper()}_ADDRESS") for name in PEERS},
            passport_key=environment.text("PASSPORT_KEY"),
            redis_url=environment.text("REDIS_URL"),
            runs_dir=Path(environment.text("RUNS_DIR", "runs")),
            mirror_dir=None if mirror == "-" else Path(mirror),
        )
        environment.done()
        return config


def rooms(environment: Environment, name: str, default: Mapping[str, int]) -> dict[str, int]:
    """Return how many steps of each lane go at once: WORKER_ROOM_TEXT a drain, WORKER_SITE_ROOM_TEXT a site.

    Args:
        environment: where it may be said.
        name: "WORKER_ROOM" or "WORKER_SITE_ROOM".
        default: by lane, where it is not.
    """
    return {
        lane: environment.integer(f"{name}_{lane.upper()}", most, least=1, most=1000) for lane, most in default.items()
    }
