"""`igny8.orchestrator.v1.OrchestratorService`, thinly."""

from igny8.orchestrator.v1 import orchestrator_service_pb2_grpc

from services.orchestrator.servicer.automation import AutomationCalls
from services.orchestrator.servicer.runs import RunCalls
from services.orchestrator.servicer.upkeep import UpkeepCalls
from services.orchestrator.servicer.watching import WatchingCalls


class OrchestratorServicer(
    AutomationCalls, RunCalls, UpkeepCalls, WatchingCalls, orchestrator_service_pb2_grpc.OrchestratorServiceServicer
):
    """Runs and their settings; the parts say which calls."""
