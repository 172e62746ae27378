"""Runs' directories: whole, in order, once, and one for each run."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.database import Database
from services.orchestrator.leases import Lease
from services.orchestrator.scribe import Scribe
from tests.house import House
from tests.integration.orchestrator.conftest import Owner, new_owner
from tests.integration.orchestrator.workers import sweeping

TASKS = orchestrator_pb2.RunPlan(function="create_tasks")


@pytest.fixture
def database(house: House) -> Iterator[Database]:
    with sweeping(house) as opened:
        with opened.untenanted() as connection:  # other tests' runs are not ours to write
            connection.execute(sa.text("UPDATE run SET logged_count = event_count"))
        yield opened


@pytest.fixture
def run(owner: Owner, database: Database) -> orchestrator_pb2.Run:
    del database  # its runs come after those that are forgotten
    started = owner.start(owner.quote(stages=[1]).id)
    owner.house.work()
    return owner.read(started.id)


def only_folder(owner: Owner, root: Path) -> Path:
    [folder] = (root / str(owner.passport.account_id) / str(owner.site.id)).iterdir()
    return folder


def positions(folder: Path) -> list[int]:
    return [json.loads(line)["position"] for line in (folder / "run_trace.jsonl").read_text().splitlines()]


def again(database: Database, run: orchestrator_pb2.Run) -> None:
    """Forget that a run was written, as a crash between file and row does."""
    with database.untenanted() as connection:
        connection.execute(sa.text("UPDATE run SET logged_count = 0 WHERE id = :id"), {"id": UUID(run.id)})


class TestScribe:
    def test_a_run_has_its_log_its_stages_and_its_trace(
        self, owner: Owner, database: Database, run: orchestrator_pb2.Run, tmp_path: Path
    ) -> None:
        Scribe(database, tmp_path).round()
        folder = only_folder(owner, tmp_path)
        assert folder.name == f"{run.name}_{run.id[-8:]}"
        assert sorted(path.name for path in folder.iterdir()) == [
            "automation_run.log",
            "run_trace.jsonl",
            "stage_1.log",
        ]
        assert positions(folder) == list(range(1, len(positions(folder)) + 1))
        log = (folder / "automation_run.log").read_text().splitlines()
        assert len(log) == len(positions(folder))
        assert "run_started" in log[0]
        assert "run_completed" in log[-1]

    def test_what_is_written_is_not_written_again(
        self, owner: Owner, database: Database, run: orchestrator_pb2.Run, tmp_path: Path
    ) -> None:
        Scribe(database, tmp_path).round()
        once = positions(only_folder(owner, tmp_path))
        again(database, run)
        Scribe(database, tmp_path).round()
        assert positions(only_folder(owner, tmp_path)) == once

    @pytest.mark.parametrize("cut", [1, 10, 60])
    def test_a_line_that_a_crash_has_torn_is_written_whole(
        self, owner: Owner, database: Database, run: orchestrator_pb2.Run, tmp_path: Path, cut: int
    ) -> None:
        Scribe(database, tmp_path).round()
        folder = only_folder(owner, tmp_path)
        once = positions(folder)
        trace = folder / "run_trace.jsonl"
        trace.write_bytes(trace.read_bytes()[:-cut])
        again(database, run)
        Scribe(database, tmp_path).round()
        assert positions(folder) == once

    def test_two_jobs_of_one_second_have_a_directory_each(
        self, owner: Owner, database: Database, tmp_path: Path
    ) -> None:
        runs = [owner.start(plan=TASKS) for _ in range(2)]
        owner.house.work()
        with database.untenanted() as connection:
            connection.execute(
                sa.text("UPDATE run SET name = 'run_of_one_second' WHERE id = ANY(:ids)"),
                {"ids": [UUID(run.id) for run in runs]},
            )
        Scribe(database, tmp_path).round()
        site = tmp_path / str(owner.passport.account_id) / str(owner.site.id)
        folders = sorted(site.iterdir())
        assert len(folders) == 2
        assert positions(folders[0]) == positions(folders[1]) != []

    def test_a_directory_that_cannot_be_written_holds_up_no_other(
        self, house: House, owner: Owner, database: Database, run: orchestrator_pb2.Run, tmp_path: Path
    ) -> None:
        (tmp_path / str(owner.passport.account_id)).write_text("in the way")
        with database.untenanted() as connection:
            behind = connection.execute(sa.text("SELECT count(*) FROM run WHERE logged_count < event_count")).scalar()
        assert behind == 1
        other = new_owner(house)
        other.start(plan=TASKS)
        house.work()
        Scribe(database, tmp_path).round()
        assert positions(only_folder(other, tmp_path))
        assert owner.read(run.id).status == orchestrator_pb2.Run.STATUS_COMPLETED

    def test_the_mirror_has_the_same(
        self, owner: Owner, database: Database, run: orchestrator_pb2.Run, tmp_path: Path
    ) -> None:
        Scribe(database, tmp_path / "a", tmp_path / "b").round()
        first, second = only_folder(owner, tmp_path / "a"), only_folder(owner, tmp_path / "b")
        assert first.name == second.name == f"{run.name}_{run.id[-8:]}"
        assert (first / "run_trace.jsonl").read_text() == (second / "run_trace.jsonl").read_text()

    def test_a_second_scribe_stays_out_while_one_writes(
        self, owner: Owner, database: Database, run: orchestrator_pb2.Run, tmp_path: Path
    ) -> None:
        del run
        lease = Lease(database, "scribe")
        assert lease.take()
        Scribe(database, tmp_path / "b").round()
        assert not (tmp_path / "b").exists()
        lease.end()
        Scribe(database, tmp_path / "b").round()
        assert positions(only_folder(owner, tmp_path / "b"))
