"""Looking at runs."""

import grpc
from igny8.orchestrator.v1 import orchestrator_pb2, orchestrator_service_pb2

from chassis import call
from chassis.errors import InvalidArgument, NotFound
from services.orchestrator import repository, translate
from services.orchestrator.domain.stages import ENDED
from services.orchestrator.resources import RUN, STEP
from services.orchestrator.servicer.base import Calls, run_id_of

_pb, _rpc = orchestrator_pb2, orchestrator_service_pb2
EVENTS_DEFAULT, EVENTS_MAX = 200, 1000


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
