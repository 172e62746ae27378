"""The whole house as a user starts it: up, killed, up again, stopped."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.home import read_json
from cli.measure import memory
from cli.ports import HOST, is_free
from cli.supervisor import MARK

START_TIMEOUT_S = 90.0
STOP_MOST_S = 10.0
MEMORY_MOST = 2_500_000_000
COMMAND = (sys.executable, "-m", "cli.main")

pytestmark = pytest.mark.slow


class Up:
    """`igny8 up` in a process of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.output = data.with_suffix(".out")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "up", "--data", str(data), "--port", "18480", "--sites-port", "18490"],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> dict[str, object]:
        """Wait until it says that it is up; what it wrote down."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._state().get("pid") != self.process.pid:
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)
        return self._state()

    def _state(self) -> dict[str, object]:
        return read_json(self.data / "up.json")

    def stop(self) -> tuple[int, float]:
        """Ask it to stop; its exit code and the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=30)
        return code, time.monotonic() - began


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def doctor(data: Path) -> "subprocess.CompletedProcess[str]":
    return command("doctor", "--data", str(data))


def left_behind(data: Path) -> list[str]:
    entry = f"{MARK}={data}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    # Not below pytest's own folder: it is closed to the user that PostgreSQL runs as.
    folder = Path(f"/tmp/igny8-up-{os.getpid()}")  # noqa: S108 - see above; the name is ours alone
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".out").unlink(missing_ok=True)


def test_comes_up_whole_is_refused_a_second_time_and_leaves_nothing_when_killed(data: Path) -> None:
    up = Up(data)
    try:
        state = up.wait()
        assert str(state["api_url"]).startswith(f"http://{HOST}:")
        examined = doctor(data)
        assert examined.returncode == 0, examined.stdout
        compared = command("admin", "reconcile", "--data", str(data))
        assert (compared.returncode, "Nothing differs." in compared.stdout) == (0, True), (
            compared.stdout + compared.stderr
        )
        assert memory(up.process.pid).total < MEMORY_MOST

        second = subprocess.run(
            [*COMMAND, "up", "--data", str(data)], capture_output=True, text=True, timeout=60, check=False
        )
        assert second.returncode == 1
        assert f"process {up.process.pid}" in second.stderr
    finally:
        up.process.kill()
        up.process.wait()
    deadline = time.monotonic() + 5
    while left_behind(data) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left_behind(data) == []


def test_comes_up_again_after_the_kill_and_stops_cleanly(data: Path) -> None:
    up = Up(data)
    try:
        ports = up.wait()["ports"]
        code, seconds = up.stop()
    finally:
        up.process.kill()
        up.process.wait()
    assert code == 0, up.output.read_text()
    assert seconds < STOP_MOST_S, up.output.read_text()
    assert left_behind(data) == []
    assert isinstance(ports, dict)
    assert all(is_free(port) for port in ports.values())
