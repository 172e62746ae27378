"""Tenants: every table that belongs to one forces its policy, and nobody sees another's rows."""

import pytest
import sqlalchemy as sa
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.database import Database
from chassis.errors import Fault, Kind
from chassis.ids import new_id
from chassis.tenancy import Tenant
from chassis.testing.service import a_site
from services.planner.models import CATALOGUE, Base
from tests.integration.planner.conftest import Account, Planner

TABLES = sorted(set(Base.metadata.tables) - CATALOGUE)


@pytest.fixture
def filled(account: Account) -> Account:
    """An account with a row in every table that rpcs read."""
    account.import_file(b"keyword\nmoka pot\nmoka pot gasket\nmoka pot size\nmoka pot steel\nmoka pot cups\nmoka pot\n")
    account.cluster()
    return account


class TestPolicies:
    @pytest.mark.parametrize("table", TABLES)
    def test_a_table_forces_one_and_keys_start_with_the_tenant(self, planner: Planner, table: str) -> None:
        with planner.database.untenanted() as connection:
            forced = connection.execute(
                sa.text("SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = :t"), {"t": table}
            ).scalar_one()
            keys = connection.execute(
                sa.text(
                    "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
                    " AND a.attnum = i.indkey[0] WHERE i.indrelid = CAST(:t AS regclass) AND i.indisunique"
                ),
                {"t": table},
            ).scalars()
            assert forced
            assert set(keys) == {"account_id"}

    @pytest.mark.parametrize("table", TABLES)
    def test_nobody_sees_rows_without_a_tenant(self, filled: Account, table: str) -> None:
        with filled.planner.database.untenanted() as connection:
            assert connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one() == 0  # noqa: S608 - our table

    def test_a_site_bound_passport_sees_that_site_only(self, filled: Account) -> None:
        other = filled.at(a_site())
        for what in ("Keywords", "Clusters", "KeywordImports", "ImportSkippedLines"):
            assert filled.rows(what)
            assert other.rows(what) == []
        assert _count(filled.planner.database, Tenant(filled.tenant.account_id)) == 5
        assert _count(filled.planner.database, other.tenant) == 0


class TestAnothersRow:
    @pytest.mark.parametrize(
        ("method", "what", "field"),
        [
            ("GetKeyword", "Keywords", "keyword_id"),
            ("DeleteKeyword", "Keywords", "keyword_id"),
            ("UndeleteKeyword", "Keywords", "keyword_id"),
            ("GetCluster", "Clusters", "cluster_id"),
            ("GetKeywordImport", "KeywordImports", "keyword_import_id"),
        ],
    )
    def test_it_answers_as_a_missing_one(
        self, planner: Planner, filled: Account, method: str, what: str, field: str
    ) -> None:
        request_type = getattr(service, f"{method}Request")
        for stranger in (planner.account(), filled.at(a_site())):
            answers = []
            for row_id in (filled.rows(what)[0].id, str(new_id())):
                with pytest.raises(Fault) as failed:
                    stranger.call(method, request_type(site_id=stranger.site_id, **{field: row_id}))
                answers.append((failed.value.code, failed.value.message.replace(row_id, "")))
            assert answers[0] == answers[1]
            assert answers[0][0] is Kind.NOT_FOUND


def _count(database: Database, tenant: Tenant) -> int:
    with database.transaction(tenant) as transaction:
        return int(transaction.execute(sa.text("SELECT count(*) FROM keyword")).scalar_one())
