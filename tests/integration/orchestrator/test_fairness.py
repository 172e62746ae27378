"""Whose steps a claim takes: equal shares for accounts and their sites, turns where they are level, caps that hold."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.tenancy import Tenant
from chassis.testing.postgres import TemplateDatabases
from services.orchestrator.engine import checkpoints, claims
from services.orchestrator.engine.checkpoints import Checkpoint, Standing
from services.orchestrator.engine.claims import Held
from tests.integration.orchestrator.backlog import Backlog, open_backlog

NO_CAP = 1000


@pytest.fixture(scope="module")
def opened(databases: TemplateDatabases) -> Iterator[Backlog]:
    with databases.fresh("orchestrator") as urls:
        backlog = open_backlog(urls)
        yield backlog
        backlog.close()


@pytest.fixture
def backlog(opened: Backlog) -> Iterator[Backlog]:
    yield opened
    opened.empty()


def claim(backlog: Backlog, count: int, site_room: int = NO_CAP, lane: str = "text") -> list[Held]:
    return claims.claim(backlog.sweep, lane, count, lease_s=600, site_room=site_room)  # no lease ends meanwhile


def accounts(held: list[Held]) -> Counter[UUID]:
    return Counter(step.key.account_id for step in held)


def sites(held: list[Held]) -> Counter[UUID]:
    return Counter(step.key.site_id for step in held)


class TestShares:
    def test_a_tenant_with_ten_thousand_steps_leaves_one_with_ten_its_half(self, backlog: Backlog) -> None:
        (large,), (small,) = backlog.account(), backlog.account()
        backlog.steps(large, 10_000)
        assert accounts(claim(backlog, 16)) == {large.account_id: 16}  # nobody else wants anything
        backlog.steps(small, 10)
        assert accounts(claim(backlog, 8)) == {small.account_id: 8}  # until both have the same
        assert accounts(claim(backlog, 8)) == {small.account_id: 2, large.account_id: 6}

    def test_sites_of_an_account_share_what_the_account_gets(self, backlog: Backlog) -> None:
        first, second = backlog.account(sites=2)
        (other,) = backlog.account()
        for tenant in (first, second, other):
            backlog.steps(tenant, 100)
        assert sites(claim(backlog, 12)) == {first.site_id: 3, second.site_id: 3, other.site_id: 6}

    def test_where_there_are_fewer_places_than_tenants_they_take_turns(self, backlog: Backlog) -> None:
        tenants = [tenant for _ in range(5) for tenant in backlog.account()]
        for number, tenant in enumerate(tenants):
            backlog.steps(tenant, 1000 if number == 0 else 20)  # those of the first have waited longest
        served: Counter[UUID] = Counter()
        for _ in range(50):
            held = claim(backlog, 1)
            served += accounts(held)
            backlog.end([step.id for step in held])
        assert served == {tenant.account_id: 10 for tenant in tenants}

    def test_more_tenants_than_a_claim_looks_at_take_turns_too(self, backlog: Backlog) -> None:
        tenants = [tenant for _ in range(90) for tenant in backlog.account()]
        for tenant in tenants:
            backlog.steps(tenant, 3)
        served: Counter[UUID] = Counter()
        for _ in range(18):
            held = claim(backlog, 10)
            served += accounts(held)
            backlog.end([step.id for step in held])
        assert served == {tenant.account_id: 2 for tenant in tenants}

    def test_tenants_whose_steps_wait_or_are_at_their_cap_hide_nobody(self, backlog: Backlog) -> None:
        for _ in range(70):
            (waiting,), (full,) = backlog.account(), backlog.account()
            backlog.steps(waiting, 2, in_s=600.0)
            backlog.steps(full, 1, status="running", in_s=600.0)
            backlog.steps(full, 2)
        (other,) = backlog.account()
        backlog.steps(other, 1)
        found = [held for _ in range(4) for held in claim(backlog, 5, site_room=1)]
        assert accounts(found) == {other.account_id: 1}

    @given(
        wanted=st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=3), min_size=1, max_size=6),
        rooms=st.lists(st.integers(1, 10), min_size=1, max_size=8),
        ended=st.randoms(use_true_random=False),
        cap=st.integers(1, 8),
    )
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_nobody_is_more_than_one_ahead_of_somebody_who_waits(
        self, backlog: Backlog, wanted: list[list[int]], rooms: list[int], ended: random.Random, cap: int
    ) -> None:
        backlog.empty()
        model = _Model(cap)
        for counts in wanted:
            for tenant, count in zip(backlog.account(sites=len(counts)), counts, strict=True):
                backlog.steps(tenant, count)
                model.waiting[tenant] = count
        for room in rooms:
            held = claim(backlog, room, site_room=cap)
            model.check(held, room)
            done = [step for step in model.running if ended.random() < 0.4]
            backlog.end([step.id for step in done])
            model.running = [step for step in model.running if step not in done]


class _Model:
    """What a fair claim may do, said without saying how."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.waiting: dict[Tenant, int] = {}
        self.running: list[Held] = []

    def check(self, held: list[Held], room: int) -> None:
        """Take note of a claim, and check it."""
        before = self._claimable()
        self.running += held
        got = sites(held)
        for tenant in self.waiting:
            self.waiting[tenant] -= got[tenant.site_id]
        assert len(held) == min(room, sum(before.values()))
        assert all(count <= self.cap for count in sites(self.running).values())
        left, mine = self._claimable(), accounts(self.running)
        for waiting in (tenant for tenant, count in left.items() if count):
            assert all(mine[account] <= mine[waiting.account_id] + 1 for account in accounts(held))

    def _claimable(self) -> dict[Tenant, int]:
        busy = sites(self.running)
        return {tenant: min(n, self.cap - busy[tenant.site_id]) for tenant, n in self.waiting.items()}


class TestCaps:
    def test_the_cap_of_a_site_holds_however_many_workers_claim(self, backlog: Backlog) -> None:
        (tenant,) = backlog.account()
        backlog.steps(tenant, 200)
        claimed: list[Held] = []
        ready = threading.Barrier(6)

        def work() -> None:
            ready.wait(timeout=5)
            for _ in range(5):
                claimed.extend(claim(backlog, 3, site_room=10))

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
        assert len(claimed) == len({step.id for step in claimed}) == 10

    @pytest.mark.parametrize(("own", "most"), [(0, 6), (2, 2), (9, 6)])
    def test_a_site_may_want_less_than_the_platform_gives(self, backlog: Backlog, own: int, most: int) -> None:
        (tenant,) = backlog.account()
        backlog.limit(tenant, own)
        backlog.steps(tenant, 20)
        assert len(claim(backlog, 20, site_room=6)) == most

    def test_a_sites_own_cap_counts_all_lanes(self, backlog: Backlog) -> None:
        (tenant,) = backlog.account()
        backlog.limit(tenant, 3)
        backlog.steps(tenant, 20)
        backlog.steps(tenant, 20, lane="image")
        assert len(claim(backlog, 2)) == 2
        assert len(claim(backlog, 20, lane="image")) == 1

    def test_what_waits_for_its_own_sites_steps_wakes_nobody(self, backlog: Backlog) -> None:
        full, other = backlog.account(sites=2)
        backlog.steps(full, 20)
        rooms = {"text": 4}
        assert claims.due_lanes(backlog.sweep, ["text"], site_room=rooms) == ["text"]
        held = claim(backlog, 20, site_room=4)
        assert claims.due_lanes(backlog.sweep, ["text"], site_room=rooms) == []
        backlog.steps(other, 1, in_s=600.0)
        assert claims.due_lanes(backlog.sweep, ["text"], site_room=rooms) == []
        backlog.end([held[0].id])
        assert claims.due_lanes(backlog.sweep, ["text"], site_room=rooms) == ["text"]

    def test_a_dead_workers_steps_take_no_place(self, backlog: Backlog) -> None:
        (tenant,) = backlog.account()
        backlog.steps(tenant, 4, status="running", in_s=-1.0)
        assert len(claim(backlog, 10, site_room=4)) == 4
        assert claim(backlog, 10, site_room=4) == []

    def test_a_full_site_does_not_hold_up_the_other_of_its_account(self, backlog: Backlog) -> None:
        full, other = backlog.account(sites=2)
        backlog.steps(full, 2000)
        backlog.steps(other, 5)
        assert sites(claim(backlog, 10, site_room=4)) == {full.site_id: 4, other.site_id: 4}


class TestManyAtOnce:
    def test_leases_are_renewed_while_the_steps_are_written_in_any_order(self, backlog: Backlog) -> None:
        (tenant,) = backlog.account()
        backlog.steps(tenant, 200)
        held = claim(backlog, 200)
        lots = [[Checkpoint(step, {"failures": 0}) for step in some] for some in (held, held[::-1])]

        def renew(_: int) -> None:
            claims.renew(backlog.sweep, held, lease_s=600)

        def write(n: int) -> None:
            told = checkpoints.write(backlog.sweep, lots[n % 2])
            assert all(isinstance(each, Standing) for each in told)

        with ThreadPoolExecutor(3) as threads:  # one that waits for another in a circle is broken off: it raises
            for act in [act for n in range(40) for act in (threads.submit(renew, n), threads.submit(write, n))]:
                act.result(timeout=60)
