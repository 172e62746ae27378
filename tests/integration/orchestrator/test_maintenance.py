"""The platform's periodic work: done once at its time by whoever claims it, or when an operator asks."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.database import Database
from chassis.errors import Fault, Unavailable
from chassis.ids import new_id
from chassis.passport import Issuer, Passport
from services.orchestrator.clients import Peers
from services.orchestrator.domain.upkeep import DUTIES
from services.orchestrator.maintenance import Alive, Maintenance, tasks
from tests.house import House
from tests.integration.orchestrator.workers import sweeping

Task = orchestrator_pb2.MaintenanceTask
OPERATOR = Passport(frozenset({"operator"}), actor_kind="operator")
_PATH = "/igny8.orchestrator.v1.OrchestratorService/"


@pytest.fixture
def rounds(house: House) -> Iterator[Database]:
    with sweeping(house) as database:
        yield database


@pytest.fixture
def peers(house: House) -> Iterator[Peers]:
    opened = Peers(house.peer_addresses, Issuer("orchestrator", house.key))
    yield opened
    opened.close()


def execute(rounds: Database, statement: str, **values: Any) -> list[Any]:
    with rounds.untenanted() as connection:
        result = connection.execute(sa.text(statement), values)
        return list(result.all()) if result.returns_rows else []


def only_due(rounds: Database, *names: str) -> None:
    """Let some tasks be due now, and no others."""
    Maintenance(rounds, dict.fromkeys(DUTIES, Doings())).claim()  # its first look writes the rows
    execute(
        rounds,
        "UPDATE maintenance_task SET taken_until = NULL, last_result = '{}', last_error = '',"
        " next_time = CASE WHEN name = ANY(:names) THEN now() - interval '1 s' ELSE now() + interval '1 day' END",
        names=list(names),
    )


def listed(house: House) -> dict[str, Task]:
    answer = orchestrator_service_pb2.ListMaintenanceTasksResponse
    request = orchestrator_service_pb2.ListMaintenanceTasksRequest()
    return {
        task.name: task
        for task in house.call(_PATH + "ListMaintenanceTasks", request, answer, OPERATOR).maintenance_tasks
    }


def run(house: House, name: str) -> Task:
    request = orchestrator_service_pb2.RunMaintenanceTaskRequest(name=name)
    return house.call(_PATH + "RunMaintenanceTask", request, Task, OPERATOR)


class Doings:
    """Counts how often a task is done; `act` is done within it."""

    def __init__(self, act: Callable[[], object] = bool) -> None:
        self.times, self._act = 0, act

    def __call__(self, alive: Alive) -> tuple[Mapping[str, Any], str]:
        self.times += 1
        self._act()
        alive()
        return {"times": self.times}, ""


class TestRounds:
    def test_a_due_task_is_done_once_and_says_what_it_found(self, house: House, rounds: Database) -> None:
        only_due(rounds, "reconcile")
        doings = Doings()
        for _ in range(3):
            Maintenance(rounds, {"reconcile": doings}).round()
        done = listed(house)["reconcile"]
        assert (doings.times, done.last_result_json, done.last_error) == (1, '{"times": 1}', "")
        assert done.last_start_time.ToDatetime() <= done.last_end_time.ToDatetime()
        assert 3500 < done.next_time.seconds - done.last_end_time.seconds <= 3600 == done.every_s

    def test_while_one_replica_is_at_it_another_stays_out(self, rounds: Database) -> None:
        only_due(rounds, "reconcile")
        second = Doings()
        Maintenance(rounds, {"reconcile": Doings(Maintenance(rounds, {"reconcile": second}).round)}).round()
        assert second.times == 0

    def test_what_a_dead_replica_had_is_done_by_another(self, house: House, rounds: Database) -> None:
        only_due(rounds, "reconcile")

        def die() -> None:
            raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            Maintenance(rounds, {"reconcile": Doings(die)}).round()
        doings = Doings()
        Maintenance(rounds, {"reconcile": doings}).round()
        assert doings.times == 0
        execute(rounds, "UPDATE maintenance_task SET taken_until = now()")
        Maintenance(rounds, {"reconcile": doings}).round()
        assert doings.times == 1
        assert listed(house)["reconcile"].last_result_json == '{"times": 1}'

    def test_one_that_was_frozen_longer_than_its_claim_stops(self, house: House, rounds: Database) -> None:
        only_due(rounds, "reconcile")
        other = Doings()

        def freeze() -> None:
            execute(rounds, "UPDATE maintenance_task SET taken_until = now()")
            Maintenance(rounds, {"reconcile": other}).round()
            execute(rounds, "UPDATE maintenance_task SET last_error = 'as it was' WHERE name = 'reconcile'")

        Maintenance(rounds, {"reconcile": Doings(freeze)}).round()
        assert other.times == 1
        assert listed(house)["reconcile"].last_error == "as it was"

    def test_what_cannot_be_done_now_says_why_and_is_tried_again_soon(self, house: House, rounds: Database) -> None:
        only_due(rounds, "reconcile")

        def away() -> None:
            raise Unavailable("Billing is away.")

        Maintenance(rounds, {"reconcile": Doings(away)}).round()
        failed = listed(house)["reconcile"]
        assert failed.last_error == "Billing is away."
        assert failed.next_time.seconds - failed.last_end_time.seconds <= 60


class TestOperators:
    def test_all_of_it_is_listed_and_said_what_it_is(self, house: House, rounds: Database) -> None:
        only_due(rounds)
        assert set(listed(house)) == set(DUTIES)
        assert all(task.description for task in listed(house).values())

    def test_one_that_is_asked_for_starts_at_once(self, house: House, rounds: Database) -> None:
        only_due(rounds)
        doings = Doings()
        maintenance = Maintenance(rounds, {"reconcile": doings})
        maintenance.round()
        assert doings.times == 0
        run(house, "reconcile")
        maintenance.round()
        assert doings.times == 1

    def test_asked_for_while_it_is_at_work_it_is_done_again(self, house: House, rounds: Database) -> None:
        only_due(rounds, "reconcile")
        asked: list[Task] = []

        def ask() -> None:
            if not asked:
                asked.append(run(house, "reconcile"))

        doings = Doings(ask)
        Maintenance(rounds, {"reconcile": doings}).round()
        assert doings.times == 2

    def test_what_is_not_there_is_not_found(self, house: House) -> None:
        with pytest.raises(Fault) as failed:
            run(house, "coffee")
        assert failed.value.reason == "NOT_FOUND"


class TestDuties:
    def test_old_answers_are_forgotten_in_every_service_that_keeps_any(
        self, house: House, rounds: Database, peers: Peers
    ) -> None:
        account = str(new_id())
        insert = (
            "INSERT INTO idempotency (account_id, method, request_id, body_hash, create_time)"
            " SELECT :account, 'X', n::text, '', now() - n * interval '1 hour' FROM generate_series(1, 96) AS n"
        )
        count = "SELECT count(*) FROM idempotency WHERE method = 'X'"
        kept = {}
        for service in ("planner", "writer", "identity", "integration", "ai", "orchestrator"):
            _as_owner(house, service, account, insert)
        only_due(rounds, "purge_answers")
        Maintenance(rounds, {"purge_answers": tasks(rounds, peers)["purge_answers"]}).round()
        for service in ("planner", "writer", "identity", "integration", "ai", "orchestrator"):
            kept[service] = _as_owner(house, service, account, count)[0][0]
        assert set(kept.values()) == {47}
        assert listed(house)["purge_answers"].last_error == ""

    def test_credits_whose_time_has_come_begin_and_end(self, house: House, rounds: Database, peers: Peers) -> None:
        only_due(rounds, "lapse_credits")
        Maintenance(rounds, tasks(rounds, peers)).round()
        lapsed = listed(house)["lapse_credits"]
        assert '"failed_accounts": 0' in lapsed.last_result_json


def _as_owner(house: House, service: str, account: str, statement: str) -> list[Any]:
    engine = sa.create_engine(house.databases[service].owner)
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT set_config('app.account', :account, true)"), {"account": account})
        bound = sa.text(statement)
        result = connection.execute(bound, {"account": account} if ":account" in statement else {})
        rows = list(result.all()) if result.returns_rows else []
    engine.dispose()
    return rows
