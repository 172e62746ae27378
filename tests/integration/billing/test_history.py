"""What a charge costs does not grow with what an account has behind it."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.roles import ServiceUrls
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.clock import FakeClock
from chassis.testing.postgres import TemplateDatabases
from services.billing import repository
from services.billing.domain import Reservation, Use
from services.billing.repository import Operation
from tests.integration.billing.crowd import Somebody, crowd
from tests.integration.billing.test_batching import Asked, in_one_statement

CHARGES = 8  # after five PostgreSQL keeps the plans it has made
READ = sa.text(
    "SELECT relname, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) AS rows FROM pg_stat_xact_user_tables"
    " WHERE relname IN ('hold', 'hold_grant', 'quote', 'credit_grant', 'credit_transaction', 'credit_usage')"
)


@pytest.fixture(scope="module")
def urls(databases: TemplateDatabases) -> Iterator[ServiceUrls]:
    with databases.fresh("billing") as made:
        yield made


@pytest.fixture(scope="module")
def busy(urls: ServiceUrls, postgres: EmbeddedPostgres) -> Somebody:
    """Somebody who has used much among many who have used little, so that an average says nothing of him."""
    (made,) = crowd(postgres.admin_url, urls.owner, accounts=1, holds=2_000)
    crowd(postgres.admin_url, urls.owner, accounts=400, holds=3)
    return made


@pytest.fixture(scope="module")
def database(urls: ServiceUrls) -> Iterator[Database]:
    made = Database(urls.app)
    yield made
    made.close()


def test_a_charge_reads_as_many_rows_after_2000_others(database: Database, busy: Somebody) -> None:
    clock = FakeClock()
    with database.transaction(Tenant(busy.account_id, busy.site)) as transaction:
        for _ in range(CHARGES):
            wanted = Reservation(str(new_id()), busy.quote_id, "image_prompt", 1, busy.run_id, None)
            assert repository.reserve(transaction, wanted, clock.now()).code == "ok"
            assert repository.capture(transaction, wanted.key, Use(1), clock.now()).code == "ok"
        read = {row.relname: row.rows / CHARGES for row in transaction.all(READ)}
    assert {name: rows for name, rows in read.items() if rows > 20} == {}


def batches(whose: Somebody, name: str, charges: int = CHARGES) -> tuple[list[Operation], list[Operation]]:
    """Reservations, and their captures."""
    clock, tenant = FakeClock(), Tenant(whose.account_id, whose.site)
    reservations, captures = Asked(tenant), Asked(tenant)
    for n in range(charges):
        wanted = Reservation(f"{name} {n}", whose.quote_id, "image_prompt", 1, whose.run_id, None)
        repository.reserve(reservations, wanted, clock.now())
        repository.capture(captures, wanted.key, Use(1), clock.now())
    return reservations.operations, captures.operations


def test_so_does_a_batch(database: Database, busy: Somebody) -> None:
    with database.transaction(Tenant(busy.account_id, busy.site)) as transaction:
        before = {row.relname: row.rows for row in transaction.all(READ)}
        for batch in batches(busy, "batch"):
            assert in_one_statement(transaction, batch) == ["ok"] * CHARGES
        after = {row.relname: row.rows for row in transaction.all(READ)}
    assert {name: rows for name, rows in after.items() if (rows - before[name]) / CHARGES > 20} == {}


def test_so_does_one_whose_plan_was_made_for_little(databases: TemplateDatabases, postgres: EmbeddedPostgres) -> None:
    with databases.fresh("billing") as urls, closing(Database(urls.app, pool_size=1)) as database:
        first, *_ = crowd(postgres.admin_url, urls.owner, accounts=100, holds=3)
        read = list[dict[str, int]]()
        with database.transaction(Tenant(first.account_id, first.site)) as transaction:
            for n in range(15):
                for batch in batches(first, f"batch {n}", 60):
                    assert in_one_statement(transaction, batch) == ["ok"] * 60
                read.append({row.relname: row.rows for row in transaction.all(READ)})
    *_, before, after = read
    assert {name: rows for name, rows in after.items() if (rows - before[name]) / 60 > 20} == {}
