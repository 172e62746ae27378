"""Keywords that were there before the figures that apply to them were stored."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from chassis import migrate
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.roles import ServiceUrls, bootstrap_service
from chassis.ids import new_id

BEFORE = "0005"
ROWS_OF_THEN = (
    "INSERT INTO account_ref VALUES (:account)",
    "INSERT INTO site_ref VALUES (:account, :site, :site)",
    "INSERT INTO sector_ref VALUES (:account, :site, :sector, :sector)",
    "INSERT INTO private_seed_keyword (account_id, id, industry_id, industry_sector_id, text, normalised, volume)"
    " VALUES (:account, :one, :site, :sector, 'own', 'own', 20)",
    "INSERT INTO cluster (account_id, site_id, sector_id, id, name) VALUES (:account, :site, :sector, :one, 'Pots')",
    "INSERT INTO keyword (account_id, site_id, sector_id, id, seed_keyword_id, private_seed_keyword_id, cluster_id,"
    " text, normalised, volume, difficulty) VALUES"
    " (:account, :site, :sector, :one, NULL, :one, :one, 'own', 'own', NULL, 3),"
    " (:account, :site, :sector, :two, :seed, NULL, :one, 'platform', 'platform', NULL, NULL),"
    " (:account, :site, :sector, :three, :seed, NULL, NULL, 'stated', 'stated', 5, 6)",
)
SEED = (
    "INSERT INTO seed_keyword (id, industry_id, industry_sector_id, text, normalised, volume, difficulty)"
    " VALUES (:seed, :seed, :seed, 'platform', 'platform', 700, 7)"
)


@contextmanager
def connected(url: str, account: object = None) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        if account:
            connection.execute(sa.text("SELECT set_config('app.account', :id, true)"), {"id": str(account)})
        yield connection


@pytest.fixture(scope="module")
def then(postgres: EmbeddedPostgres) -> ServiceUrls:
    """A database at the revision before, with two accounts' keywords in it."""
    urls = bootstrap_service(postgres.admin_url, "planner", password=postgres.passwords, database="planner_of_then")
    upgrade(urls, revision=BEFORE)
    seed = new_id()
    with connected(urls.owner) as connection:
        connection.execute(sa.text(SEED), {"seed": seed})
    for _ in range(2):
        values = {name: new_id() for name in ("account", "site", "sector", "one", "two", "three")} | {"seed": seed}
        with connected(urls.owner, values["account"]) as connection:
            for statement in ROWS_OF_THEN:
                connection.execute(sa.text(statement), values)
    return urls


def upgrade(urls: ServiceUrls, **more: str) -> None:
    migrate.upgrade("services.planner", urls.owner, app_role="planner_app", sweep_role="planner_sweep", **more)


def test_every_accounts_keywords_get_the_figures_that_apply(then: ServiceUrls) -> None:
    upgrade(then)
    with connected(then.owner) as connection:
        read = sa.text("SELECT text, applying_volume, applying_difficulty, revision FROM keyword ORDER BY text")
        rows = [tuple(row) for row in connection.execute(read)]
        (sums,) = {tuple(row) for row in connection.execute(sa.text("SELECT keyword_count, volume FROM cluster"))}
    figures = [("own", 20, 3.0, 1), ("platform", 700, 7.0, 1), ("stated", 5, 6.0, 1)]
    assert rows == [row for row in figures for _ in range(2)]
    assert sums == (2, 720)
