"""Looking at runs."""

import grpc
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis import call
from chassis.errors import InvalidArgument, NotFound
from chassis.resource import to_message
from services.orchestrator import repository, translate
from services.orchestrator.domain.log import log_line
from services.orchestrator.domain.stages import ACTIVE, ENDED
from services.orchestrator.resources import RUN, STEP
from services.orchestrator.servicer.base import Calls, engine, run_id_of
from services.orchestrator.usecases import looking

_pb, _rpc = orchestrator_pb2, orchestrator_service_pb2
EVENTS_DEFAULT, EVENTS_MAX = 200, 1000
LINES_DEFAULT, LINES_MAX = 100, 1000


class WatchingCalls(Calls):
    """What people see of runs."""

    GetRun = RUN.get(_pb.Run)
    ListRuns = RUN.list(_rpc.ListRunsResponse)
    GetStep = STEP.get(_pb.Step)
    ListSteps = STEP.list(_rpc.ListStepsResponse)

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
            run = repository.read_run(tx, run_id_of(request))
            if run is None:
                raise NotFound.row("run", request.run_id)
            rows = repository.read_events(tx, run.id, request.after_position, limit)
            ended = run.status in ENDED and not repository.has_open_steps(tx, run.id)
        last = rows[-1].position if rows else request.after_position
        return translate.events(rows, ended=ended and last >= run.event_count)

    def TailRunLog(self, request: _rpc.TailRunLogRequest, context: grpc.ServicerContext) -> _rpc.TailRunLogResponse:
        """Read the last lines of a run's log."""
        if not 0 <= request.lines <= LINES_MAX:
            raise InvalidArgument.field("lines", f"must be from 0 to {LINES_MAX}")
        with self.database.transaction(call.tenant()) as tx:
            run = repository.read_run(tx, run_id_of(request))
            if run is None:
                raise NotFound.row("run", request.run_id)
            events = repository.read_last_events(tx, run.id, request.lines or LINES_DEFAULT)
        lines = [log_line(event) for event in events]
        return _rpc.TailRunLogResponse(lines=lines, position=events[-1].position if events else 0)

    def GetPipeline(self, request: _rpc.GetPipelineRequest, context: grpc.ServicerContext) -> _rpc.GetPipelineResponse:
        """Tell what each stage of a site has before it and behind it."""
        tenant = call.tenant()
        stages = looking.pipeline(self.database, self._peers, tenant, engine(tenant))
        return _rpc.GetPipelineResponse(stages=[to_message(_pb.PipelineStage, stage) for stage in stages])

    def GetCurrentProcessing(
        self, request: _rpc.GetCurrentProcessingRequest, context: grpc.ServicerContext
    ) -> _rpc.GetCurrentProcessingResponse:
        """Tell what a site is working on."""
        active = " OR ".join(f'status = "{status}"' for status in ACTIVE)
        runs = self.ListRuns(_rpc.ListRunsRequest(site_id=request.site_id, filter=active, page_size=100), context)
        at_work = _rpc.ListStepsRequest(site_id=request.site_id, filter='status = "running"', page_size=200)
        return _rpc.GetCurrentProcessingResponse(runs=runs.runs, steps=self.ListSteps(at_work, context).steps)
