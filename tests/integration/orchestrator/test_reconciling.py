"""The reconciler finds every way in which the books and the work can differ, and nothing where they agree."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.billing.v1 import billing_pb2, billing_service_pb2
from igny8.orchestrator.v1 import orchestrator_pb2

from chassis.ids import new_id
from chassis.passport import Issuer
from services.orchestrator.clients import Peers
from services.orchestrator.domain import books
from services.orchestrator.domain.books import Difference
from services.orchestrator.reconciling import Findings, Reconciler
from tests.integration.orchestrator.conftest import Owner
from tests.integration.orchestrator.test_engine import clustered
from tests.integration.orchestrator.test_scheduler import execute
from tests.integration.orchestrator.workers import Worker, sweeping

Run = orchestrator_pb2.Run
_BILLING = "/igny8.billing.v1.BillingService/"


@pytest.fixture
def worked(owner: Owner) -> Iterator[Owner]:
    """Somebody with work that was done and paid an hour ago."""
    clustered(owner)
    owner.start(owner.quote(stages=[2, 3], max_clusters=2).id)
    owner.house.work()
    age(owner)
    yield owner
    execute(owner, "UPDATE step SET update_time = now() WHERE site_id = :site")  # nothing for the other tests to find


def age(owner: Owner) -> None:
    """Let the site's steps have ended an hour ago."""
    execute(owner, "UPDATE step SET update_time = now() - interval '1 hour' WHERE site_id = :site")


def findings(owner: Owner) -> Findings:
    peers = Peers(owner.house.peer_addresses, Issuer("orchestrator", owner.house.key))
    with sweeping(owner.house) as rounds:
        found = Reconciler(rounds, peers, lambda: None).reconcile()
    peers.close()
    return found


def differences(owner: Owner) -> list[Difference]:
    """Return what differs in the owner's books; other tests leave theirs in any state."""
    return [one for one in findings(owner).differences if one.account_id == owner.passport.account_id]


def paid_step(owner: Owner) -> Any:
    statement = (
        "SELECT id, run_id, credits, reservation FROM step"
        " WHERE site_id = :site AND function = 'generate_ideas' ORDER BY id"
    )
    return execute(owner, statement)[0]


def reserve(owner: Owner, key: str, run_id: UUID, step_id: UUID) -> None:
    """Reserve as a worker does that was frozen until its step had ended."""
    (quote_id,) = execute(owner, "SELECT billing_quote_id FROM run WHERE id = :run AND site_id = :site", run=run_id)[0]
    request = billing_service_pb2.ReserveRequest(
        key=key, quote_id=str(quote_id), operation="idea", quantity=1, run_id=str(run_id), step_id=str(step_id)
    )
    owner.house.call(_BILLING + "Reserve", request, billing_pb2.Hold, owner.passport)


def in_billing(owner: Owner, statement: str, **values: Any) -> None:
    """Tamper with the books."""
    engine = sa.create_engine(owner.house.databases["billing"].owner)
    with engine.begin() as connection:
        account = {"account": str(owner.passport.account_id)}
        connection.execute(sa.text("SELECT set_config('app.account', :account, true)"), account)
        assert connection.execute(sa.text(statement), values).rowcount == 1
    engine.dispose()


class TestNothing:
    def test_differs_after_honest_work(self, worked: Owner) -> None:
        found = findings(worked)
        assert not [one for one in found.differences if one.account_id == worked.passport.account_id]
        assert found.compared[books.BOOKS] >= 1
        assert min(found.compared[what] for what in (books.CAPTURES, books.HOLDS, books.RUNS)) >= 2

    def test_is_said_of_steps_that_may_be_under_way(self, worked: Owner) -> None:
        execute(worked, "UPDATE step SET credits = credits + 1, update_time = now() WHERE site_id = :site")
        execute(worked, "UPDATE run SET captured_credits = (SELECT sum(credits) FROM step WHERE run_id = run.id)")
        assert not differences(worked)


class TestDifferences:
    def test_a_step_that_says_more_than_was_captured(self, worked: Owner) -> None:
        step = paid_step(worked)
        execute(worked, "UPDATE step SET credits = credits + 1 WHERE id = :id AND site_id = :site", id=step.id)
        execute(
            worked,
            "UPDATE run SET captured_credits = captured_credits + 1 WHERE id = :id AND site_id = :site",
            id=step.run_id,
        )
        (found,) = differences(worked)
        assert (found.what, found.booked, found.counted) == (books.CAPTURES, step.credits, step.credits + 1)
        assert str(step.id) in found.subject

    def test_a_capture_that_the_books_lost(self, worked: Owner) -> None:
        step = paid_step(worked)
        statement = (
            "UPDATE hold SET captured_credits = captured_credits - 1 WHERE step_id = :step AND state = 'captured'"
        )
        in_billing(worked, statement, step=step.id)
        assert (books.CAPTURES, step.credits - 1, step.credits) in [
            (one.what, one.booked, one.counted) for one in differences(worked)
        ]

    def test_a_done_step_that_was_never_captured(self, worked: Owner) -> None:
        (task,) = execute(
            worked, "SELECT id, run_id FROM step WHERE function = 'create_tasks' AND site_id = :site LIMIT 1"
        )
        execute(worked, "UPDATE step SET credits = 5 WHERE id = :id AND site_id = :site", id=task.id)
        execute(
            worked,
            "UPDATE run SET captured_credits = captured_credits + 5 WHERE id = :id AND site_id = :site",
            id=task.run_id,
        )
        (found,) = differences(worked)
        assert (found.what, found.booked, found.counted) == (books.CAPTURES, 0, 5)
        assert str(task.id) in found.subject

    def test_a_capture_for_a_step_that_ended_otherwise(self, worked: Owner) -> None:
        step = paid_step(worked)
        statement = "UPDATE step SET status = 'cancelled', credits = 0 WHERE id = :id AND site_id = :site"
        execute(worked, statement, id=step.id)
        found = {(one.what, one.booked, one.counted) for one in differences(worked)}
        assert (books.CAPTURES, step.credits, 0) in found
        assert books.RUNS in {what for what, _, _ in found}

    def test_a_capture_for_a_step_that_nobody_knows(self, worked: Owner) -> None:
        run = worked.start(worked.quote(stages=[2], max_clusters=2).id)
        step_id = new_id()
        reserve(worked, f"{step_id}:0", UUID(run.id), step_id)
        found = differences(worked)
        assert [(one.what, one.counted) for one in found] == [(books.HOLDS, 0)]
        assert "has no such step" in found[0].subject
        capture = billing_service_pb2.CaptureRequest(key=f"{step_id}:0", quantity=1)
        worked.house.call(_BILLING + "Capture", capture, billing_pb2.Hold, worked.passport)
        assert [one.what for one in differences(worked)] == [books.CAPTURES]
        worked.change("Cancel", run.id)
        worked.house.work()

    def test_a_run_whose_total_is_not_that_of_its_steps(self, worked: Owner) -> None:
        run_id = paid_step(worked).run_id
        execute(
            worked,
            "UPDATE run SET captured_credits = captured_credits + 7 WHERE id = :id AND site_id = :site",
            id=run_id,
        )
        (found,) = differences(worked)
        assert (found.what, found.booked - found.counted) == (books.RUNS, 7)

    def test_books_that_do_not_agree_with_themselves(self, worked: Owner) -> None:
        in_billing(worked, "UPDATE credit_account SET posted = posted + 3")
        assert any(one.subject == "the account's books" for one in differences(worked))
        in_billing(worked, "UPDATE credit_account SET posted = posted - 3")
        assert not differences(worked)


class TestHolds:
    def test_one_of_an_ended_step_is_an_error_and_is_ended(self, worked: Owner) -> None:
        run = worked.start(worked.quote(stages=[2], max_clusters=2).id)
        Worker(worked.house).round()  # plans the stage
        worked.change("Cancel", run.id)
        step = worked.steps(run.id, function="generate_ideas")[0]
        reserve(worked, f"{step.id}:0", UUID(run.id), UUID(step.id))
        age(worked)
        held = worked.balance().held
        assert held > 0
        (found,) = differences(worked)
        assert (found.what, found.booked, found.counted) == (books.HOLDS, held, 0)
        assert "(cancelled)" in found.subject
        assert worked.balance().held == 0
        assert not differences(worked)
        assert worked.ledger().ok


def test_what_is_shown_counts_every_difference_and_lists_the_first() -> None:
    account = new_id()
    found = Findings()
    found.add(books.CAPTURES, 500, [Difference(account, books.CAPTURES, f"step {n}", 1, 2) for n in range(150)])
    found.add(books.RUNS, 9, [])
    found.add(books.BOOKS, 3, [Difference(account, "grants and the balance", "the account's books", 5, 6)])
    shown = found.as_json()
    assert shown["compared"] == [
        {"what": books.BOOKS, "count": 3, "differences": 1},
        {"what": books.RUNS, "count": 9, "differences": 0},
        {"what": books.CAPTURES, "count": 500, "differences": 150},
        {"what": books.HOLDS, "count": 0, "differences": 0},
    ]
    assert (shown["difference_count"], len(shown["differences"])) == (151, 100)
    assert found.error.startswith("151 differences; the first: captures = done steps, step 0")
