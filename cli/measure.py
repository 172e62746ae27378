"""What the house costs on this machine: seconds to start, and memory as the sum of PSS (Linux).

PSS counts a page that n processes share as 1/n for each, so that the sum is what the house really takes.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KIB = 1024


@dataclass(frozen=True)
class Memory:
    """PSS by process name, in bytes."""

    by_name: dict[str, int]

    @property
    def total(self) -> int:
        """All of it, in bytes."""
        return sum(self.by_name.values())


def memory(supervisor_pid: int) -> Memory:
    """Return the PSS of a supervisor and of everything that it started, children's children included."""
    sums: dict[str, int] = {}
    for pid in (supervisor_pid, *_descendants(supervisor_pid)):
        folder = Path("/proc") / str(pid)
        try:
            name = "supervisor" if pid == supervisor_pid else _name((folder / "cmdline").read_bytes())
            sums[name] = sums.get(name, 0) + _pss((folder / "smaps_rollup").read_text())
        except OSError:  # it ended meanwhile, or is not ours to read
            continue
    return Memory(dict(sorted(sums.items(), key=lambda pair: -pair[1])))


def _descendants(pid: int) -> Iterator[int]:
    children = _children()
    waiting = list(children.get(pid, ()))
    while waiting:
        found = waiting.pop()
        waiting += children.get(found, ())
        yield found


def _children() -> dict[int, list[int]]:
    """Return every process's children. Not by environment: PostgreSQL and Redis write their titles over theirs."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    return children


def _pss(rollup: str) -> int:
    line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * KIB


def _name(command_line: bytes) -> str:
    words = command_line.decode(errors="replace").replace("\0", " ").split()
    if any(word.endswith("watchdog.py") for word in words):
        return "watchdog"
    if "-m" in words:
        return " ".join(words[words.index("-m") + 1 :][:2])
    return os.path.basename(words[0]).rstrip(":") if words else "(ending)"  # noqa: PTH119 - a title, not a path
