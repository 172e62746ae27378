"""An installation that can lose its supervisor: `igny8 up`, killed, and started again on the same data."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.redis import EmbeddedRedis
from cli.ports import is_free
from tests.e2e.installation import ROOT, START_S, STOP_S, Installation, wait_for


@dataclass
class House:
    """A running installation.

    Args:
        data: its data directory.
        environment: what is said to it, beside our own.
        ports: of the gateway and of the published pages; not the usual ones, which another installation may choose in
            the same moment.
    """

    data: Path
    environment: Mapping[str, str]
    ports: tuple[int, int] = field(default_factory=lambda: (_free_port(), _free_port()))
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start everything and wait until it is up."""
        command = [str(Path(sys.executable).with_name("igny8")), "up", "--data", str(self.data)]
        command += ["--port", str(self.ports[0]), "--sites-port", str(self.ports[1])]
        with (self.data / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **self.environment}, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            wait_for(self._is_up, "igny8 up", START_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{(self.data / 'up.log').read_text()[-3000:]}") from error

    def _is_up(self) -> bool | None:
        assert self._process is not None
        assert self._process.poll() is None, f"igny8 up ended with {self._process.returncode}"
        return True if self._state().get("pid") == self._process.pid else None

    def _state(self) -> Mapping[str, object]:
        path = self.data / "up.json"
        state: Mapping[str, object] = json.loads(path.read_text()) if path.exists() else {}
        return state

    def kill(self) -> None:
        """Kill the supervisor, and with it everything; start it all again."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_S)
        self.start()

    def stop(self) -> None:
        """End it; it must end by itself when it is asked to."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)

    @property
    def installation(self) -> Installation:
        """What runs now."""
        assert self._process is not None
        return Installation(self.data, str(self._state()["api_url"]), self._process.pid)

    @property
    def admin_url(self) -> str:
        """Its databases, as their superuser."""
        return EmbeddedPostgres(self.data / "postgres").admin_url

    @property
    def redis_url(self) -> str:
        """Its Redis."""
        ports = self._state()["ports"]
        assert isinstance(ports, dict)
        return EmbeddedRedis(self.data / "redis", port=ports["redis"]).url


def _free_port() -> int:
    """Return a port below those that `igny8 up` and outgoing connections choose from."""
    candidates = random.SystemRandom().sample(range(10_000, 20_000), 100)
    return next(port for port in candidates if is_free(port))


@contextmanager
def running(data: Path, environment: Mapping[str, str]) -> Iterator[House]:
    """Run a house for the length of a `with` block."""
    data.mkdir(parents=True, exist_ok=True)
    house = House(data, environment)
    try:
        house.start()
        yield house
    finally:
        house.stop()
