"""The volume and difficulty that apply to a keyword are stored, and stay right whatever changes."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.planner.v1 import planner_pb2
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.ids import new_id
from chassis.passport import SectorClaim, SiteClaim
from chassis.testing.service import a_passport
from services.planner.repository.keywords import NewKeyword
from services.planner.resources import KEYWORD
from services.planner.usecases.keywords import create_keyword
from tests.integration.planner.conftest import Account, Planner

TEXTS = [f"moka pot {number}" for number in range(12)]
STEPS = 60
_WRONG = """
    SELECT k.text, k.applying_volume, k.applying_difficulty FROM keyword k
    LEFT JOIN seed_keyword s ON s.id = k.seed_keyword_id
    LEFT JOIN private_seed_keyword p ON p.account_id = k.account_id AND p.id = k.private_seed_keyword_id
    WHERE k.account_id = ANY (:accounts) AND (k.applying_volume, k.applying_difficulty) IS DISTINCT FROM
        (coalesce(k.volume, s.volume, p.volume), coalesce(k.difficulty, s.difficulty, p.difficulty))
"""
_WRONG_SUMS = """
    SELECT c.id FROM cluster c
    LEFT JOIN keyword k ON k.account_id = c.account_id AND k.cluster_id = c.id AND k.delete_time IS NULL
    WHERE c.account_id = ANY (:accounts)
    GROUP BY c.account_id, c.id
    HAVING (c.volume, c.keyword_count) IS DISTINCT FROM (coalesce(sum(k.applying_volume), 0)::bigint, count(k.id))
        OR abs(c.difficulty - avg(k.applying_difficulty)) > 1e-6
        OR (c.difficulty IS NULL) <> (avg(k.applying_difficulty) IS NULL)
"""


class Library:
    """The platform's keywords of one sector of the catalogue, as an operator changes them."""

    def __init__(self, planner: Planner) -> None:
        self.planner, self.industry, self.template = planner, new_id(), new_id()
        self.owner = sa.create_engine(planner.owner_url)
        self.accounts: list[UUID] = []

    def account(self, sites: int = 1) -> list[Account]:
        """A new account at sites whose sector is of this library."""
        claims = [SectorClaim(new_id(), self.template, "Coffee") for _ in range(sites)]
        first, *others = [SiteClaim(new_id(), self.industry, (claim,), f"Site {claim.id}") for claim in claims]
        account = Account(self.planner, self.planner.running.caller(a_passport(site=first)))
        self.accounts.append(account.tenant.account_id)
        return [account, *map(account.at, others)]

    def add(self, text: str, volume: int | None = None, difficulty: float | None = None) -> UUID:
        seed = new_id()
        self.run(
            "INSERT INTO seed_keyword (id, industry_id, industry_sector_id, text, normalised, volume, difficulty)"
            " VALUES (:id, :industry, :template, :text, :text, :volume, :difficulty)",
            {
                "id": seed,
                "industry": self.industry,
                "template": self.template,
                "text": text,
                "volume": volume,
                "difficulty": difficulty,
            },
        )
        return seed

    def change(self, seed: UUID, volume: int | None, difficulty: float | None = None) -> None:
        self.run(
            "UPDATE seed_keyword SET volume = :volume, difficulty = :difficulty WHERE id = :id",
            {"id": seed, "volume": volume, "difficulty": difficulty},
        )

    def run(self, statement: str, parameters: dict[str, Any]) -> None:
        with self.owner.begin() as connection:
            connection.execute(sa.text(statement), parameters)

    def wrong(self) -> list[Any]:
        """Keywords and clusters of these accounts whose stored figures are not those that they are made of."""
        with self.owner.begin() as connection:
            checks = [connection.execute(sa.text(c), {"accounts": self.accounts}) for c in (_WRONG, _WRONG_SUMS)]
            return [row for check in checks for row in check]


@pytest.fixture
def library(planner: Planner) -> Iterator[Library]:
    made = Library(planner)
    yield made
    made.owner.dispose()


def keyword(account: Account, text: str) -> Any:
    (found,) = account.rows("Keywords", filter=f'text = "{text}"')
    return found


def update(account: Account, keyword_id: str, *paths: str, **values: Any) -> None:
    changed = planner_pb2.Keyword(id=keyword_id, site_id=account.site_id, **values)
    request = service.UpdateKeywordRequest(keyword=changed)
    request.update_mask.paths.extend(paths)
    account.call("UpdateKeyword", request)


def change_private(account: Account, text: str, volume: int | None) -> None:
    """Give the account's own library another volume, as somebody who sees only one of its sites."""
    with account.planner.database.transaction(account.tenant) as transaction:
        change = sa.text("UPDATE private_seed_keyword SET volume = :volume WHERE normalised = :text")
        transaction.execute(change, {"volume": volume, "text": text})


class TestLibraryChanges:
    def test_every_account_that_has_no_figure_of_its_own_sees_it(self, library: Library) -> None:
        seed = library.add("moka pot", 700)
        (follows,), (own,) = library.account(), library.account()
        follows.add("moka pot", volume=None)
        own.add("moka pot", volume=5)
        library.change(seed, 900, 40.0)
        assert (keyword(follows, "moka pot").volume, keyword(follows, "moka pot").difficulty) == (900, 40.0)
        assert (keyword(own, "moka pot").volume, keyword(own, "moka pot").difficulty) == (5, 40.0)
        assert library.wrong() == []

    def test_sums_of_clusters_follow(self, library: Library) -> None:
        seed, (account,) = library.add("moka pot", 700), library.account()
        account.add("moka pot", *(f"moka pot {kind}" for kind in ("gasket", "size", "steel", "induction")), volume=None)
        account.cluster()
        library.change(seed, 900)
        assert [cluster.volume for cluster in account.rows("Clusters")] == [900]

    def test_a_private_figure_reaches_the_accounts_other_sites(self, library: Library) -> None:
        first, second = library.account(sites=2)
        first.add("moka pot", volume=10)
        second.add("moka pot", volume=None)
        assert keyword(second, "moka pot").volume == 10
        change_private(first, "moka pot", 30)
        assert keyword(second, "moka pot").volume == 30
        assert library.wrong() == []

    def test_a_revision_is_of_what_people_change(self, library: Library) -> None:
        seed, (account,) = library.add("moka pot", 700), library.account()
        account.add("moka pot", volume=None)
        before = keyword(account, "moka pot")
        library.change(seed, 900)
        after = keyword(account, "moka pot")
        assert (after.etag, after.update_time) == (before.etag, before.update_time)


class TestOrder:
    @pytest.mark.parametrize("order", ["volume", "volume desc"])
    def test_pages_by_volume_have_every_keyword_once(self, library: Library, order: str) -> None:
        library.add("moka pot 3", 25)
        (account,) = library.account()
        for number in range(9):
            account.add(f"moka pot {number}", volume=None if number % 3 == 0 else number * 10)
        seen, token = [], "first"
        while token:
            after = "" if token == "first" else token
            request = service.ListKeywordsRequest(
                site_id=account.site_id, page_size=2, page_token=after, order_by=order
            )
            page = account.call("ListKeywords", request)
            seen += [row.volume for row in page.keywords]
            token = page.next_page_token
        expected = [0, 0, 10, 20, 25, 40, 50, 70, 80]
        assert seen == (expected if order == "volume" else expected[::-1])

    @pytest.mark.parametrize("order", ["volume", "volume desc"])
    def test_a_page_is_read_from_the_index(self, account: Account, order: str) -> None:
        account.add("moka pot")
        request = service.ListKeywordsRequest(order_by=order)
        with account.planner.database.transaction(account.tenant) as transaction:
            transaction.execute(sa.text("SET LOCAL enable_seqscan = off"))
            transaction.execute(sa.text("SET LOCAL enable_sort = off"))
            query = KEYWORD.query(request, list(KEYWORD.columns.values()), 50)
            compiled = query.statement.compile(transaction.connection, compile_kwargs={"render_postcompile": True})
            plan = transaction.connection.exec_driver_sql(f"EXPLAIN {compiled}", compiled.params).scalars().all()
        assert any("keyword_applying_volume_idx" in line for line in plan), plan
        assert not any("Sort" in line for line in plan), plan


class TestAtOnce:
    """A change of the library and one of a keyword that depends on it, each under way when the other begins."""

    def test_a_keyword_that_is_being_added_gets_the_figure_that_is_being_changed(self, library: Library) -> None:
        seed, (account,) = library.add("moka pot", 700), library.account()
        account.add("aeropress")  # its reference rows are there
        with account.planner.database.transaction(account.tenant) as transaction:
            create_keyword(transaction, NewKeyword(account.sector_id, "moka pot"))
            change = _thread(lambda: library.change(seed, 900))
            change.join(0.3)
        change.join(10)
        assert keyword(account, "moka pot").volume == 900
        assert library.wrong() == []

    def test_a_figure_that_is_being_changed_is_the_new_keywords(self, library: Library) -> None:
        seed, (account,) = library.add("moka pot", 700), library.account()
        with self._changing(library, seed, 900):
            added = _thread(lambda: account.add("moka pot", volume=None))
            added.join(0.3)
        added.join(10)
        assert keyword(account, "moka pot").volume == 900

    @pytest.mark.parametrize("figure", ["volume", "difficulty"])
    def test_a_keyword_that_gives_its_own_figure_up(self, library: Library, figure: str) -> None:
        seed, (account,) = library.add("moka pot", 700, 7.0), library.account()
        account.add("moka pot", volume=5, difficulty=5.0)
        row = keyword(account, "moka pot")
        with self._changing(library, seed, 900):
            given_up = _thread(lambda: update(account, row.id, figure))
            given_up.join(0.3)
        given_up.join(10)
        assert not given_up.is_alive()
        assert library.wrong() == []

    def test_a_keyword_that_depends_on_it_already_does_not_deadlock(self, library: Library) -> None:
        seed, (account,) = library.add("moka pot", 700), library.account()
        account.add("moka pot", volume=None)
        row = keyword(account, "moka pot")
        with account.planner.database.transaction(account.tenant) as transaction:
            transaction.execute(sa.text("UPDATE keyword SET difficulty = 3 WHERE id = :id"), {"id": row.id})
            change = _thread(lambda: library.change(seed, 900, 9.0))
            change.join(0.3)
            transaction.execute(sa.text("UPDATE keyword SET difficulty = NULL WHERE id = :id"), {"id": row.id})
        change.join(10)
        assert (keyword(account, "moka pot").volume, keyword(account, "moka pot").difficulty) == (900, 9.0)

    @contextmanager
    def _changing(self, library: Library, seed: UUID, volume: int) -> Iterator[None]:
        with library.owner.begin() as connection:
            connection.execute(
                sa.text("UPDATE seed_keyword SET volume = :volume WHERE id = :id"), {"volume": volume, "id": seed}
            )
            yield


def _thread(do: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=do)
    thread.start()
    return thread


@pytest.mark.parametrize("seed", range(4))
def test_after_any_changes_stored_figures_are_those_that_they_are_made_of(library: Library, seed: int) -> None:
    walk = Walk(library, random.Random(seed))  # noqa: S311 - a test's sequence
    for _ in range(STEPS):
        walk.step()
        assert library.wrong() == []


class Walk:
    """Random changes by two accounts, one of them at two sites, and by an operator."""

    def __init__(self, library: Library, rng: random.Random) -> None:
        self.library, self.rng = library, rng
        self.seeds = [library.add(text, self._volume(), self._difficulty()) for text in TEXTS[:4]]
        self.accounts = [*library.account(sites=2), *library.account()]
        for account in self.accounts:
            account.allow(1_000)
        self.steps = [
            *(self.add, self.add, self.import_file, self.update, self.update, self.bulk_update, self.delete),
            *(self.undelete, self.change_seed, self.change_private, self.tie, self.cluster),
        ]

    def step(self) -> None:
        self.rng.choice(self.steps)(self.rng.choice(self.accounts))

    def add(self, account: Account) -> None:
        there = {row.text for row in account.rows("Keywords")}
        new = [text for text in TEXTS if text not in there]
        if new:
            account.add(self.rng.choice(new), volume=self._volume(), difficulty=self._difficulty())

    def import_file(self, account: Account) -> None:
        lines = [f"{text},{self._volume() or ''},{self._difficulty() or ''}" for text in self.rng.sample(TEXTS, 5)]
        account.import_file("\n".join(["keyword,volume,difficulty", *lines]).encode())

    def update(self, account: Account) -> None:
        rows = account.rows("Keywords")
        if rows:
            values = {"volume": self._volume(), "difficulty": self._difficulty()}
            paths = self.rng.choice([["volume"], ["difficulty"], ["volume", "difficulty"]])
            update(account, self.rng.choice(rows).id, *paths, **{p: values[p] for p in paths if values[p] is not None})

    def bulk_update(self, account: Account) -> None:
        request = service.BulkUpdateKeywordsRequest(
            site_id=account.site_id, filter="volume >= 10", keyword=planner_pb2.Keyword(difficulty=self._difficulty())
        )
        request.update_mask.paths.append(self.rng.choice(["volume", "difficulty"]))
        account.call("BulkUpdateKeywords", request)

    def delete(self, account: Account) -> None:
        rows = account.rows("Keywords")
        if rows:
            request = service.BulkDeleteKeywordsRequest(
                site_id=account.site_id, keyword_ids=[row.id for row in self.rng.sample(rows, min(2, len(rows)))]
            )
            account.call("BulkDeleteKeywords", request)

    def undelete(self, account: Account) -> None:
        account.call(
            "BulkUndeleteKeywords", service.BulkUndeleteKeywordsRequest(site_id=account.site_id, search="moka")
        )

    def change_seed(self, _: Account) -> None:
        self.library.change(self.rng.choice(self.seeds), self._volume(), self._difficulty())

    def change_private(self, account: Account) -> None:
        change_private(account, self.rng.choice(TEXTS), self._volume())

    def tie(self, account: Account) -> None:
        """Tie keywords to another row of the platform's library, as when their own is taken into it."""
        with account.planner.database.transaction(account.tenant) as transaction:
            tie = "UPDATE keyword SET seed_keyword_id = :seed, private_seed_keyword_id = NULL WHERE text = :text"
            transaction.execute(sa.text(tie), {"seed": self.rng.choice(self.seeds), "text": self.rng.choice(TEXTS)})

    def cluster(self, account: Account) -> None:
        if len([row for row in account.rows("Keywords") if not row.cluster_id]) >= 5:
            account.cluster()

    def _volume(self) -> int | None:
        return self.rng.choice([None, 0, self.rng.randrange(1_000)])

    def _difficulty(self) -> float | None:
        return self.rng.choice([None, 0.0, self.rng.randrange(100) / 2])
