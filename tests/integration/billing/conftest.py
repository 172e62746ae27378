"""One billing database and server for the module, and accounts in it that nobody has seen before."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace

import pytest

from chassis.database import Database
from chassis.embedded.roles import ServiceUrls
from chassis.testing.clock import FakeClock
from chassis.testing.postgres import TemplateDatabases
from chassis.testing.service import Caller, Running, a_passport, serving
from services.billing.__main__ import offers
from tests.integration.billing.books import CONNECTIONS, Books
from tests.integration.billing.calls import Stub, opened


@dataclass(frozen=True)
class Service:
    """Billing in front of a database that one test has to itself."""

    urls: ServiceUrls
    database: Database
    clock: FakeClock
    caller: Caller
    stub: Stub

    @classmethod
    @contextmanager
    def opened(cls, urls: ServiceUrls, clock: FakeClock) -> Iterator["Service"]:
        database, sweep = Database(urls.app), Database(urls.sweep)
        with closing(database), closing(sweep), serving("billing", offers(database, sweep, clock)) as running:
            engine = running.caller(a_passport(scopes=["engine"])).at(None)
            nobody = replace(engine, passport=replace(engine.passport, account_id=None))
            yield cls(urls, database, clock, nobody, Stub(running.channel))

    def books(self) -> Books:
        """A new account."""
        return Books.opened(self.database, self.clock)


@pytest.fixture(scope="module")
def urls(databases: TemplateDatabases) -> Iterator[ServiceUrls]:
    with databases.fresh("billing") as made:
        yield made


@pytest.fixture(scope="module")
def database(urls: ServiceUrls) -> Iterator[Database]:
    made = Database(urls.app, pool_size=CONNECTIONS)
    yield made
    made.close()


@pytest.fixture
def few_accounts(databases: TemplateDatabases) -> Iterator[Service]:
    """Billing with a database of its own: for rounds over all accounts, where those of other tests would count."""
    clock = FakeClock()
    with databases.fresh("billing") as urls, Service.opened(urls, clock) as made:
        yield made


@pytest.fixture
def books(database: Database) -> Books:
    return Books.opened(database)


@pytest.fixture(scope="module")
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def sweep(urls: ServiceUrls) -> Iterator[Database]:
    made = Database(urls.sweep)
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(database: Database, sweep: Database, clock: FakeClock) -> Iterator[Running]:
    with serving("billing", offers(database, sweep, clock)) as running:
        yield running


@pytest.fixture
def stub(service: Running) -> Stub:
    made: Stub = Stub(service.channel)
    return made


@pytest.fixture
def stranger(service: Running) -> Caller:
    return service.caller()


@pytest.fixture
def caller(service: Running) -> Caller:
    """Somebody who signed up on the Free plan: 50 credits."""
    caller = service.caller()
    opened(service, caller)
    return caller
