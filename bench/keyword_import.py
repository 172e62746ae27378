"""What importing keywords costs against a bare COPY of the same rows, and a list's page far behind its first.

`python -m bench.keyword_import`: the function `import_keywords` reads the file, finds duplicates, ties every keyword to
the library, derives intents, and stores them under row level security. The COPY gets the rows ready-made, into a table
of the same columns with nothing on it, and into one with the indexes of `keyword` too. Both run on the same database in
turns. A file of a million lines comes first, once: how long it takes, and how much the process holds.

The way through REST, with every service, a worker and Redis, is in `bench.keyword_import_rest`.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from igny8.planner.v1 import planner_service_pb2
from sqlalchemy.engine import make_url

from chassis import migrate, paging
from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import FolderStore
from chassis.resource.methods import Query
from chassis.tenancy import Tenant
from chassis.testing.postgres import TemplateDatabases, postgres_server
from chassis.testing.service import a_passport, a_site
from chassis.work import Work
from services.planner.repository import limits
from services.planner.resources import KEYWORD
from services.planner.usecases.imports import ImportKeywords

LINES = 100_000
TURNS = 5
LISTED = 1_000_000
PAGE = 50
_ORDERS = {"": 30, "volume desc": 3}
"""What lists are ordered by, with how many turns of each."""
_PLAIN = "LIKE keyword INCLUDING DEFAULTS INCLUDING GENERATED"
TABLES = {"without an index": f"({_PLAIN})", "with keyword's indexes": f"({_PLAIN} INCLUDING INDEXES)"}
"""What a COPY is made into."""
_COLUMNS = "account_id, id, site_id, sector_id, text, normalised, volume, difficulty, private_seed_keyword_id"


def main() -> None:
    """Print all comparisons."""
    with _planner() as planner:
        _large(planner)
        _import(planner)
        _list(planner)


@dataclass(frozen=True)
class _Planner:
    """A planner's database and function, without the servers around them."""

    database: Database
    objects: FolderStore
    function: ImportKeywords
    admin: psycopg.Connection[Any]

    def tenant(self) -> Tenant:
        """Return a new account at a new site, with room for everything."""
        tenant = Tenant.of(a_passport(site=a_site()))
        with self.database.transaction(Tenant(tenant.account_id)) as transaction:
            limits.put(transaction, tenant.account_id, "Bench", 10 * LISTED)
        return tenant


def _large(planner: _Planner) -> None:
    tenant = planner.tenant()
    with tempfile.TemporaryFile() as file:
        file.writelines(lines(LISTED))
        file.seek(0)
        key = f"imports/{tenant.account_id}/{new_id()}.csv"
        planner.objects.put_file(key, file)
    before = _peak_mb()
    took = _imported(planner, tenant, key)
    print(
        f"import_keywords, {LISTED:,} lines: {took:.0f} s; held {_peak_mb():.0f} MB at most, {before:.0f} MB before it"
    )


def _peak_mb() -> float:
    """What this process has held at most; Linux counts in kibibytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _import(planner: _Planner) -> None:
    data = b"".join(lines(LINES))
    taken: dict[str, list[float]] = {name: [] for name in ("import", *TABLES)}
    for _ in range(TURNS):
        tenant = planner.tenant()
        for name, made in TABLES.items():
            taken[name].append(copied(planner.admin, tenant, made))
        key = f"imports/{tenant.account_id}/{new_id()}.csv"
        planner.objects.put(key, data)
        taken["import"].append(_imported(planner, tenant, key))
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    print(f"import_keywords, {LINES:,} lines: {medians['import']:.2f} s, median of {TURNS}")
    for name in TABLES:
        print(f"{medians[name] / medians['import']:5.2f} x: the speed of a COPY {name} ({medians[name]:.2f} s)")


def _imported(planner: _Planner, tenant: Tenant, key: str) -> float:
    assert tenant.site is not None
    options = {"object_key": key, "filename": "bench.csv", "sector_id": str(tenant.site.sectors[0].id)}
    began = time.perf_counter()
    planner.function.apply(Work(tenant, new_id(), new_id(), options, new_id()), None)
    return time.perf_counter() - began


def copied(admin: psycopg.Connection[Any], tenant: Tenant, made: str) -> float:
    """Return the seconds of a COPY of `LINES` keywords into a table that is made so."""
    assert tenant.site is not None
    scope = (tenant.account_id, tenant.site_id, tenant.site.sectors[0].id)
    ready = [
        (scope[0], new_id(), *scope[1:], text, text, volume, difficulty, new_id())
        for text, volume, difficulty in _rows(LINES)
    ]
    admin.execute(f"CREATE TABLE bare {made}")
    began = time.perf_counter()
    with closing(admin.cursor()) as cursor, cursor.copy(f"COPY bare ({_COLUMNS}) FROM STDIN") as copy:
        for row in ready:
            copy.write_row(row)
    took = time.perf_counter() - began
    admin.execute("DROP TABLE bare")
    return took


def _rows(count: int) -> Iterator[tuple[str, int, int]]:
    return ((f"best coffee keyword number {n}", n % 977, n % 100) for n in range(count))


def lines(count: int) -> Iterator[bytes]:
    """Yield a file of so many keywords."""
    yield b"keyword,volume,difficulty\n"
    for text, volume, difficulty in _rows(count):
        yield f"{text},{volume},{difficulty}\n".encode()


def _list(planner: _Planner) -> None:
    tenant = planner.tenant()
    _fill(planner, tenant)
    print(f"{LISTED:,} keywords of one sector; pages of {PAGE}, medians of turns")
    for order, turns in _ORDERS.items():
        last = _token_at(planner, tenant, order, LISTED - PAGE)
        first_s, last_s = _pages(planner, tenant, order, last, turns)
        figures = f"({last_s * 1e3:.1f} ms to {first_s * 1e3:.1f} ms)"
        print(f"{last_s / first_s:5.2f} x: the last page to the first, ordered by {order or 'id'} {figures}")


def _fill(planner: _Planner, tenant: Tenant) -> None:
    """Write the rows as a superuser who asks no trigger and no foreign key: only reading them is measured."""
    assert tenant.site is not None
    scope = {"account": tenant.account_id, "site": tenant.site_id, "sector": tenant.site.sectors[0].id}
    planner.admin.execute("SET session_replication_role = replica")
    planner.admin.execute(
        "INSERT INTO keyword (account_id, site_id, sector_id, id, private_seed_keyword_id, text, normalised, volume,"
        " applying_volume)"
        " SELECT %(account)s, %(site)s, %(sector)s, uuidv7(), gen_random_uuid(), 'keyword ' || n, 'keyword ' || n,"
        " n %% 977, n %% 977 FROM generate_series(1, %(count)s) n",
        scope | {"count": LISTED},
    )
    planner.admin.execute("VACUUM ANALYZE keyword")  # as PostgreSQL does by itself after a while


def _token_at(planner: _Planner, tenant: Tenant, order: str, row: int) -> str:
    """Return the token of the page behind a row."""
    query = _query(order, "", 1)
    with planner.database.transaction(tenant) as transaction:
        found = transaction.execute(query.statement.limit(1).offset(row - 1)).mappings().one()
    return paging.encode(query.keys, [found[f"_key{i}"] for i in range(len(query.keys))], query.fingerprint)


def _pages(planner: _Planner, tenant: Tenant, order: str, token: str, turns: int) -> tuple[float, float]:
    """Return the seconds of the first page and of the one behind a token; they take turns."""
    taken: dict[str, list[float]] = {"": [], token: []}
    for _ in range(turns):
        for where, seconds in taken.items():
            began = time.perf_counter()
            with planner.database.transaction(tenant) as transaction:
                rows, _next = _query(order, where, PAGE).run(transaction.connection)
            seconds.append(time.perf_counter() - began)
            assert len(rows) == PAGE
    return statistics.median(taken[""]), statistics.median(taken[token])


def _query(order: str, token: str, size: int) -> Query:
    request = planner_service_pb2.ListKeywordsRequest(order_by=order, page_token=token)
    return KEYWORD.query(request, list(KEYWORD.columns.values()), size)


@contextmanager
def _planner() -> Iterator[_Planner]:
    def brought(service: str, owner_url: str) -> None:
        migrate.upgrade(f"services.{service}", owner_url, app_role=f"{service}_app", sweep_role=f"{service}_sweep")

    with ExitStack() as stack:
        server = stack.enter_context(postgres_server())
        urls = stack.enter_context(TemplateDatabases(server, brought).fresh("planner"))
        database = Database(urls.app)
        stack.callback(database.close)
        objects = FolderStore(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        name = make_url(urls.owner).database
        admin = stack.enter_context(psycopg.connect(server.admin_url, dbname=name, autocommit=True))
        yield _Planner(database, objects, ImportKeywords(database, objects), admin)


if __name__ == "__main__":
    main()
