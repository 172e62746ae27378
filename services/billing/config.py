"""What billing reads from the environment: only what is common to all services."""

from dataclasses import dataclass
from typing import Self

from chassis.config import Environment
from chassis.service import ServiceConfig

THREADS = 64  # as many as a batch: those who wait for a busy account must not keep all others out


@dataclass(frozen=True)
class BillingConfig:
    """How billing runs."""

    service: ServiceConfig

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """Read the environment.

        Raises:
            ConfigurationError: naming every variable that is missing or wrong.
        """
        config = cls(ServiceConfig.read("billing", environment, threads=THREADS))
        environment.done()
        return config
