"""Environment to typed values: what is missing or wrong is said by name, all of it at once."""

import os
from collections.abc import Mapping


class ConfigurationError(Exception):
    """The environment does not say what is needed: every problem is listed, with the variable to set."""


class Environment:
    """Reads variables and remembers what was wrong, so that one start shows every mistake.

    Args:
        values: the variables; the process's own when absent.
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values
        self._problems: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """Return a variable's text; without a default it must be set."""
        value = self._values.get(name, "")
        if value:
            return value
        if default is None:
            self._problems.append(f"{name} is not set")
            return ""
        return default

    def integer(self, name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
        """Return a variable's whole number within bounds."""
        raw = self._values.get(name, "")
        if not raw:
            return default
        try:
            value = int(raw)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            self._problems.append(f"{name} must be a whole number from {least} to {most}, not {raw!r}")
            return default
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return whether a variable says yes."""
        raw = self._values.get(name, "").lower()
        if raw in {"1", "true", "yes", "on"}:
            return True
        if raw in {"0", "false", "no", "off"}:
            return False
        if raw:
            self._problems.append(f"{name} must be true or false, not {raw!r}")
        return default

    def done(self) -> None:
        """Check that all that was asked for was there.

        Raises:
            ConfigurationError: naming every variable that is missing or wrong.
        """
        if self._problems:
            raise ConfigurationError("The environment is incomplete: " + "; ".join(self._problems) + ".")
