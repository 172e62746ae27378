"""One supervisor for all processes of this machine: starts them, restarts what dies, stops them in order.

It never looks at what a process does, only at whether it lives; whether it is ready is asked while starting. A process
that dies is started again after a pause that doubles from 0.1 s to 5 s and is forgotten after 10 s of life. Every child
leads a process group of its own: Ctrl-C reaches the supervisor alone, and what a child leaves behind can be ended.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from chassis.embedded.program import Program, last_lines
from cli import watchdog
from cli.errors import StartFailed

PAUSE_FIRST_S = 0.1
PAUSE_MOST_S = 5.0
STEADY_AFTER_S = 10.0
POLL_S = 0.05
TICK_S = 0.1
LOG_BYTES_MAX = 10_000_000
STARTS_TRIED = 4
CONFIGURATION_ERROR = 2  # the exit code with which every process of ours says that its environment is wrong
MARK = "IGNY8_SUPERVISED_BY"


@dataclass(frozen=True)
class Job:
    """A process to keep alive.

    Args:
        program: how it is started and asked to stop.
        stop_round: rounds are stopped in ascending order, one round at once.
        ready: whether it does its work; None asks only whether it lives.
        settle_s: without `ready`, how long it must live to count as started.
        last_signal: ends it when it does not stop in time, or when the supervisor was killed.
    """

    program: Program
    stop_round: int
    ready: Callable[[], bool] | None = None
    settle_s: float = 0.5
    last_signal: signal.Signals = signal.SIGKILL

    @property
    def name(self) -> str:
        """What people call it."""
        return self.program.name


@dataclass
class Child:
    """A job's present process.

    Args:
        job: what it does.
        process: the process; None while it waits for its restart.
        started_at: monotonic seconds of its last start.
        pause_s: how long to wait before the next restart.
        due_at: monotonic seconds of the next restart, when it is dead.
        restarts: how often it was started again.
    """

    job: Job
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    pause_s: float = PAUSE_FIRST_S
    due_at: float = 0.0
    restarts: int = 0

    @property
    def alive(self) -> bool:
        """Whether its process has not ended."""
        return self.process is not None and self.process.poll() is None

    def next_pause(self, now: float) -> float:
        """Return how long to wait after a death now, and remember the longer one after it."""
        if now - self.started_at >= STEADY_AFTER_S:
            self.pause_s = PAUSE_FIRST_S
        pause = self.pause_s
        self.pause_s = min(pause * 2, PAUSE_MOST_S)
        return pause


@dataclass
class Supervisor:
    """Owns children.

    Args:
        logs: folder of a log per process.
        mark: value of the variable that tells our children from other processes, also when they are orphans.
        say: told what happened, for people.
        clock: monotonic seconds.
    """

    logs: Path
    mark: str
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    children: dict[str, Child] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    _watchdog: "subprocess.Popen[bytes] | None" = None

    # ── starting ────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, jobs: Sequence[Job], *, timeout_s: float) -> dict[str, float]:
        """Start jobs at once and wait until all are ready; the seconds each took.

        Raises:
            StartFailed: one says that its environment is wrong, dies again and again, or is not ready in time.
        """
        began = self.clock()
        for job in jobs:
            rotate(self.log_of(job))
            self.children[job.name] = Child(job)
            self._spawn(self.children[job.name])
        took: dict[str, float] = {}
        waiting = {job.name for job in jobs}
        while waiting and not self.stopping.is_set():
            self.tick()
            for name in sorted(waiting):
                child = self.children[name]
                self._give_up_if_hopeless(child)
                if self._is_ready(child):
                    took[name] = self.clock() - began
                    waiting.remove(name)
            if waiting and self.clock() - began > timeout_s:
                raise StartFailed(self._unready(sorted(waiting), timeout_s))
            self.stopping.wait(POLL_S if waiting else 0)
        return took

    def _is_ready(self, child: Child) -> bool:
        if not child.alive:
            return False
        if child.job.ready is None:
            return self.clock() - child.started_at >= child.job.settle_s
        return child.job.ready()

    def _give_up_if_hopeless(self, child: Child) -> None:
        status = child.process.returncode if child.process is not None else None
        if status is None or (status != CONFIGURATION_ERROR and child.restarts < STARTS_TRIED):
            return
        raise StartFailed(
            f"{child.job.name} does not start ({ending(status)}). The end of {self.log_of(child.job)}:\n"
            f"{last_lines(self.log_of(child.job), 8)}"
        )

    def _unready(self, names: list[str], timeout_s: float) -> str:
        logs = [self.log_of(self.children[name].job) for name in names]
        ends = "\n".join(f"{log.stem}: {last_lines(log, 3) or '(its log is empty)'}" for log in logs)
        return f"Not ready within {timeout_s:.0f} s: {', '.join(names)}. Their logs in {self.logs} end with:\n{ends}"

    def _spawn(self, child: Child) -> None:
        program = child.job.program
        marked = replace(program, env={**program.env, MARK: self.mark})
        child.process = marked.spawn(self.log_of(child.job))
        child.started_at = self.clock()
        self._announce(child)

    def _announce(self, child: Child) -> None:
        """Tell the watchdog of a child, with the signal that ends it when we no longer can."""
        if child.process is not None and child.alive:
            self._tell_watchdog(f"+{child.process.pid} {int(child.job.last_signal)}\n")

    def log_of(self, job: Job) -> Path:
        """Return where a job's output goes."""
        return self.logs / f"{job.name}.log"

    # ── living ──────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Keep all children alive until `stopping` is set."""
        while not self.stopping.is_set():
            self.tick()
            self.stopping.wait(TICK_S)

    def tick(self) -> None:
        """Notice who died, and start again who has waited long enough."""
        now = self.clock()
        for child in self.children.values():
            if child.alive:
                continue
            if child.due_at == 0.0:
                self._bury(child, now)
            elif now >= child.due_at:
                child.due_at = 0.0
                child.restarts += 1
                self._spawn(child)
        if self._watchdog is not None and self._watchdog.poll() is not None:
            self._watchdog = None
            for child in self.children.values():
                self._announce(child)

    def _bury(self, child: Child, now: float) -> None:
        if child.process is None:
            return
        end_group(child.process.pid, signal.SIGKILL)  # a killed worker's own children
        self._tell_watchdog(f"-{child.process.pid}\n")
        pause = child.next_pause(now)
        child.due_at = now + pause
        self.say(f"{child.job.name} ended ({ending(child.process.returncode)}); starting it again in {pause:.1f} s")

    # ── stopping ────────────────────────────────────────────────────────────────────────────────────────────────

    def stop(self, timeout_s: float) -> list[str]:
        """Stop all children, round by round, within the time; the names of those that had to be killed."""
        deadline = self.clock() + timeout_s
        killed: list[str] = []
        rounds = sorted({child.job.stop_round for child in self.children.values()})
        for done, number in enumerate(rounds):
            share = max(deadline - self.clock(), 0.0) / (len(rounds) - done)
            # Who is asked first may take more than a fair share: what the early ones save, the late ones have.
            killed += self._stop_round(number, min(share * 2, max(deadline - self.clock() - 0.5, 0.5)))
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
            self._watchdog.wait(timeout=2)
            self._watchdog = None
        self.children.clear()
        return killed

    def _stop_round(self, number: int, share_s: float) -> list[str]:
        members = [child for child in self.children.values() if child.job.stop_round == number]
        for child in members:
            if child.process is not None and child.alive:
                child.process.send_signal(child.job.program.stop_signal)
        until = self.clock() + share_s
        while any(child.alive for child in members) and self.clock() < until:
            time.sleep(POLL_S / 2)
        late = [child for child in members if child.alive]
        for child in members:
            if child.process is not None:
                end_group(child.process.pid, child.job.last_signal if child in late else signal.SIGKILL)
                child.process.wait(timeout=5)
                self._tell_watchdog(f"-{child.process.pid}\n")
        return [child.job.name for child in late if child.job.last_signal is signal.SIGKILL]

    def _tell_watchdog(self, line: str) -> None:
        if self._watchdog is None:
            self._watchdog = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(watchdog.__file__))],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        if self._watchdog.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it was killed; the next tick starts another and tells it all
                self._watchdog.stdin.write(line.encode())
                self._watchdog.stdin.flush()


def ending(status: int) -> str:
    """Return an exit status in words."""
    if status >= 0:
        return f"exit code {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def end_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a process group, if anybody of it is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM where only zombies are left
        os.killpg(group, number)


def rotate(log: Path) -> None:
    """Put a log aside that has grown too large; one older log is kept."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))


def sweep(mark: str) -> list[int]:
    """End processes of ours that an earlier supervisor left behind, watchdog and all killed; their ids.

    They are known by a variable in their environment, which names this data directory. Only the holder of the data's
    lock may call this. Systems without /proc rely on the watchdog alone.
    """
    entry = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            marked = entry in (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile, or is not ours to read
            continue
        if marked and int(folder.name) != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(folder.name), signal.SIGKILL)
            found.append(int(folder.name))
    return found
