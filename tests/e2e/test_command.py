"""The `igny8` command as people use it: in a terminal, in a second one beside it, and where there is none."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from cli.api import Json, Refused
from tests.e2e.installation import EXAMPLE, Customer, Installation, a_customer

IGNY8 = str(Path(sys.executable).with_name("igny8"))
NOWHERE = "0197a1b2-0000-7000-8000-000000000000"
_ESCAPES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]|\r")


@pytest.fixture(scope="module")
def customer(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Customer:
    made = a_customer(installation, "commander")
    keywords = tmp_path_factory.mktemp("commands") / "keywords.csv"
    keywords.write_text("".join(EXAMPLE.read_text().splitlines(keepends=True)[:40]))
    made.upload(keywords)
    return made


def environment(customer: Customer, home: Path) -> dict[str, str]:
    named = {"IGNY8_API": customer.api.url, "IGNY8_API_KEY": customer.secret, "IGNY8_SITE": customer.site}
    return {**os.environ, **named, "HOME": str(home), "COLUMNS": "120", "TERM": "xterm-256color"}


def igny8(customer: Customer, home: Path, *words: str, code: int = 0) -> str:
    """Run a command where there is no terminal; return all that it printed."""
    answer = subprocess.run(
        [IGNY8, *words],
        env=environment(customer, home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed = answer.stdout + answer.stderr
    assert answer.returncode == code, printed
    return printed


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", screen: int) -> None:
        self.process, self._screen, self._seen = process, screen, ""

    def wait_for(self, words: str, timeout_s: float = 60.0) -> None:
        """Read until something is on the screen."""
        until = time.monotonic() + timeout_s
        while words not in self._seen:
            readable, _, _ = select.select([self._screen], [], [], max(until - time.monotonic(), 0))
            assert readable, f"{words!r} was not shown in {timeout_s:.0f} s:\n{self._seen}"
            try:
                self._seen += _ESCAPES.sub("", os.read(self._screen, 65536).decode(errors="replace"))
            except OSError as error:  # the command has ended
                raise AssertionError(f"{words!r} was never shown:\n{self._seen}") from error

    def end(self) -> int:
        """Wait for the command; return its exit code."""
        return self.process.wait(60)


@contextmanager
def terminal(customer: Customer, home: Path, *words: str) -> Iterator[Terminal]:
    """Run a command in a terminal for the length of a `with` block."""
    screen, inner = pty.openpty()
    process = subprocess.Popen(
        [IGNY8, *words], env=environment(customer, home), cwd=home, stdin=inner, stdout=inner, stderr=inner
    )
    os.close(inner)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait(30)
        os.close(screen)


class TestElsewhere:
    def test_a_run_is_quoted_told_line_by_line_and_listed(self, customer: Customer, tmp_path: Path) -> None:
        assert "1 / 20 keywords" in igny8(customer, tmp_path, "quote", "--stages", "1,2", "--cap", "2=1")
        told = igny8(customer, tmp_path, "run", "--stages", "1,2", "--cap", "2=1", "--yes")
        assert "1 keywords to clusters: 1 of 1 in" in told
        assert "2 clusters to ideas: 1 of 1 in" in told
        assert "\x1b" not in told
        [name] = set(re.findall(r"run_\d{8}_\d{6}_manual", told))
        assert name in igny8(customer, tmp_path, "runs", "--status", "completed")
        assert "run_completed: Completed." in igny8(customer, tmp_path, "log", name, "-n", "5")
        assert "3 ideas to tasks" in igny8(customer, tmp_path, "pipeline")

    def test_a_used_up_quote_ends_it_with_the_command_that_goes_on(self, customer: Customer, tmp_path: Path) -> None:
        igny8(customer, tmp_path, "run", "--stages", "1", "--yes")
        stopped = igny8(customer, tmp_path, "run", "--stages", "2", "--max-credits", "6", "--yes", code=1)
        assert "the quote is used up" in stopped
        assert "igny8 resume run_" in stopped
        assert "goes on" in igny8(customer, tmp_path, "resume", "--yes")
        [run] = customer.api.get(customer.path("runs"), page_size=1, order_by="create_time desc")["runs"]
        assert customer.wait(run["id"])["status"] == "completed"
        steps = customer.steps(run["id"])
        assert customer.api.get(f"/v1/runs/{run['id']}")["captured_credits"] == sum(step["credits"] for step in steps)


def paused(customer: Customer) -> Json:
    """Return a run that is paused; one that has nothing to do may be over before the pause comes."""
    for _ in range(20):
        run = customer.start(stages=[3])
        with suppress(Refused):
            customer.api.post(f"/v1/runs/{run['id']}:pause")
        time.sleep(0.3)
        if customer.api.get(f"/v1/runs/{run['id']}")["status"] == "paused":
            return run
        time.sleep(1)  # runs are named by the second
    raise AssertionError("every run was over before it could be paused")


class TestTwoTerminals:
    def test_the_first_sees_at_once_what_the_second_does(self, customer: Customer, tmp_path: Path) -> None:
        run = paused(customer)
        with terminal(customer, tmp_path, "run", "--follow", run["name"]) as first:
            first.wait_for("Paused by somebody")
            assert f"{run['name']} goes on" in igny8(customer, tmp_path, "resume")
            first.wait_for(f"{run['name']}: completed")
            assert first.end() == 0

    def test_a_cancel_is_seen_too(self, customer: Customer, tmp_path: Path) -> None:
        run = paused(customer)
        with terminal(customer, tmp_path, "run", "--follow", run["id"]) as first:
            first.wait_for("Paused by somebody")
            igny8(customer, tmp_path, "cancel")
            first.wait_for("was cancelled; what was made is kept and paid")
            assert first.end() == 1


class TestSingleActions:
    def test_a_row_that_is_not_there_is_named_over_rest_and_by_the_command(
        self, customer: Customer, tmp_path: Path
    ) -> None:
        headers = {"Authorization": f"Bearer {customer.secret}"}
        plan = {"function": "generate_content", "subject_ids": [NOWHERE]}
        url = customer.api.url + customer.path("runs:quote")
        answer = requests.post(url, json={"plan": plan}, headers=headers, timeout=30)
        assert answer.status_code == 400
        assert [violation["field"] for violation in answer.json()["violations"]] == ["plan.subject_ids"]
        told = igny8(customer, tmp_path, "run", "--function", "generate_content", "--subjects", NOWHERE, code=1)
        assert f"{NOWHERE} is no task" in told

    def test_work_without_a_price_starts_at_once(self, customer: Customer, tmp_path: Path) -> None:
        assert "ideas to tasks" in igny8(customer, tmp_path, "run", "--function", "create_tasks")


def test_events_are_replayed_from_an_id(customer: Customer) -> None:
    run = customer.wait(customer.start(stages=[3])["id"])
    url = f"{customer.api.url}/v1/runs/{run['id']}/events:stream"
    headers = {"Authorization": f"Bearer {customer.secret}"}
    whole = re.findall(r"^id: (\d+)$", requests.get(url, headers=headers, timeout=30).text, re.MULTILINE)
    assert whole == [str(n) for n in range(1, len(whole) + 1)]
    rest = requests.get(url, headers={**headers, "Last-Event-ID": whole[1]}, timeout=30).text
    assert re.findall(r"^id: (\d+)$", rest, re.MULTILINE) == whole[2:]
    assert requests.get(url, headers={**headers, "Last-Event-ID": whole[-1]}, timeout=30).status_code == 204
