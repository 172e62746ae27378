"""Keeps servers alive exactly as long as whoever started it: a script with a JSON job as its argument.

The job: `servers` (each `argv`, `env`, `log`, and `unix` or `port` to wait for), `folder` (removed at the
end, or null), `graceful` (shut down before the kill, for data that is kept). It says "ready" on its output,
then waits for its input to close: that happens when the owner asks, ends, or is killed with -9. A second
process, the guard, waits for this one's end in the same way and clears up, so that either may be killed.
(PR_SET_PDEATHSIG is not enough: PHP's workers do not inherit it and outlive their master.)
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

READY_S = 30
STOP_S = 20


def start(server: dict[str, Any], guard: int) -> "subprocess.Popen[bytes]":
    """Start one server in a process group of its own, tell the guard, and wait until it listens."""
    with Path(server["log"]).open("ab") as log:
        process = subprocess.Popen(
            server["argv"],
            env={**os.environ, **server["env"]},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    os.write(guard, f"{process.pid}\n".encode())
    until = time.monotonic() + READY_S
    while not listens(server):
        if process.poll() is not None or time.monotonic() > until:
            said = Path(server["log"]).read_text(errors="replace")[-1_500:]
            raise RuntimeError(f"{server['argv'][0]} did not start; it said: {said}")
        time.sleep(0.02)
    return process


def listens(server: dict[str, Any]) -> bool:
    """Whether the server takes connections."""
    unix = "unix" in server
    address = server["unix"] if unix else ("127.0.0.1", server["port"])
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as probe:
        return probe.connect_ex(address) == 0


def guard_until_closed(told: int, folder: str | None) -> None:
    """Collect process groups until the supervisor's end closes the pipe, then end them all."""
    with os.fdopen(told) as lines:
        groups = [int(line) for line in lines]
    for group in reversed(groups):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Start the servers, wait for the owner's end, leave nothing behind."""
    job = json.loads(sys.argv[1])
    told, guard = os.pipe()
    guard_id = os.fork()
    if guard_id == 0:
        os.close(guard)
        guard_until_closed(told, job["folder"])
        os._exit(0)
    os.close(told)
    running: list[subprocess.Popen[bytes]] = []
    try:
        for server in job["servers"]:
            running.append(start(server, guard))  # noqa: PERF401 - one that fails must not hide the others
        print("ready", flush=True)
        sys.stdin.buffer.read()
    except RuntimeError as error:
        print(f"failed: {error}", flush=True)
    finally:
        for process in reversed(running if job["graceful"] else []):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
        os.close(guard)
        os.waitpid(guard_id, 0)


if __name__ == "__main__":
    main()
