"""Integration dies or freezes at every point of publishing a content; its successor has it published once."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.integration.v1 import integration_pb2

from chassis.errors import Fault
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.work import Work
from services.integration.adapters.base import Destination, PublishableContent, Published
from services.integration.destinations import Destinations
from services.integration.domain import Connection
from services.integration.sites import SiteStore
from services.integration.usecases.publishing import PublishContent
from tests.integration.integration.house import House
from tests.lives import PATIENCE_S, Commits, Died, Life

PATH = ("commit", "commit", "publish", "commit", "commit")  # admitted, leased, sent, written down, applied


@dataclass(frozen=True)
class Doorstep:
    """A destination before which a life may end."""

    real: Destination
    life: Life

    def publish(self, content: PublishableContent) -> Published:
        self.life.do("publish")
        return self.real.publish(content)


@dataclass(frozen=True)
class Doorsteps(Destinations):
    """Destinations before which a life may end."""

    life: Life

    def open(self, tenant: Tenant, connection: Connection) -> Any:
        return Doorstep(super().open(tenant, connection), self.life)


def living(house: House, life: Life) -> PublishContent:
    """Return the function as a process has it that lives so long."""
    real = house.destinations
    doors = Doorsteps(real.outbound, real.vault, real.sites, life)
    return replace(house.publish, database=Commits(house.database, life), destinations=doors)


def let_leases_end(house: House) -> None:
    engine = sa.create_engine(house.urls.app, poolclass=sa.NullPool)
    with engine.begin() as connection:
        account = {"account": str(house.caller.passport.account_id)}
        connection.execute(sa.text("SELECT set_config('app.account', :account, true)"), account)
        connection.execute(sa.text("UPDATE publication SET lease_until = now() WHERE lease_until IS NOT NULL"))
    engine.dispose()


def check_published_once(house: House, content_id: UUID, *, made: str) -> None:
    (publication,) = house.publications()
    assert (publication.id, publication.status) == (made, integration_pb2.Publication.STATUS_PUBLISHED)
    assert SiteStore(house.sites_root).versions(house.site_id) == [1]
    (told,) = house.events(filter='event_type = "publish"')
    assert told.success
    facts = [row for row in house.rows("outbox") if row["payload"].get("content_id") == str(content_id)]
    assert len(facts) == 1


@pytest.fixture
def work(integration: House) -> Work:
    """A step that publishes a content to the built-in sites, as its first worker asks for it."""
    integration.connect_sites()
    return Work(Tenant.of(integration.caller.passport), new_id(), integration.write(), {}, new_id(), fence=1)


@pytest.mark.parametrize("stop", range(len(PATH) + 1))
def test_a_process_that_died_is_followed_by_another(integration: House, work: Work, stop: int) -> None:
    life = Life(stop, killed=True)
    with nullcontext() if stop == len(PATH) else pytest.raises(Died):
        living(integration, life).apply(work, None)
    assert life.seen == list(PATH[:stop])
    let_leases_end(integration)
    done = integration.publish.apply(replace(work, fence=2), None)
    check_published_once(integration, work.subject_id, made=done.made[0].id)


@pytest.mark.parametrize("stop", range(len(PATH)))
def test_one_that_was_frozen_wakes_in_vain(integration: House, work: Work, stop: int) -> None:
    life = Life(stop)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(living(integration, life).apply, work, None)
        assert life.stands.wait(PATIENCE_S)
        let_leases_end(integration)
        done = integration.publish.apply(replace(work, fence=2), None)
        life.goes_on.set()
        with suppress(Fault):
            assert late.result(PATIENCE_S) == done
    check_published_once(integration, work.subject_id, made=done.made[0].id)
