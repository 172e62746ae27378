"""`python -m services.integration serve | migrate | sites`."""

import sys
from collections.abc import Sequence

import uvicorn
from igny8.integration.v1 import integration_service_pb2_grpc

from chassis import logging, service
from chassis.client import Remote
from chassis.clock import SystemClock
from chassis.config import Environment
from chassis.database import Database
from chassis.objects import store_at
from chassis.outbound import OutboundClient
from chassis.passport import Issuer
from chassis.server import Offer
from chassis.service import Built
from services.integration.adapters.sites import SitesPlace
from services.integration.clients import Writer
from services.integration.config import IntegrationConfig, SitesConfig
from services.integration.destinations import Destinations
from services.integration.servicer import IntegrationServicer
from services.integration.sites import SiteStore
from services.integration.sites.server import create_app
from services.integration.usecases import connecting, publishing

_GRACE_S = 5


def build(environment: Environment) -> Built:
    """Put the service together.

    Raises:
        ConfigurationError: the environment is incomplete.
    """
    config = IntegrationConfig.read(environment)
    config.sites_root.mkdir(parents=True, exist_ok=True)
    database, sweep = Database(config.service.database_url), Database(config.service.sweep_url, pool_size=2)
    clock = SystemClock()
    place = SitesPlace(SiteStore(config.sites_root), str(config.sites_root), config.sites_base_url)
    destinations = Destinations(OutboundClient(allow_loopback=config.allow_loopback), config.vault, place)
    remote = Remote("writer", config.writer_address, Issuer("integration", config.passport_key))
    objects, lease_s = store_at(config.objects_url), config.publication_lease_s
    publish = publishing.PublishContent(database, Writer(remote), destinations, objects, clock, lease_s=lease_s)
    own = Offer(
        "igny8.integration.v1.IntegrationService",
        integration_service_pb2_grpc.add_IntegrationServiceServicer_to_server,
        IntegrationServicer(database, destinations, clock),
    )
    common = service.common_offers(
        sweep=sweep,
        database=database,
        functions={publishing.FUNCTION: publish},
        handlers=connecting.HANDLERS,
    )

    def close() -> None:
        remote.close()
        database.close()
        sweep.close()

    return Built(config.service, [own, *common], close)


def sites(environment: Environment, _: Sequence[str]) -> int:
    """Show the built-in sites, on an origin of their own; needs their folder and nothing else."""
    config = SitesConfig.read(environment)
    logging.set_up("sites", config.log_level)
    config.root.mkdir(parents=True, exist_ok=True)
    app = create_app(config.root)
    uvicorn.run(
        app,
        host=config.host,
        port=config.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return 0


if __name__ == "__main__":
    sys.exit(service.main("integration", build, sys.argv[1:], {"sites": sites}))
