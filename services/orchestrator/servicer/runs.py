"""Quoting, starting and steering runs."""

import grpc
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis import call
from chassis.errors import InvalidArgument
from chassis.ids import new_id, parse_id, require_id
from chassis.tenancy import Tenant
from services.orchestrator import automation, repository, translate
from services.orchestrator.domain.plan import Plan
from services.orchestrator.servicer.base import Calls, engine, run_id_of
from services.orchestrator.usecases import quoting, running

_pb, _rpc = orchestrator_pb2, orchestrator_service_pb2


class RunCalls(Calls):
    """What people do with runs."""

    def QuoteRun(self, request: _rpc.QuoteRunRequest, context: grpc.ServicerContext) -> _pb.RunQuote:
        """Tell what a run would do and cost."""
        tenant = call.tenant()
        if request.run_id:
            most = translate.rest_limit(request.plan)
            rest = quoting.quote_rest(self.database, self._peers, tenant, engine(tenant), run_id_of(request), most)
            return translate.run_quote(rest)
        plan = self._plan(request.plan, tenant)
        return translate.run_quote(quoting.quote_run(self.database, self._peers, tenant, engine(tenant), plan))

    def QuoteReplay(self, request: _rpc.QuoteReplayRequest, context: grpc.ServicerContext) -> _pb.RunQuote:
        """Tell what it would cost to do again what failed."""
        tenant = call.tenant()
        wanted = translate.replay(request)
        return translate.run_quote(quoting.quote_replay(self.database, self._peers, tenant, engine(tenant), wanted))

    def StartRun(self, request: _rpc.StartRunRequest, context: grpc.ServicerContext) -> _pb.Run:
        """Start a run."""
        tenant = call.tenant()
        if request.quote_id:
            quote_id = require_id("quote_id", request.quote_id)
            run_id = running.start_with_quote(self.database, self._peers, self._clock, tenant, engine(tenant), quote_id)
        else:
            run_id = translate.run_id_for(tenant, request.request_id) if request.request_id else new_id()
            plan = translate.with_subject(self._plan(request.plan, tenant), run_id)
            running.start_free(self.database, self._peers, self._clock, tenant, engine(tenant), plan, run_id)
        self._bells.ring("local")
        return self._run(str(run_id))

    def PauseRun(self, request: _rpc.PauseRunRequest, context: grpc.ServicerContext) -> _pb.Run:
        """Stop a run before its next phases."""
        running.pause(self.database, call.tenant(), run_id_of(request))
        return self._run(request.run_id)

    def ResumeRun(self, request: _rpc.ResumeRunRequest, context: grpc.ServicerContext) -> _pb.Run:
        """Go on with a paused run."""
        tenant = call.tenant()
        quote_id = parse_id(request.quote_id)
        if request.quote_id and quote_id is None:
            raise InvalidArgument.field("quote_id", "is not an id")
        running.resume(
            self.database, self._peers, tenant, self._engine_of(tenant, request), run_id_of(request), quote_id
        )
        return self._run(request.run_id)

    def CancelRun(self, request: _rpc.CancelRunRequest, context: grpc.ServicerContext) -> _pb.Run:
        """Stop a run for good."""
        running.cancel(self.database, call.tenant(), run_id_of(request))
        return self._run(request.run_id)

    def _plan(self, message: _pb.RunPlan, tenant: Tenant) -> Plan:
        """Return what a plan means at a site, with its settings."""
        plan = translate.plan(message, tenant)
        with self.database.transaction(tenant) as tx:
            row = repository.read_config(tx, tenant.site_id)
        return automation.by_settings(plan, dict(row._mapping) if row else None)
