"""A service under test as it really runs: its own process, its own environment, called over its own port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import grpc

START_S = 30.0
STOP_S = 15.0


def free_address() -> str:
    """Return an address on this machine that nobody listens on just now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@dataclass(frozen=True)
class Wanted:
    """A service to run: its package, where its environment tells it to listen, and all of that environment."""

    module: str
    address: str
    environment: Mapping[str, str] = field(repr=False)


@contextmanager
def serving_processes(wanted: Sequence[Wanted]) -> Iterator[dict[str, str]]:
    """Run `python -m <module> serve` of each, side by side, for the length of a `with` block.

    Yields:
        By module, what was said by those that ended or did not listen within half a minute.
    """
    with ExitStack() as stack:
        started = [(each, *_start(each, stack)) for each in wanted]
        failures = {}
        for each, process, said in started:
            if not _listens(process, each.address):
                said.seek(0)
                failures[each.module] = said.read()[-2000:].decode(errors="replace") or "It said nothing."
        try:
            yield failures
        finally:
            for _, process, _ in started:
                process.terminate()
            for _, process, _ in started:
                _end(process)


def _start(wanted: Wanted, stack: ExitStack) -> tuple[subprocess.Popen[bytes], BinaryIO]:
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    said = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    process = subprocess.Popen(
        [sys.executable, "-m", wanted.module, "serve"],
        env={**inherited, **wanted.environment},
        cwd=Path(__file__).resolve().parents[2],
        stdout=said,
        stderr=subprocess.STDOUT,
    )
    return process, cast("BinaryIO", said)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_S)


def _listens(process: subprocess.Popen[bytes], address: str) -> bool:
    until = time.monotonic() + START_S
    with grpc.insecure_channel(address) as channel:
        while time.monotonic() < until and process.poll() is None:
            try:
                grpc.channel_ready_future(channel).result(timeout=0.3)
            except grpc.FutureTimeoutError:
                continue
            return True
    return False
