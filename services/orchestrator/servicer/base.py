"""What every part of the servicer stands on."""

from typing import Any
from uuid import UUID

from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis.clock import Clock
from chassis.database import Database
from chassis.errors import NotFound
from chassis.ids import require_id
from chassis.passport import Passport
from chassis.tenancy import Tenant
from services.orchestrator import repository
from services.orchestrator.bells import Bells
from services.orchestrator.clients import Peers
from services.orchestrator.passports import SiteBook, of_run
from services.orchestrator.resources import RUN

_pb, _rpc = orchestrator_pb2, orchestrator_service_pb2


class Calls:
    """Calls to the orchestrator.

    Args:
        database: under the app role.
        peers: the other services.
        sites: which sites are active.
        bells: rung when a run starts or goes on.
        clock: tells the time.
    """

    def __init__(self, database: Database, peers: Peers, sites: SiteBook, bells: Bells, clock: Clock) -> None:
        self.database = database
        self._peers, self._sites, self._bells, self._clock = peers, sites, bells, clock

    def _run(self, run_id: str) -> _pb.Run:
        run: _pb.Run = RUN.get(_pb.Run)(self, _rpc.GetRunRequest(run_id=run_id), None)
        return run

    def _engine_of(self, tenant: Tenant, request: Any) -> Passport:
        """Return the engine's passport for the site of a run, which the caller's own passport may not name."""
        with self.database.transaction(tenant) as tx:
            run = repository.read_run(tx, run_id_of(request))
        if run is None:
            raise NotFound.row("run", request.run_id)
        return of_run(tenant.account_id, self._sites.ask(self._peers, tenant.account_id, run.site_id), run.id)


def engine(tenant: Tenant) -> Passport:
    """Return the engine's passport for the site that a caller's passport names."""
    return of_run(tenant.account_id, tenant.site)


def run_id_of(request: Any) -> UUID:
    """Return the run that a request is about.

    Raises:
        InvalidArgument: it is no id.
    """
    return require_id("run_id", request.run_id)
