"""What the orchestrator offers on the wire."""

from igny8.orchestrator.v1 import orchestrator_service_pb2_grpc

from chassis.clock import Clock
from chassis.database import Database
from chassis.server import Offer
from chassis.service import common_offers
from services.orchestrator.bells import Bells
from services.orchestrator.clients import Peers
from services.orchestrator.passports import SiteBook
from services.orchestrator.servicer import OrchestratorServicer


def offers(database: Database, sweep: Database, peers: Peers, bells: Bells, clock: Clock) -> list[Offer]:
    """Return the services of the orchestrator's server."""
    servicer = OrchestratorServicer(database, peers, SiteBook(), bells, clock)
    add = orchestrator_service_pb2_grpc.add_OrchestratorServiceServicer_to_server
    own = Offer("igny8.orchestrator.v1.OrchestratorService", add, servicer)
    return [own, *common_offers(sweep=sweep, database=database)]
