"""Leases: two workers never publish one content at once, and a dead one stops nobody."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from igny8.integration.v1 import integration_pb2

from chassis.errors import Fault, Kind
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.work import Work
from services.integration.adapters.base import PublishableContent, Published
from services.integration.domain import Connection, Content
from services.integration.errors import PublicationBusy
from services.integration.usecases import publications
from services.integration.usecases.publications import Claim, Settled
from tests.integration.integration.house import House

LOGIN = '{"username": "editor", "application_password": "abcd efgh"}'
DONE = Published("7", "https://blog.example/x/", "published")
SHORT_S, SLOW_S = 0.6, 1.5


@pytest.fixture
def blog(integration: House) -> House:
    """A site whose WordPress a test plays."""
    integration.connect(integration_pb2.PLATFORM_WORDPRESS, "https://blog.example", LOGIN)
    integration.played("wordpress")
    return integration


def parts(house: House) -> tuple[Tenant, Content, Connection]:
    """What a worker holds when it begins: the tenant, a content, and the destination."""
    tenant = Tenant.of(house.caller.passport)
    content = house.publish.writer.publishable(tenant, house.write())
    connected = house.listed()[0]
    (row,) = house.rows("site_integration")
    target = Connection(row["id"], "wordpress", connected.base_url, {}, row["credentials"])
    return tenant, content, target


class TestTwoWorkers:
    def test_at_the_same_time_publish_once(self, blog: House) -> None:
        entered, leave = threading.Event(), threading.Event()

        def slowly(_: PublishableContent) -> None:
            entered.set()
            assert leave.wait(10)

        played = blog.played("wordpress")
        played.script = slowly
        content_id, step_id = blog.write(), new_id()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(blog.apply, content_id, step_id)
            assert entered.wait(10)
            with pytest.raises(Fault) as failed:
                blog.apply(content_id, step_id)
            leave.set()
            done = first.result(10)
        assert failed.value.code is Kind.UNAVAILABLE
        assert 0 < (failed.value.retry_after_s or 0) <= 5
        assert "Another worker" in failed.value.message
        assert len(played.calls) == 1
        assert blog.apply(content_id, step_id) == done
        assert len(blog.publications()) == 1

    def test_many_starting_together_publish_once(self, blog: House) -> None:
        played = blog.played("wordpress")
        content_id, step_id = blog.write(), new_id()

        def until_done(_: int) -> int:
            for _try in range(100):
                try:
                    return len(blog.apply(content_id, step_id).made)
                except Fault as fault:
                    if fault.code is not Kind.UNAVAILABLE:
                        raise
                    time.sleep(0.02)
            raise AssertionError("never done")

        with ThreadPoolExecutor(6) as pool:
            assert list(pool.map(until_done, range(6))) == [1] * 6
        assert len(played.calls) == 1

    def test_no_transaction_is_open_while_the_website_is_talked_to(self, blog: House) -> None:
        open_connections = []
        pool: Any = blog.database.engine.pool

        def look(_: PublishableContent) -> None:
            open_connections.append(pool.checkedout())

        blog.played("wordpress").script = look
        blog.apply(blog.write())
        assert open_connections == [0]


class TestLease:
    def test_a_slow_website_is_waited_for_beyond_the_lease(self, blog: House) -> None:
        tenant, content, _ = parts(blog)
        function = replace(blog.publish, lease_s=SHORT_S)
        entered = threading.Event()

        def slowly(_: PublishableContent) -> None:
            entered.set()
            time.sleep(SLOW_S)

        blog.played("wordpress").script = slowly
        work = Work(tenant, new_id(), content.id, {}, new_id())
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(function.apply, work, None)
            assert entered.wait(10)
            time.sleep(SHORT_S + 0.3)  # the first lease is over, and was renewed
            with pytest.raises(Fault, match="Another worker"):
                function.apply(work, None)
            assert len(first.result(10).made) == 1
        assert len(blog.played("wordpress").calls) == 1

    def test_a_dead_workers_publication_is_claimed_when_its_lease_is_over(self, blog: House) -> None:
        tenant, content, target = parts(blog)
        dead = publications.claim(blog.database, tenant, content, target, lease_s=0.2)
        assert isinstance(dead, Claim)
        with pytest.raises(PublicationBusy):
            publications.claim(blog.database, tenant, content, target)
        time.sleep(0.25)
        assert len(blog.apply(content.id).made) == 1

    def test_a_worker_that_wakes_up_late_changes_nothing(self, blog: House) -> None:
        tenant, content, target = parts(blog)
        late = publications.claim(blog.database, tenant, content, target, lease_s=0.05)
        assert isinstance(late, Claim)
        time.sleep(0.1)
        mine = publications.claim(blog.database, tenant, content, target)
        assert isinstance(mine, Claim)
        with pytest.raises(PublicationBusy, match="took over"):
            publications.succeed(blog.database, tenant, late, DONE, 1)
        assert blog.events() == []
        assert blog.publications()[0].status == integration_pb2.Publication.STATUS_PUBLISHING
        publications.succeed(blog.database, tenant, mine, DONE, 1)
        assert isinstance(publications.claim(blog.database, tenant, content, target), Settled)
        facts = [row for row in blog.rows("outbox") if row["payload"]["content_id"] == str(content.id)]
        assert len(facts) == 1
