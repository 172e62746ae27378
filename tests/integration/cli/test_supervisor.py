"""The supervisor with small real programs: restarts, order of stopping, and nothing left behind."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chassis.embedded.program import Program
from cli.errors import StartFailed
from cli.supervisor import MARK, Job, Supervisor, sweep

SLEEPER = "import time; time.sleep(60)"
# Says when it is asked to stop, so that an order can be seen.
POLITE = """
import signal, sys, time
def stop(*_):
    with open({journal!r}, "a") as journal:
        journal.write({name!r} + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open({ready!r}, "w").close()
time.sleep(60)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = """
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", {code!r}]).pid, flush=True)
time.sleep(60)
"""


def job(name: str, code: str, tmp_path: Path, *, stop_round: int = 0, ready: Callable[[], bool] | None = None) -> Job:
    return Job(Program(name, (sys.executable, "-c", code), tmp_path), stop_round, ready, settle_s=0.05)


def polite(name: str, tmp_path: Path, stop_round: int) -> Job:
    ready = tmp_path / f"{name}.ready"
    code = POLITE.format(name=name, journal=str(tmp_path / "journal"), ready=str(ready))
    return job(name, code, tmp_path, stop_round=stop_round, ready=ready.exists)


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Supervisor]:
    said: list[str] = []
    made = Supervisor(tmp_path, str(tmp_path), said.append)
    yield made
    made.stop(2)


class TestRestart:
    def test_a_killed_child_is_started_again(self, keeper: Supervisor, tmp_path: Path) -> None:
        keeper.start([job("sleeper", SLEEPER, tmp_path)], timeout_s=10)
        child = keeper.children["sleeper"]
        assert child.process is not None
        first = child.process.pid
        loop = threading.Thread(target=keeper.run)
        loop.start()
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: child.alive and child.process is not None and child.process.pid != first)
        keeper.stopping.set()
        loop.join()
        assert child.restarts == 1

    def test_what_a_killed_child_had_started_is_ended_first(self, keeper: Supervisor, tmp_path: Path) -> None:
        keeper.start([job("worker", PARENT.format(code=SLEEPER), tmp_path)], timeout_s=10)
        child, log = keeper.children["worker"], tmp_path / "worker.log"
        assert child.process is not None
        wait_for(lambda: log.read_text().strip() != "")
        orphan = int(log.read_text().split()[0])
        os.kill(child.process.pid, signal.SIGKILL)
        wait_for(lambda: not child.alive)
        keeper.tick()
        wait_for(lambda: not lives(orphan))


class TestStart:
    def test_a_wrong_environment_ends_it_at_once_with_the_log(self, keeper: Supervisor, tmp_path: Path) -> None:
        code = "import sys; print('WRITER_LISTEN is not set'); sys.exit(2)"
        with pytest.raises(StartFailed, match=r"exit code 2(.|\n)*WRITER_LISTEN is not set"):
            keeper.start([job("writer", code, tmp_path, ready=lambda: False)], timeout_s=30)

    def test_not_ready_in_time_says_who(self, keeper: Supervisor, tmp_path: Path) -> None:
        with pytest.raises(StartFailed, match="Not ready within 0 s: slow"):
            keeper.start([job("slow", SLEEPER, tmp_path, ready=lambda: False)], timeout_s=0.3)


class TestStop:
    def test_goes_round_by_round(self, keeper: Supervisor, tmp_path: Path) -> None:
        names = ["postgres", "identity", "worker", "gateway"]
        keeper.start([polite(name, tmp_path, 3 - place) for place, name in enumerate(names)], timeout_s=10)
        assert keeper.stop(5) == []
        assert (tmp_path / "journal").read_text().split() == ["gateway", "worker", "identity", "postgres"]

    def test_who_does_not_listen_is_killed_within_the_time(self, keeper: Supervisor, tmp_path: Path) -> None:
        log = tmp_path / "stubborn.log"
        ready = lambda: log.exists() and "up" in log.read_text()  # noqa: E731 - one line, used once
        keeper.start([job("stubborn", STUBBORN, tmp_path, ready=ready)], timeout_s=10)
        began = time.monotonic()
        assert keeper.stop(1) == ["stubborn"]
        assert time.monotonic() - began < 3


SUPERVISOR = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from chassis.embedded.program import Program
from cli.supervisor import Job, Supervisor
here = Path({here!r})
keeper = Supervisor(here, str(here), print)
program = Program("parent", (sys.executable, "-c", {code!r}), here)
keeper.start([Job(program, 0, settle_s=0.3)], timeout_s=10)
print(keeper.children["parent"].process.pid, keeper._watchdog.pid, flush=True)
keeper.run()
"""


class TestKilledSupervisor:
    @pytest.fixture
    def killed(self, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", int, int, int]]:
        """A supervisor in a process of its own: (process, child, its grandchild, its watchdog)."""
        root = Path(__file__).parents[3]
        code = textwrap.dedent(SUPERVISOR).format(root=str(root), here=str(tmp_path), code=PARENT.format(code=SLEEPER))
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        child, watchdog = (int(pid) for pid in process.stdout.readline().split())
        wait_for(lambda: (tmp_path / "parent.log").read_text().strip() != "")
        grandchild = int((tmp_path / "parent.log").read_text().split()[0])
        yield process, child, grandchild, watchdog
        process.stdout.close()
        for pid in (process.pid, child, grandchild, watchdog):
            if lives(pid):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def test_leaves_nothing_running(self, killed: tuple["subprocess.Popen[str]", int, int, int]) -> None:
        process, child, grandchild, watchdog = killed
        process.kill()
        wait_for(lambda: not any(lives(pid) for pid in (child, grandchild, watchdog)))

    def test_is_swept_up_by_the_next_when_the_watchdog_was_killed_too(
        self, killed: tuple["subprocess.Popen[str]", int, int, int], tmp_path: Path
    ) -> None:
        process, child, grandchild, watchdog = killed
        process.send_signal(signal.SIGSTOP)  # so that it does not start another
        os.kill(watchdog, signal.SIGKILL)
        process.kill()
        process.wait()
        assert set(sweep(str(tmp_path))) == {child, grandchild}
        wait_for(lambda: not any(lives(pid) for pid in (child, grandchild)))

    def test_a_sweep_leaves_other_installations_alone(self, tmp_path: Path) -> None:
        environment = {**os.environ, MARK: str(tmp_path / "other")}
        with subprocess.Popen([sys.executable, "-c", SLEEPER], env=environment) as other:
            assert sweep(str(tmp_path)) == []
            assert other.poll() is None
            other.kill()
