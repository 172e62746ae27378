"""How the orchestrator's parts are put together, for `serve` and for tests."""

from igny8.orchestrator.v1 import orchestrator_service_pb2_grpc

from chassis import service
from chassis.clock import SystemClock
from chassis.config import Environment
from chassis.database import Database
from chassis.passport import Issuer
from chassis.server import Offer
from chassis.service import Built
from services.orchestrator.bells import Bells, celery_app
from services.orchestrator.clients import Peers
from services.orchestrator.config import OrchestratorConfig, rooms
from services.orchestrator.domain.stages import SITE_ROOM
from services.orchestrator.leases import lease_s
from services.orchestrator.maintenance import MAINTENANCE_S, Maintenance, tasks
from services.orchestrator.passports import SiteBook
from services.orchestrator.relay import RELAY_S, Relay
from services.orchestrator.scheduler import SCHEDULER_S, Scheduler
from services.orchestrator.scribe import Scribe
from services.orchestrator.servicer import OrchestratorServicer
from services.orchestrator.sweeper import SCRIBE_S, SWEEP_S, Loop, sweep


def assemble(environment: Environment) -> Built:
    """Put the orchestrator together; its rounds start when it serves.

    Raises:
        ConfigurationError: the environment is incomplete.
    """
    lease = lease_s(environment)
    site_room = rooms(environment, "WORKER_SITE_ROOM", SITE_ROOM)
    config = OrchestratorConfig.read(environment)
    database, rounds = Database(config.service.database_url), Database(config.service.sweep_url)
    peers = Peers(config.addresses, Issuer("orchestrator", config.passport_key))
    bells = Bells(rounds, celery_app(config.redis_url))
    servicer = OrchestratorServicer(database, peers, SiteBook(), bells, SystemClock())
    add = orchestrator_service_pb2_grpc.add_OrchestratorServiceServicer_to_server
    own = Offer("igny8.orchestrator.v1.OrchestratorService", add, servicer)
    loops = [
        Loop("sweeper", SWEEP_S, lambda: sweep(rounds, bells, site_room)),
        Loop("relay", RELAY_S, Relay(rounds, peers, database, lease_s=lease).round),
        Loop("scheduler", SCHEDULER_S, Scheduler(rounds, database, peers, bells).round),
        Loop("maintenance", MAINTENANCE_S, Maintenance(rounds, tasks(rounds, peers)).round),
        Loop("scribe", SCRIBE_S, Scribe(rounds, config.runs_dir, config.mirror_dir).round),
    ]

    def close() -> None:
        peers.close()
        database.close()
        rounds.close()

    return Built(config.service, [own, *service.common_offers(sweep=rounds, database=database)], close, loops)
