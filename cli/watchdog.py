"""Ends the supervisor's children when the supervisor itself was killed.

A killed process cannot clean up. This one holds the reading end of a pipe whose writing end only the supervisor has:
when that closes, every process group that was named and not taken back is stopped. It needs nothing but the standard
library and is started without site packages, so that it costs little.

Lines it reads: `+<process group> <signal>` when a child starts, `-<process group>` when it has ended.
"""

import os
import signal
import sys


def watch() -> None:
    """Read until the supervisor is gone, then stop what it left behind."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # only the pipe's end says that it is over
    groups: dict[int, int] = {}
    for line in sys.stdin:
        verb, rest = line[0], line[1:].split()
        if verb == "+":
            groups[int(rest[0])] = int(rest[1])
        else:
            groups.pop(int(rest[0]), None)
    for group, number in groups.items():
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            continue  # it ended by itself


if __name__ == "__main__":
    watch()
