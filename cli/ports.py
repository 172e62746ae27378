"""Ports: chosen once and remembered, so that a restart finds the same addresses."""

import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cli.errors import StartFailed
from cli.home import read_json, write_json

HOST = "127.0.0.1"
# Below the range that systems take outgoing connections from: there, a port could be gone when a service restarts.
RANGE = range(21_000, 32_000)
NEXT_TRIED = 50


@dataclass
class Ports:
    """The ports of one installation.

    Args:
        path: where they are remembered.
        is_free: whether a port of this machine can be taken.
        said: what the user should be told, filled while choosing.
    """

    path: Path
    is_free: Callable[[int], bool]
    said: list[str] = field(default_factory=list)

    def inner(self, names: tuple[str, ...]) -> dict[str, int]:
        """Return a port for each name that only this machine's processes use."""
        known: Mapping[str, int] = read_json(self.path)
        chosen = {name: known[name] for name in names if name in known and self.is_free(known[name])}
        taken = set(chosen.values())
        for name in names:
            if name not in chosen:
                chosen[name] = self._any(taken)
                taken.add(chosen[name])
        self._remember(chosen)
        return chosen

    def outer(self, name: str, wanted: int) -> int:
        """Return the port of an address that people type: the one wanted, or the next that is free.

        Raises:
            StartFailed: none of the next ones is free.
        """
        first = int(read_json(self.path).get(name, wanted))
        candidates: list[int] = [first, *range(wanted, wanted + NEXT_TRIED)]
        for port in candidates:
            if self.is_free(port):
                if port != wanted:
                    self.said.append(f"Port {wanted} is taken: {name} is on {port}.")
                self._remember({name: port})
                return port
        raise StartFailed(f"No port from {wanted} to {wanted + NEXT_TRIED} is free for {name}; choose another.")

    def _any(self, taken: set[int]) -> int:
        candidates: list[int] = secrets.SystemRandom().sample(RANGE, len(RANGE))
        for port in candidates:
            if port not in taken and self.is_free(port):
                return port
        raise StartFailed(f"No port from {RANGE.start} to {RANGE.stop} is free on this machine.")

    def _remember(self, chosen: Mapping[str, int]) -> None:
        write_json(self.path, {**read_json(self.path), **chosen})


def is_free(port: int) -> bool:
    """Return whether a TCP port of this machine can be taken now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed server's connections may linger
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
