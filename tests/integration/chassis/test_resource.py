"""The standard methods over a sample resource: the planner's Cluster message on a table made here."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from igny8.planner.v1 import planner_pb2, planner_service_pb2, planner_service_pb2_grpc
from sqlalchemy.orm import Mapped, mapped_column

from chassis import call, tenancy
from chassis.database import Database
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.roles import bootstrap_service
from chassis.errors import Fault, Kind
from chassis.ids import new_id
from chassis.resource import Resource
from chassis.server import Offer
from chassis.tenancy import Editable, SectorRow, SoftDeleted, TenantBase
from chassis.testing.service import Caller, Running, a_site, serving


class Base(TenantBase):
    __abstract__ = True
    metadata = tenancy.metadata()


class Sample(SectorRow, Editable, SoftDeleted, Base):
    __tablename__ = "sample"
    __table_args__ = (sa.UniqueConstraint("account_id", "site_id", "sector_id", "name"),)

    name: Mapped[str] = mapped_column(sa.Text, nullable=False)
    description: Mapped[str] = mapped_column(sa.Text, server_default="")
    primary_keyword_id: Mapped[UUID | None] = mapped_column(sa.Uuid)
    keyword_count: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
    volume: Mapped[int | None] = mapped_column(sa.BigInteger)
    difficulty: Mapped[float | None] = mapped_column(sa.Double)
    informational_count: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
    navigational_count: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
    commercial_count: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
    transactional_count: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
    idea_count: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
    content_count: Mapped[int] = mapped_column(sa.BigInteger, server_default="0")
    status: Mapped[str] = mapped_column(sa.Text, server_default="new")
    disabled: Mapped[bool] = mapped_column(sa.Boolean, server_default=sa.false())
    name_given: Mapped[bool] = mapped_column(sa.Boolean, server_default=sa.false())
    merged_into_id: Mapped[UUID | None] = mapped_column(sa.Uuid)


CLUSTER = Resource(
    message=planner_pb2.Cluster,
    table=Sample,
    plural="clusters",
    filters=("status", "volume", "name", "disabled"),
    orders=("volume", "name", "difficulty"),
    search=("name",),
    updates=("name", "disabled"),
    rules={"name": lambda name: None if name.strip() else "must not be empty"},
    unique={"sample_account_id_site_id_sector_id_name_key": "A cluster of this name exists in the sector."},
)


class Servicer(planner_service_pb2_grpc.PlannerServiceServicer):
    GetCluster = CLUSTER.get(planner_pb2.Cluster)
    ListClusters = CLUSTER.list(planner_service_pb2.ListClustersResponse)
    UpdateCluster = CLUSTER.update(planner_pb2.Cluster)

    def __init__(self, database: Database) -> None:
        self.database = database


@pytest.fixture(scope="module")
def database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    urls = bootstrap_service(postgres.admin_url, "sample", password=postgres.passwords, database="sample")
    owner = sa.create_engine(urls.owner)
    Base.metadata.create_all(owner)
    with owner.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        tenancy.protect_references(op, "sample_app")
        tenancy.protect(op, "sample", "sample_app", "site")
    owner.dispose()
    made = Database(urls.app)
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(database: Database) -> Iterator[Running]:
    offer = Offer(
        "igny8.planner.v1.PlannerService",
        planner_service_pb2_grpc.add_PlannerServiceServicer_to_server,
        Servicer(database),  # type: ignore[abstract]  # only the methods that are tried
    )
    with serving("planner", [offer]) as running:
        yield running


@pytest.fixture
def stub(service: Running) -> Any:
    return planner_service_pb2_grpc.PlannerServiceStub(service.channel)


def insert(database: Database, caller: Caller, **values: object) -> str:
    tenant = tenancy.Tenant.of(caller.passport)
    row_id = new_id()
    with database.transaction(tenant) as transaction:
        transaction.execute(
            sa.insert(Sample).values(
                account_id=tenant.account_id,
                site_id=tenant.site_id,
                sector_id=caller.passport.site.sectors[0].id,  # type: ignore[union-attr]  # the caller has a site
                id=row_id,
                **values,
            )
        )
    return str(row_id)


class TestGet:
    def test_a_row_comes_back_as_its_message(self, database: Database, service: Running, stub: Any) -> None:
        caller = service.caller()
        row_id = insert(database, caller, name="espresso machines", volume=1200)
        got = caller.call(
            stub.GetCluster, planner_service_pb2.GetClusterRequest(site_id=_site(caller), cluster_id=row_id)
        )
        assert (got.id, got.name, got.volume, got.etag) == (row_id, "espresso machines", 1200, "1")
        assert got.status == planner_pb2.MAPPING_STATUS_NEW
        assert not got.HasField("difficulty")

    def test_another_tenants_row_answers_as_a_missing_one(
        self, database: Database, service: Running, stub: Any
    ) -> None:
        owner, stranger = service.caller(), service.caller()
        row_id = insert(database, owner, name="grinders")
        theirs = _fault(stranger, stub, row_id)
        missing = _fault(stranger, stub, str(new_id()))
        assert theirs.code is missing.code is Kind.NOT_FOUND
        assert theirs.message.replace(row_id, "") == missing.message.replace(missing.message.split()[-1][:-1], "")

    def test_another_site_of_the_account_answers_as_a_missing_row(
        self, database: Database, service: Running, stub: Any
    ) -> None:
        caller = service.caller()
        row_id = insert(database, caller, name="kettles")
        assert _fault(caller.at(a_site()), stub, row_id).code is Kind.NOT_FOUND


class TestList:
    def test_pages_meet_every_row_once_in_order(self, database: Database, service: Running, stub: Any) -> None:
        caller = service.caller()
        for n in range(7):
            insert(database, caller, name=f"c{n}", volume=None if n == 3 else n % 3)
        seen, token = [], ""
        while True:
            request = planner_service_pb2.ListClustersRequest(
                site_id=_site(caller), page_size=2, page_token=token, order_by="volume desc, name"
            )
            page = caller.call(stub.ListClusters, request)
            seen += [(c.volume, c.name) for c in page.clusters]
            token = page.next_page_token
            if not token:
                break
        assert [name for _, name in seen] == ["c2", "c5", "c1", "c4", "c0", "c6", "c3"]

    def test_a_floating_point_column_is_an_order_too(self, database: Database, service: Running, stub: Any) -> None:
        caller = service.caller()
        for name, difficulty in (("a", 0.5), ("b", None), ("c", 12.25)):
            insert(database, caller, name=name, difficulty=difficulty)
        seen, token = [], ""
        for _ in range(3):
            request = planner_service_pb2.ListClustersRequest(
                site_id=_site(caller), page_size=1, page_token=token, order_by="difficulty"
            )
            page = caller.call(stub.ListClusters, request)
            seen += [cluster.name for cluster in page.clusters]
            token = page.next_page_token
        assert (seen, token) == (["b", "a", "c"], "")

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ('status = "new"', ["a", "b"]),
            ("volume >= 100", ["b"]),
            ('volume < 100 OR name = "b"', ["a", "b"]),
            ('NOT name = "a"', ["b"]),
            ("name : B", ["b"]),
            ("disabled = true", []),
        ],
    )
    def test_a_filter_chooses(
        self, database: Database, service: Running, stub: Any, query: str, names: list[str]
    ) -> None:
        caller = service.caller()
        insert(database, caller, name="a", volume=10)
        insert(database, caller, name="b", volume=100)
        request = planner_service_pb2.ListClustersRequest(site_id=_site(caller), filter=query, with_total_size=True)
        page = caller.call(stub.ListClusters, request)
        assert [c.name for c in page.clusters] == names
        assert page.total_size == len(names)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("page_size", -1),
            ("page_size", 1001),
            ("page_token", "x"),
            ("filter", "nonsense"),
            ("filter", "secret = 1"),
            ("order_by", "id; drop"),
            ("filter", 'status = "foo"'),
        ],
    )
    def test_a_wrong_field_is_named(self, service: Running, stub: Any, field: str, value: Any) -> None:
        caller = service.caller()
        with pytest.raises(Fault) as failed:
            caller.call(
                stub.ListClusters, planner_service_pb2.ListClustersRequest(site_id=_site(caller), **{field: value})
            )
        assert failed.value.code is Kind.INVALID_ARGUMENT
        assert [v.field for v in failed.value.violations] == [field]


class TestUpdate:
    def test_only_named_fields_change_and_the_etag_counts(
        self, database: Database, service: Running, stub: Any
    ) -> None:
        caller = service.caller()
        row_id = insert(database, caller, name="before")
        cluster = planner_pb2.Cluster(id=row_id, site_id=_site(caller), name="after", etag="1")
        got = caller.call(stub.UpdateCluster, planner_service_pb2.UpdateClusterRequest(cluster=cluster))
        assert (got.name, got.etag) == ("after", "2")
        with pytest.raises(Fault) as failed:
            caller.call(stub.UpdateCluster, planner_service_pb2.UpdateClusterRequest(cluster=cluster))
        assert failed.value.reason == "ETAG_MISMATCH"

    def test_a_taken_name_is_named(self, database: Database, service: Running, stub: Any) -> None:
        caller = service.caller()
        insert(database, caller, name="one")
        row_id = insert(database, caller, name="two")
        cluster = planner_pb2.Cluster(id=row_id, site_id=_site(caller), name="one")
        with pytest.raises(Fault) as failed:
            caller.call(stub.UpdateCluster, planner_service_pb2.UpdateClusterRequest(cluster=cluster))
        assert failed.value.code is Kind.ALREADY_EXISTS


def _site(caller: Caller) -> str:
    return str(caller.passport.site.id)  # type: ignore[union-attr]  # the caller has a site


def _fault(caller: Caller, stub: planner_service_pb2_grpc.PlannerServiceStub, row_id: str) -> Fault:
    with pytest.raises(Fault) as failed:
        caller.call(stub.GetCluster, planner_service_pb2.GetClusterRequest(site_id=_site(caller), cluster_id=row_id))
    assert call.request_id() == ""
    return failed.value
