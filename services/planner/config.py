"""What the planner reads of its environment, beside what every service reads (`chassis.service`).

| variable    | what it says                                                                  |
|-------------|-------------------------------------------------------------------------------|
| OBJECTS_URL | the object store that uploads are put into: "file:///var/lib/igny8/objects"   |
"""

from dataclasses import dataclass

from chassis.config import Environment
from chassis.service import ServiceConfig


@dataclass(frozen=True)
class PlannerConfig:
    """The planner's whole configuration."""

    service: ServiceConfig
    objects_url: str

    @classmethod
    def read(cls, environment: Environment) -> "PlannerConfig":
        """Read all of it.

        Raises:
            ConfigurationError: naming every variable that is missing or wrong.
        """
        config = cls(ServiceConfig.read("planner", environment), environment.text("OBJECTS_URL"))
        environment.done()
        return config
