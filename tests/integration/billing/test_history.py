"""What a charge costs does not grow with what an account has behind it."""

from collections.abc import Iterator

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


def test_so_does_a_batch(database: Database, busy: Somebody) -> None:
    clock, asked = FakeClock(), Asked(Tenant(busy.account_id, busy.site))
    for n in range(CHARGES):
        wanted = Reservation(f"batch {n}", busy.quote_id, "image_prompt", 1, busy.run_id, None)
        repository.reserve(asked, wanted, clock.now())
    reservations, asked.operations = asked.operations, []
    for n in range(CHARGES):
        repository.capture(asked, f"batch {n}", Use(1), clock.now())
    with database.transaction(Tenant(busy.account_id, busy.site)) as transaction:
        before = {row.relname: row.rows for row in transaction.all(READ)}
        for batch in (reservations, asked.operations):
            assert in_one_statement(transaction, batch) == ["ok"] * CHARGES
        after = {row.relname: row.rows for row in transaction.all(READ)}
    assert {name: rows for name, rows in after.items() if (rows - before[name]) / CHARGES > 20} == {}
