"""`igny8.orchestrator.v1.OrchestratorService`, thinly."""

from typing import Any
from uuid import UUID

import grpc
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2, orchestrator_service_pb2_grpc

from chassis import call
from chassis.clock import Clock
from chassis.database import Database
from chassis.errors import Aborted, InvalidArgument, NotFound
from chassis.ids import new_id, parse_id, require_id
from chassis.passport import Passport
from chassis.tenancy import Tenant
from services.orchestrator import repository, translate
from services.orchestrator.bells import Bells
from services.orchestrator.clients import Peers
from services.orchestrator.domain import ENDED
from services.orchestrator.passports import SiteBook, of_run
from services.orchestrator.resources import RUN, STEP
from services.orchestrator.usecases import quoting, running

_pb, _rpc = orchestrator_pb2, orchestrator_service_pb2
EVENTS_DEFAULT, EVENTS_MAX = 200, 1000


class OrchestratorServicer(orchestrator_service_pb2_grpc.OrchestratorServiceServicer):
    """Runs and their settings.

    Args:
        database: under the app role.
        peers: the other services.
        sites: which sites are active.
        bells: rung when a run starts or goes on.
        clock: tells the time.
    """

    GetRun = RUN.get(_pb.Run)
    ListRuns = RUN.list(_rpc.ListRunsResponse)
    GetStep = STEP.get(_pb.Step)
    ListSteps = STEP.list(_rpc.ListStepsResponse)

    def __init__(self, database: Database, peers: Peers, sites: SiteBook, bells: Bells, clock: Clock) -> None:
        self.database = database
        self._peers, self._sites, self._bells, self._clock = peers, sites, bells, clock

    def GetAutomationConfig(
        self, request: _rpc.GetAutomationConfigRequest, context: grpc.ServicerContext
    ) -> _pb.AutomationConfig:
        """Read a site's settings."""
        tenant = call.tenant()
        with self.database.transaction(tenant) as tx:
            return translate.config(repository.read_config(tx, tenant.site_id), tenant)

    def UpdateAutomationConfig(
        self, request: _rpc.UpdateAutomationConfigRequest, context: grpc.ServicerContext
    ) -> _pb.AutomationConfig:
        """Change a site's settings."""
        tenant, given = call.tenant(), request.automation_config
        values = translate.config_values(given, list(request.update_mask.paths), tenant)
        with self.database.transaction(tenant) as tx:
            row = repository.write_config(tx, values, given.etag)
            if row is None:
                raise Aborted("The settings were changed by somebody else; read them again and repeat the change.")
            return translate.config(row, tenant)

    def QuoteRun(self, request: _rpc.QuoteRunRequest, context: grpc.ServicerContext) -> _pb.RunQuote:
        """Tell what a run would do and cost."""
        tenant = call.tenant()
        plan = translate.plan(request.plan, tenant)
        return translate.run_quote(quoting.quote_run(self.database, self._peers, tenant, _engine(tenant), plan))

    def StartRun(self, request: _rpc.StartRunRequest, context: grpc.ServicerContext) -> _pb.Run:
        """Start a run."""
        tenant = call.tenant()
        if request.quote_id:
            quote_id = require_id("quote_id", request.quote_id)
            run_id = running.start_with_quote(
                self.database, self._peers, self._clock, tenant, _engine(tenant), quote_id
            )
        else:
            run_id = translate.run_id_for(tenant, request.request_id) if request.request_id else new_id()
            plan = translate.with_subject(translate.plan(request.plan, tenant), run_id)
            running.start_free(self.database, self._clock, tenant, plan, run_id)
        self._bells.ring("local")
        return self._run(str(run_id))

    def PauseRun(self, request: _rpc.PauseRunRequest, context: grpc.ServicerContext) -> _pb.Run:
        """Stop a run before its next phases."""
        running.pause(self.database, call.tenant(), _id(request))
        return self._run(request.run_id)

    def ResumeRun(self, request: _rpc.ResumeRunRequest, context: grpc.ServicerContext) -> _pb.Run:
        """Go on with a paused run."""
        tenant = call.tenant()
        quote_id = parse_id(request.quote_id)
        if request.quote_id and quote_id is None:
            raise InvalidArgument.field("quote_id", "is not an id")
        running.resume(self.database, self._peers, tenant, self._site_engine(tenant, request), _id(request), quote_id)
        return self._run(request.run_id)

    def CancelRun(self, request: _rpc.CancelRunRequest, context: grpc.ServicerContext) -> _pb.Run:
        """Stop a run for good."""
        running.cancel(self.database, call.tenant(), _id(request))
        return self._run(request.run_id)

    def ListRunEvents(
        self, request: _rpc.ListRunEventsRequest, context: grpc.ServicerContext
    ) -> _rpc.ListRunEventsResponse:
        """List a run's events after a position."""
        if not 0 <= request.page_size <= EVENTS_MAX:
            raise InvalidArgument.field("page_size", f"must be from 0 to {EVENTS_MAX}")
        if request.after_position < 0:
            raise InvalidArgument.field("after_position", "must not be negative")
        limit = request.page_size or EVENTS_DEFAULT
        with self.database.transaction(call.tenant()) as tx:
            run = repository.read_run(tx, _id(request))
            if run is None:
                raise NotFound.row("run", request.run_id)
            rows = repository.read_events(tx, run.id, request.after_position, limit)
            ended = run.status in ENDED and not repository.has_open_steps(tx, run.id)
        last = rows[-1].position if rows else request.after_position
        return translate.events(rows, ended=ended and last >= run.event_count)

    def _run(self, run_id: str) -> _pb.Run:
        run: _pb.Run = RUN.get(_pb.Run)(self, _rpc.GetRunRequest(run_id=run_id), None)
        return run

    def _site_engine(self, tenant: Tenant, request: _rpc.ResumeRunRequest) -> Passport:
        """Return the engine's passport for the site of a run, which the caller's own passport may not name."""
        with self.database.transaction(tenant) as tx:
            run = repository.read_run(tx, _id(request))
        if run is None:
            raise NotFound.row("run", request.run_id)
        return of_run(tenant.account_id, self._sites.ask(self._peers, tenant.account_id, run.site_id), run.id)


def _engine(tenant: Tenant) -> Passport:
    return of_run(tenant.account_id, tenant.site)


def _id(request: Any) -> UUID:
    return require_id("run_id", request.run_id)
