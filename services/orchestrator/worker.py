"""The Celery worker: prefork children, each with an event loop and connections of its own, made after the fork."""

import asyncio
import logging
import multiprocessing
import os
from functools import cache
from typing import TYPE_CHECKING

from chassis import collector
from chassis.config import Environment
from services.orchestrator.domain.stages import LANES, ROOM, SITE_ROOM

if TYPE_CHECKING:
    from celery import Celery

log = logging.getLogger(__name__)
CHILDREN = 3
_stopping = multiprocessing.Event()  # made before the fork, so that the children see what the parent was told


def run_worker() -> None:
    """Answer doorbells until SIGTERM; a second one ends it at once."""
    from celery.signals import worker_shutting_down  # noqa: PLC0415 - only a worker needs it

    from services.orchestrator.bells import TASK, celery_app  # noqa: PLC0415 - nothing heavier before the fork

    environment = Environment()
    app: Celery = celery_app(environment.text("REDIS_URL"), timeout_s=5.0)
    children = environment.integer("WORKER_CHILDREN", CHILDREN, least=1, most=64)
    environment.done()
    app.task(name=TASK)(drain)
    worker_shutting_down.connect(_stop)
    arguments = ["worker", "--pool=prefork", f"--concurrency={children}", f"--queues={','.join(LANES)}"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", f"--hostname=igny8-{os.getpid()}@%h"]
    app.worker_main([*arguments, *quiet, "--loglevel=WARNING"])


def _stop(**_: object) -> None:
    """Have the drains claim nothing more: Celery waits for them, and they would go on for their whole minute."""
    _stopping.set()


def drain(lane: str) -> None:
    """Carry a lane's steps for at most a minute; what fails here is found again by the sweeper."""
    asyncio.run(_drain(lane))


@cache  # once in a child's life, when it has imported what it needs
def _settle() -> None:
    collector.settle()


async def _drain(lane: str) -> None:
    # grpc must not be imported before the fork (its threads do not survive one), so nothing that needs it is.
    from chassis.database import Database  # noqa: PLC0415 - see above
    from chassis.passport import Issuer  # noqa: PLC0415 - see above
    from services.orchestrator.bells import Bells, celery_app  # noqa: PLC0415 - see above
    from services.orchestrator.clients import AsyncPeers  # noqa: PLC0415 - see above
    from services.orchestrator.config import OrchestratorConfig, rooms  # noqa: PLC0415 - see above
    from services.orchestrator.engine.carry import Carrier  # noqa: PLC0415 - see above
    from services.orchestrator.engine.drain import Drain, jitter  # noqa: PLC0415 - see above
    from services.orchestrator.leases import lease_s  # noqa: PLC0415 - see above
    from services.orchestrator.passports import SiteBook  # noqa: PLC0415 - see above

    _settle()
    environment = Environment()
    lease = lease_s(environment)
    room, site_room = rooms(environment, "WORKER_ROOM", ROOM), rooms(environment, "WORKER_SITE_ROOM", SITE_ROOM)
    config = OrchestratorConfig.read(environment)
    database = Database(config.service.sweep_url, pool_size=4)
    peers = AsyncPeers(config.addresses, Issuer("orchestrator", config.passport_key))
    try:
        carrier = Carrier(database, peers, SiteBook(), jitter(), room=room, stopping=_stopping.is_set)
        bells = Bells(database, celery_app(config.redis_url))
        drain = Drain(database, carrier, bells, lane, _stopping.is_set, room=room, site_room=site_room, lease_s=lease)
        await drain.run()
    finally:
        await peers.close()
        database.close()
