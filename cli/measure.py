"""What the house costs on this machine: seconds to start, and memory as the sum of PSS (Linux).

PSS counts a page that n processes share as 1/n for each, so that the sum is what the house really takes.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from cli.supervisor import MARK

KIB = 1024


@dataclass(frozen=True)
class Memory:
    """PSS by process name, in bytes."""

    by_name: dict[str, int]

    @property
    def total(self) -> int:
        """All of it, in bytes."""
        return sum(self.by_name.values())


def memory(data: Path, supervisor_pid: int) -> Memory:
    """Return the PSS of a supervisor and of everything that it started, children's children included."""
    entry = f"{MARK}={data}".encode()
    sums: dict[str, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = int(folder.name) == supervisor_pid or entry in (folder / "environ").read_bytes().split(b"\0")
            if ours:
                name = _name((folder / "cmdline").read_bytes(), int(folder.name) == supervisor_pid)
                sums[name] = sums.get(name, 0) + _pss((folder / "smaps_rollup").read_text())
        except OSError:  # it ended meanwhile, or is not ours to read
            continue
    return Memory(dict(sorted(sums.items(), key=lambda pair: -pair[1])))


def _pss(rollup: str) -> int:
    line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1]) * KIB


def _name(command_line: bytes, is_supervisor: bool) -> str:
    if is_supervisor:
        return "supervisor"
    words = command_line.decode(errors="replace").replace("\0", " ").split()
    if "-m" in words:
        return " ".join(words[words.index("-m") + 1 :][:2])
    return os.path.basename(words[0]).rstrip(":") if words else "(ending)"  # noqa: PTH119 - a title, not a path
