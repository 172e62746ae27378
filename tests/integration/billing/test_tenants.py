"""Whose a row is: of an account and a site that are known here, also where another row says so."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from chassis.embedded.roles import ServiceUrls
from chassis.ids import new_id
from services.billing.models import Base, CreditTransaction, CreditUsage, Hold, HoldGrant

THROUGH = sorted(
    (each.class_ for each in Base.registry.mappers if each.class_.tenant_through), key=lambda row: row.__name__
)
WITHOUT_QUOTE = (
    "INSERT INTO hold (account_id, site_id, id, key, state, close_time)"
    " VALUES (:account, :site, :account, 'a', 'released', now())"
)
WITHOUT_SITE = (
    "INSERT INTO credit_transaction (account_id, id, number, kind, amount, balance_after)"
    " VALUES (:account, :account, 1, 'purchase', 5, 5)"
)


@pytest.fixture
def connection(urls: ServiceUrls) -> Iterator[sa.Connection]:
    """Billing's own connection in a transaction that is undone."""
    engine = sa.create_engine(urls.app, poolclass=sa.NullPool)
    with engine.connect() as opened:
        yield opened
        opened.rollback()


def test_these_have_no_tenants_key_of_their_own() -> None:
    assert {*THROUGH} == {CreditTransaction, CreditUsage, Hold, HoldGrant}


@pytest.mark.parametrize("row", THROUGH)
def test_what_a_row_points_at_is_its_tenants(row: type[Base], connection: sa.Connection) -> None:
    table = Base.metadata.tables[row.__tablename__]
    own = {*row.tenant_key, row.tenant_through}
    assert any(own <= set(key.column_keys) for key in table.foreign_key_constraints)
    triggers = connection.execute(
        sa.text("SELECT tgname FROM pg_trigger WHERE tgrelid = CAST(:table AS regclass) AND NOT tgisinternal"),
        {"table": table.name},
    ).scalars()
    assert (f"{table.name}_knows_tenant" in list(triggers)) == table.c[row.tenant_through].nullable


@pytest.mark.parametrize("insert", [WITHOUT_QUOTE, WITHOUT_SITE], ids=["a hold", "a transaction"])
@pytest.mark.parametrize("known", [True, False])
def test_a_row_that_points_at_nothing_is_of_a_tenant_that_is_known(
    connection: sa.Connection, insert: str, *, known: bool
) -> None:
    mine = {"account": new_id(), "site": new_id()}
    connection.execute(sa.text("SELECT set_config('app.account', :id, true)"), {"id": str(mine["account"])})
    if known:
        connection.execute(sa.text("INSERT INTO account_ref VALUES (:account)"), mine)
        connection.execute(sa.text("INSERT INTO site_ref VALUES (:account, :site, :site)"), mine)
        assert connection.execute(sa.text(insert), mine).rowcount == 1
    else:
        with pytest.raises(sa.exc.IntegrityError, match="of a tenant that is not known here"):
            connection.execute(sa.text(insert), mine)


def test_a_hold_is_of_a_site_that_is_known(connection: sa.Connection) -> None:
    mine = {"account": new_id(), "site": new_id()}
    connection.execute(sa.text("SELECT set_config('app.account', :id, true)"), {"id": str(mine["account"])})
    connection.execute(sa.text("INSERT INTO account_ref VALUES (:account)"), mine)
    with pytest.raises(sa.exc.IntegrityError, match="A row of hold is of a tenant that is not known here"):
        connection.execute(sa.text(WITHOUT_QUOTE), mine)


def test_a_hold_stays_with_one(connection: sa.Connection) -> None:
    mine = {"account": new_id(), "site": new_id(), "unknown": new_id()}
    connection.execute(sa.text("SELECT set_config('app.account', :id, true)"), {"id": str(mine["account"])})
    connection.execute(sa.text("INSERT INTO account_ref VALUES (:account)"), mine)
    connection.execute(sa.text("INSERT INTO site_ref VALUES (:account, :site, :site)"), mine)
    connection.execute(sa.text(WITHOUT_QUOTE), mine)
    with pytest.raises(sa.exc.IntegrityError, match="A row of hold is of a tenant that is not known here"):
        connection.execute(sa.text("UPDATE hold SET site_id = :unknown"), mine)
