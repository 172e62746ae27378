"""What the command fails with. The message is what the user reads; it ends with what to do.

CommandError
├── AlreadyRunning     another process holds the data directory
├── StartFailed        a process did not come up
├── SettingsIncomplete the environment names half of something
├── SettingsWrong      a variable says what cannot be done
├── Unreachable        no gateway answers
├── Refused            the gateway answered with a problem document
└── DemoFailed         the demo's end is not what it should be
"""

from pathlib import Path


class CommandError(Exception):
    """Anything that ends a command with exit code 1 and a message for people."""


class AlreadyRunning(CommandError):
    """Another process holds the data directory."""

    def __init__(self, data: Path, pid: str) -> None:
        super().__init__(
            f"igny8 is running on {data} already (process {pid}). Stop it there with Ctrl-C or with `kill {pid}`, "
            "or choose another folder with --data."
        )


class StartFailed(CommandError):
    """A process did not come up; carries the end of its log."""


class SettingsIncomplete(CommandError):
    """The environment names a part of something that is only of use as a whole."""


class SettingsWrong(CommandError):
    """A variable of the environment says something that cannot be done."""


class Unreachable(CommandError):
    """No gateway answers at the address."""


class DemoFailed(CommandError):
    """The demo went through, but its books or counts are not what they should be."""
