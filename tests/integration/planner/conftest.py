"""A planner with its own database, its real server, and an object store in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from igny8.planner.v1 import planner_service_pb2, planner_service_pb2_grpc

from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import FolderStore
from chassis.passport import SiteClaim
from chassis.tenancy import Tenant
from chassis.testing.postgres import TemplateDatabases
from chassis.testing.service import Caller, Running, a_passport, a_site, serving
from chassis.work import Answer, Applied, Function, Provenance, Work
from services.planner.__main__ import functions, offers
from services.planner.clustering import SemanticClusterer
from services.planner.repository import limits
from services.planner.repository.keywords import NewKeyword
from services.planner.usecases.keywords import create_keyword


@dataclass(frozen=True)
class Account:
    """A tenant at one of its sites, and what tests do for it."""

    planner: Planner
    caller: Caller

    @property
    def tenant(self) -> Tenant:
        return Tenant.of(self.caller.passport)

    @property
    def site(self) -> SiteClaim:
        assert self.tenant.site is not None
        return self.tenant.site

    @property
    def site_id(self) -> str:
        return str(self.site.id)

    @property
    def sector_id(self) -> UUID:
        return self.site.sectors[0].id

    def at(self, site: SiteClaim) -> Account:
        return Account(self.planner, self.caller.at(site))

    def call(self, method: str, request: Any) -> Any:
        return self.caller.call(getattr(self.planner.stub, method), request)

    def rows(self, what: str, **query: Any) -> list[Any]:
        """Everything that a list method returns on one page of 1,000."""
        request = getattr(planner_service_pb2, f"List{what}Request")(site_id=self.site_id, page_size=1000, **query)
        (field,) = [f.name for f in request.DESCRIPTOR.file.message_types_by_name[f"List{what}Response"].fields][:1]
        return list(getattr(self.call(f"List{what}", request), field))

    def add(self, *texts: str, **values: Any) -> list[UUID]:
        """Keywords of the first sector; the earlier, the more searched, unless a volume is given."""
        with self.planner.database.transaction(self.tenant) as transaction:
            return [
                create_keyword(transaction, self._new(text, {"volume": 1000 - number} | values))
                for number, text in enumerate(texts)
            ]

    def _new(self, text: str, values: dict[str, Any]) -> NewKeyword:
        return NewKeyword(**{"sector_id": self.sector_id} | values, text=text)

    def allow(self, keywords: int) -> None:
        with self.planner.database.transaction(Tenant(self.tenant.account_id)) as transaction:
            limits.put(transaction, self.tenant.account_id, "Growth", keywords)

    def work(self, subject_id: UUID, **options: Any) -> Work:
        return Work(self.tenant, new_id(), subject_id, options, new_id())

    def upload(self, data: bytes, filename: str = "keywords.csv") -> dict[str, Any]:
        """Put a file where uploads lie; the options of its import."""
        key = f"imports/{self.tenant.account_id}/{new_id()}.csv"
        self.planner.objects.put(key, data)
        return {"object_key": key, "filename": filename, "sector_id": str(self.sector_id)}

    def import_file(self, data: bytes, filename: str = "keywords.csv") -> Any:
        """Import a file whole; its report."""
        work = self.work(new_id(), **self.upload(data, filename))
        self.planner.functions["import_keywords"].apply(work, None)
        return self.report(work.subject_id)

    def report(self, import_id: UUID) -> Any:
        request = planner_service_pb2.GetKeywordImportRequest(site_id=self.site_id, keyword_import_id=str(import_id))
        return self.call("GetKeywordImport", request)

    def cluster(self) -> Applied:
        return self.planner.functions["cluster_keywords"].apply(self.work(self.sector_id), None)


@dataclass(frozen=True)
class Planner:
    """A running planner."""

    database: Database
    running: Running
    objects: FolderStore
    functions: Mapping[str, Function]
    sweep: Database
    stub: Any = field(repr=False)
    owner_url: str = field(repr=False)

    def account(self, *, sectors: int = 1) -> Account:
        return Account(self, self.running.caller(a_passport(site=a_site(sectors=sectors))))


@pytest.fixture(scope="package")
def planner(databases: TemplateDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planner]:
    objects, clusterer = FolderStore(tmp_path_factory.mktemp("objects")), SemanticClusterer()
    with databases.fresh("planner") as urls:
        database, sweep = Database(urls.app), Database(urls.sweep)
        work = functions(database, objects, clusterer)
        with serving("planner", offers(database, sweep, objects, work)) as running:
            stub = planner_service_pb2_grpc.PlannerServiceStub(running.channel)
            yield Planner(database, running, objects, work, sweep, stub, urls.owner)
        database.close()
        sweep.close()


@pytest.fixture
def account(planner: Planner) -> Account:
    """A new account at a new site with one sector, on the Free plan."""
    return planner.account()


def an_answer(text: str) -> Answer:
    """What a model said."""
    origin = Provenance(
        call_id=str(new_id()), provider="offline", model="offline-1", template="generate_ideas", template_version="abc"
    )
    return Answer(text=text, provenance=origin)


DATA = Path(__file__).parents[4] / "shared" / "data" / "keywords"
