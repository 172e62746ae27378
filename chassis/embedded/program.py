"""A program that a supervisor runs as its own child, and how to start and stop it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chassis.embedded.place import OsUser


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot be prepared, started or stopped; the message says what to do."""


@dataclass(frozen=True)
class Program:
    """Everything that starting one child takes.

    Attributes:
        name: what log lines call it.
        argv: executable and arguments.
        cwd: working directory.
        user: the OS user to run as; None keeps the caller's.
        stop_signal: asks for an orderly stop.
        env: added to the caller's environment.
    """

    name: str
    argv: tuple[str, ...]
    cwd: Path
    user: OsUser | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    env: Mapping[str, str] = field(default_factory=dict)

    def spawn(self, log: Path) -> subprocess.Popen[bytes]:
        """Start it, its output going to `log`; in a session of its own, so that Ctrl-C reaches us alone."""
        with log.open("ab") as output:
            return subprocess.Popen(
                self.argv,
                cwd=self.cwd,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.user.uid if self.user else None,
                group=self.user.gid if self.user else None,
                extra_groups=[] if self.user else None,
            )

    def stop(self, process: subprocess.Popen[bytes], timeout_s: float) -> int:
        """Ask for a stop, wait up to `timeout_s` seconds, then kill; the exit status."""
        if process.poll() is None:
            process.send_signal(self.stop_signal)
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a log for an error message; empty when there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])
