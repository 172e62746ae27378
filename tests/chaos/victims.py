"""The processes of an installation, by what the script calls them; killed, frozen and thawed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis

from tests.chaos.house import House
from tests.chaos.script import BACKEND, SERVICES, SUPERVISOR, WORKER, WORKER_CHILD, Blow

WAIT_S = 10.0  # for a victim that is just being started again
_WORK = "services.orchestrator work"


@dataclass(frozen=True)
class Frozen:
    """Processes that were stopped; `born` tells them from later ones of the same ids."""

    born: Mapping[int, str]


@dataclass
class Victims:
    """Whom the blows hit.

    Args:
        house: the running installation.
        frozen: who is stopped just now; they are left alone until they go on.
    """

    house: House
    frozen: set[int] = field(default_factory=set)

    def kill(self, blow: Blow) -> bool:
        """Kill whom a blow names; return whether there was anybody."""
        if blow.victim == SUPERVISOR:
            self.house.kill()
            return True
        hit = self._wait_for(blow)
        for pid in hit:
            _signal(pid, signal.SIGKILL)
        return bool(hit)

    def freeze(self, blow: Blow) -> Frozen:
        """Stop whom a blow names."""
        hit = self._wait_for(blow)
        for pid in hit:
            _signal(pid, signal.SIGSTOP)
        self.frozen |= set(hit)
        return Frozen({pid: _born(pid) for pid in hit})

    def thaw(self, frozen: Frozen) -> bool:
        """Let stopped processes go on; return whether all of them were still there."""
        self.frozen -= set(frozen.born)
        there = [pid for pid, born in frozen.born.items() if born and _born(pid) == born]
        for pid in there:
            _signal(pid, signal.SIGCONT)
        return bool(there) and len(there) == len(frozen.born)

    def flush(self) -> bool:
        """Empty Redis; return whether it answered."""
        try:
            with redis.Redis.from_url(self.house.redis_url, socket_timeout=2, socket_connect_timeout=2) as client:
                return bool(client.flushall())
        except redis.RedisError:
            return False

    def _wait_for(self, blow: Blow) -> Sequence[int]:
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            found = self._find(blow)
            if found:
                return found
            time.sleep(0.05)
        return []

    def _find(self, blow: Blow) -> Sequence[int]:
        if blow.victim in SERVICES:
            return self._top(f"services.{blow.victim} serve")
        find: Mapping[str, Callable[[], Sequence[Sequence[int]]]] = {
            WORKER: lambda: [[pid, *self._children(pid)] for pid in self._top(_WORK)],
            WORKER_CHILD: lambda: [[child] for pid in self._top(_WORK) for child in self._children(pid)],
            "gateway": lambda: [self._top("-m gateway")],
            "redis": lambda: [self._top("redis-server")],
            "postgres": lambda: [[pid, *self._children(pid)] for pid in self._top("bin/postgres")],
            BACKEND: lambda: [
                [pid] for pid in self.house.installation.processes("[local]") if "postgres:" in _command(pid)
            ],
        }
        several = [some for some in find[blow.victim]() if some and not self._frozen(some)]
        if not several:
            return []
        chosen = several[int(blow.pick * len(several))]
        # A parent dies alone: what becomes of its children is its supervisor's business.
        return chosen[:1] if blow.kind == "kill" else chosen

    def _frozen(self, pids: Sequence[int]) -> bool:
        """Return whether any of them, or a child of theirs, is stopped: it would not outlive its parent."""
        return any(pid in pids or _parent(pid) in pids for pid in self.frozen)

    def _top(self, command: str) -> list[int]:
        house = self.house.installation
        return [pid for pid in house.processes(command) if _parent(pid) == house.supervisor]

    def _children(self, parent: int) -> list[int]:
        wanted = _command(parent)
        same = [pid for pid in self.house.installation.processes("") if _parent(pid) == parent]
        return [pid for pid in same if _command(pid) == wanted or "postgres:" in _command(pid)]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:  # it ended by itself meanwhile
        return


def _stat(pid: int) -> Sequence[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return []


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else -1


def _born(pid: int) -> str:
    """Return when a process began, in ticks since the machine started; nothing for one that is gone or dead."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else ""


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it has ended
        return ""
