"""The data directory: where everything of one installation lies, and the lock that one process holds on it."""

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chassis.embedded.place import write_private
from cli.errors import AlreadyRunning

DEFAULT = Path(".igny8")


@dataclass(frozen=True)
class Home:
    """The paths of one installation.

    Args:
        data: the folder of all of them, absolute.
    """

    data: Path

    @classmethod
    def at(cls, data: Path) -> "Home":
        """Return the home in a folder, made when missing."""
        home = cls(data.absolute())
        for folder in (home.data, home.logs, home.runs, home.sites, home.objects):
            folder.mkdir(parents=True, exist_ok=True)
        return home

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.data / "logs"

    @property
    def runs(self) -> Path:
        """The runs' own directories."""
        return self.data / "runs"

    @property
    def sites(self) -> Path:
        """Published pages of the built-in destination."""
        return self.data / "sites"

    @property
    def objects(self) -> Path:
        """Uploads and pictures."""
        return self.data / "objects"

    @property
    def secrets(self) -> Path:
        """Generated keys, readable by the owner only."""
        return self.data / "secrets.json"

    @property
    def operator_key(self) -> Path:
        """The platform operator's API key, readable by the owner only."""
        return self.data / "operator.key"

    @property
    def ports(self) -> Path:
        """Ports chosen once."""
        return self.data / "ports.json"

    @property
    def state(self) -> Path:
        """What runs now: written when everything is up, removed when it stops."""
        return self.data / "up.json"

    @property
    def client(self) -> Path:
        """The API key and site that commands on this machine use, readable by the owner only."""
        return self.data / "client.json"


def read_json(path: Path) -> dict[str, Any]:
    """Return a file's JSON object; empty when there is no such file."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object that only its owner reads, whole or not at all."""
    write_private(path, json.dumps(content, indent=1) + "\n")


class DataLock:
    """Holds the data directory for one process; the kernel lets go of it however that process ends.

    Args:
        home: whose directory.

    Raises:
        AlreadyRunning: on entering, naming the process that holds it.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._path = home.data / "lock"
        self._descriptor = -1

    def __enter__(self) -> Self:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode().strip() or "unknown"
            os.close(descriptor)
            raise AlreadyRunning(self._home.data, holder) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


def holder(home: Home) -> int | None:
    """Return the process that holds a data directory; None when nobody does."""
    try:
        with DataLock(home):
            return None
    except AlreadyRunning:
        text = (home.data / "lock").read_text().strip()
        return int(text) if text.isdigit() else 0
