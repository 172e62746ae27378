"""Claims, leases and fences, several workers at once; and the bells that wake them."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.embedded.redis import EmbeddedRedis
from chassis.errors import NotFound
from chassis.testing.processes import free_address
from services.orchestrator.bells import STALE_S, Bells, celery_app
from services.orchestrator.domain.stages import LANES
from services.orchestrator.engine import checkpoints, claims, ending, success
from services.orchestrator.engine.checkpoints import IF_RUNNING, Checkpoint, Standing
from services.orchestrator.engine.claims import Held, LeaseLost
from services.orchestrator.engine.success import Success
from services.orchestrator.sweeper import sweep
from tests.house import House
from tests.integration.orchestrator.conftest import Owner
from tests.integration.orchestrator.test_engine import IDEAS, clustered
from tests.integration.orchestrator.workers import Act, Worker, make_due, sweeping

REFUSED = "redis://127.0.0.1:1/0"  # nothing listens there


@pytest.fixture
def database(house: House) -> Iterator[Database]:
    with sweeping(house) as opened:
        yield opened


def planned(owner: Owner) -> UUID:
    """Start a run with two ideas to be made, and plan it; return its id."""
    clustered(owner)
    run = owner.start(owner.quote(**IDEAS).id)
    Worker(owner.house).round()
    return UUID(run.id)


def of(run_id: UUID, held: list[Held]) -> list[Held]:
    return [step for step in held if step.key.run_id == run_id]


def only(told: Any) -> Any:
    """Return what one asker was told, or raise it."""
    (one,) = told
    if isinstance(one, Exception):
        raise one
    return one


class TestClaim:
    def test_many_workers_at_once_claim_each_step_once(self, owner: Owner, database: Database) -> None:
        run_id = planned(owner)
        claimed: list[Held] = []
        ready = threading.Barrier(4)

        def work() -> None:
            ready.wait(timeout=5)
            for _ in range(5):
                claimed.extend(of(run_id, claims.claim(database, "text", 1)))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
        assert len(claimed) == len({step.id for step in claimed}) == 2
        self.end(owner)

    def test_a_step_is_claimed_again_when_its_lease_ends_and_the_late_worker_writes_nothing(
        self, owner: Owner, database: Database
    ) -> None:
        run_id = planned(owner)
        late = of(run_id, claims.claim(database, "text", 50))[0]
        make_due(owner.house)
        again = next(step for step in of(run_id, claims.claim(database, "text", 50)) if step.id == late.id)
        assert again.fence == late.fence + 1
        acts: list[Act] = [
            lambda: only(checkpoints.write(database, [Checkpoint(late, {"phase": "call"})])),
            lambda: only(success.succeed(database, [Success(late, 1)])),
            lambda: ending.fail(database, late, NotFound("gone"), "permanent", "gone"),
            lambda: ending.cancel(database, late),
            lambda: ending.lay_down(database, late),
        ]
        for act in acts:
            with pytest.raises(LeaseLost):
                act()
        stage = owner.read(str(run_id)).stages[0]
        assert (stage.succeeded, stage.failed, stage.cancelled, stage.credits) == (0, 0, 0, 0)
        self.end(owner)

    def test_of_several_steps_only_the_late_one_is_not_written(self, owner: Owner, database: Database) -> None:
        run_id = planned(owner)
        late, own = of(run_id, claims.claim(database, "text", 50))[:2]
        late = replace(late, fence=late.fence - 1)
        lot = [Checkpoint(step, {"reserved": True, "phase": "call"}) for step in (late, own)]
        lost, standing = checkpoints.write(database, lot)
        assert isinstance(lost, LeaseLost)
        assert isinstance(standing, Standing)
        assert [type(told) for told in success.succeed(database, [Success(late, 3), Success(own, 4)])] == [
            LeaseLost, type(None),
        ]  # fmt: skip
        read = owner.read(str(run_id))
        assert (read.stages[0].succeeded, read.stages[0].credits, read.captured_credits) == (1, 4, 4)
        self.end(owner)

    @pytest.mark.parametrize("late_first", [True, False])
    def test_a_worker_that_has_claimed_its_own_late_step_again_writes_it_once(
        self, owner: Owner, database: Database, *, late_first: bool
    ) -> None:
        """It was frozen for longer than the lease; then both its claims of the step write in one lot."""
        run_id = planned(owner)
        late = of(run_id, claims.claim(database, "text", 50))[0]
        make_due(owner.house)
        again = next(step for step in of(run_id, claims.claim(database, "text", 50)) if step.id == late.id)
        both = [late, again] if late_first else [again, late]
        written = checkpoints.write(database, [Checkpoint(held, {IF_RUNNING: True}) for held in both])
        assert [isinstance(told, LeaseLost) for told in written] == [held is late for held in both]
        ended = success.succeed(database, [Success(held, 3) for held in both])
        assert [isinstance(told, LeaseLost) for told in ended] == [held is late for held in both]
        read = owner.read(str(run_id))
        assert (read.stages[0].succeeded, read.stages[0].credits, read.captured_credits) == (1, 3, 3)
        self.end(owner)

    @pytest.mark.parametrize(("verb", "sent"), [("Pause", False), ("Cancel", False), ("", True)])
    def test_apply_is_only_sent_when_the_run_is_running_at_that_moment(
        self, owner: Owner, database: Database, verb: str, *, sent: bool
    ) -> None:
        run_id = planned(owner)
        held = of(run_id, claims.claim(database, "text", 50))[0]
        if verb:
            owner.change(verb, str(run_id))
        (standing,) = checkpoints.write(database, [Checkpoint(held, {IF_RUNNING: True})])
        assert isinstance(standing, Standing)
        assert standing.apply_sent is sent
        assert (owner.steps(str(run_id), subject_id=str(held.subject_id))[0].phase == "apply") is sent
        self.end(owner)

    def test_a_renewed_lease_is_kept_and_a_lost_one_is_not_taken_back(self, owner: Owner, database: Database) -> None:
        run_id = planned(owner)
        late = of(run_id, claims.claim(database, "text", 50))
        make_due(owner.house)
        claims.renew(database, late)
        assert not of(run_id, claims.claim(database, "text", 50))
        make_due(owner.house)
        current = of(run_id, claims.claim(database, "text", 50))
        make_due(owner.house)
        claims.renew(database, late)
        assert {step.id for step in of(run_id, claims.claim(database, "text", 50))} == {step.id for step in current}
        self.end(owner)

    def test_a_paused_run_is_claimed_only_to_let_go(self, owner: Owner, database: Database) -> None:
        run_id = planned(owner)
        with database.untenanted() as connection:
            one = sa.text(
                "UPDATE step SET reserved = true WHERE id = (SELECT id FROM step WHERE run_id = :run"
                " AND function = 'generate_ideas' ORDER BY id LIMIT 1)"
            )
            connection.execute(one, {"run": run_id})
        owner.change("Pause", str(run_id))
        assert len(of(run_id, claims.claim(database, "text", 50))) == 1
        owner.change("Cancel", str(run_id))
        self.end(owner)

    def test_an_ended_step_is_never_claimed(self, owner: Owner, database: Database) -> None:
        run_id = planned(owner)
        owner.house.work()
        make_due(owner.house)
        assert not [step for lane in LANES for step in of(run_id, claims.claim(database, lane, 50))]

    def end(self, owner: Owner) -> None:
        make_due(owner.house)
        owner.house.work()
        assert owner.balance().held == 0
        assert owner.ledger().ok


@contextmanager
def silent_port() -> Iterator[int]:
    """Open a port that takes connections and never says a word, as a frozen Redis does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


def rung(database: Database, lane: str) -> bool:
    with database.untenanted() as connection:
        statement = sa.text("SELECT rung_time IS NOT NULL FROM lane WHERE lane = :lane")
        return bool(connection.execute(statement, {"lane": lane}).scalar())


def nobody_answered(database: Database, lane: str) -> None:
    """Let a lane's bell have been rung so long ago that it may be lost."""
    with database.untenanted() as connection:
        statement = "UPDATE lane SET rung_time = now() - make_interval(secs => :s) WHERE lane = :lane"
        connection.execute(sa.text(statement), {"s": STALE_S + 1, "lane": lane})


class TestBells:
    def test_a_bell_that_cannot_be_rung_is_taken_down_again(self, database: Database) -> None:
        assert not Bells(database, celery_app(REFUSED)).ring("sync")
        assert not rung(database, "sync")

    def test_while_every_worker_is_busy_one_bell_hangs_in_the_queue(self, database: Database, tmp_path: Path) -> None:
        redis = EmbeddedRedis(tmp_path / "redis", port=int(free_address().rpartition(":")[2]))
        redis.start()
        try:
            app = celery_app(redis.url)
            for _ in range(3):
                assert Bells(database, app).ring("sync")
                nobody_answered(database, "sync")
            with app.connection_for_read() as connection:
                assert connection.default_channel.queue_declare(queue="sync").message_count == 1
                connection.default_channel.queue_purge("sync")  # a worker takes it
            assert Bells(database, app).ring("sync")
            with app.connection_for_read() as connection:
                assert connection.default_channel.queue_declare(queue="sync").message_count == 1
            Bells(database, app).answer("sync")
            assert not rung(database, "sync")
        finally:
            redis.stop()

    def test_a_frozen_redis_holds_nobody_up_for_more_than_a_moment(self, database: Database) -> None:
        with silent_port() as port:
            bells = Bells(database, celery_app(f"redis://127.0.0.1:{port}/0"))
            began = time.monotonic()
            assert not bells.ring("sync")
            assert time.monotonic() - began < 3

    def test_a_sweep_without_redis_tries_one_bell_and_comes_back(self, owner: Owner, database: Database) -> None:
        run_id = planned(owner)
        with silent_port() as port:
            bells = Bells(database, celery_app(f"redis://127.0.0.1:{port}/0"))
            began = time.monotonic()
            sweep(database, bells)
            assert time.monotonic() - began < 3
        owner.change("Cancel", str(run_id))
        owner.house.work()

    def test_a_database_that_is_busy_does_not_fail_a_start(self, house: House) -> None:
        crowded = Database(house.databases["orchestrator"].sweep, pool_size=1)
        with crowded.untenanted():
            assert not Bells(crowded, celery_app(REFUSED)).ring("sync")
        crowded.close()
