"""`python -m services.integration serve | migrate | sites`."""

import sys

import uvicorn
from igny8.integration.v1 import integration_service_pb2_grpc

from chassis import logging
from chassis.client import Remote
from chassis.clock import SystemClock
from chassis.config import ConfigurationError, Environment
from chassis.database import Database
from chassis.objects import store_at
from chassis.outbound import OutboundClient
from chassis.passport import Issuer
from chassis.server import Offer, Server
from chassis.service import common_offers, migrate_from_environment
from services.integration.adapters.sites import SitesPlace
from services.integration.clients import Writer
from services.integration.config import IntegrationConfig, SitesConfig
from services.integration.destinations import Destinations
from services.integration.servicer import IntegrationServicer
from services.integration.sites import SiteStore
from services.integration.sites.server import create_app
from services.integration.usecases import connecting, publishing

_GRACE_S = 5


def serve() -> None:
    """Serve until the process is asked to stop."""
    config = IntegrationConfig.read(Environment())
    common = config.service
    logging.set_up("integration", common.log_level)
    config.sites_root.mkdir(parents=True, exist_ok=True)
    database, sweep = Database(common.database_url), Database(common.sweep_url, pool_size=2)
    clock = SystemClock()
    place = SitesPlace(SiteStore(config.sites_root), str(config.sites_root), config.sites_base_url)
    destinations = Destinations(OutboundClient(allow_loopback=config.allow_loopback), config.vault, place)
    writer = Writer(Remote("writer", config.writer_address, Issuer("integration", config.passport_key)))
    publish = publishing.PublishContent(database, writer, destinations, store_at(config.objects_url), clock)
    offers = [
        Offer(
            "igny8.integration.v1.IntegrationService",
            integration_service_pb2_grpc.add_IntegrationServiceServicer_to_server,
            IntegrationServicer(database, destinations, clock),
        ),
        *common_offers(
            sweep=sweep,
            database=database,
            functions={publishing.FUNCTION: publish},
            handlers=connecting.HANDLERS,
        ),
    ]
    Server(common.listen, offers, common.verifier, threads=common.threads).run()


def migrate() -> None:
    """Bring the database to the newest schema."""
    migrate_from_environment("integration", Environment())


def sites() -> None:
    """Show the built-in sites, on an origin of their own; needs their folder and nothing else."""
    config = SitesConfig.read(Environment())
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


VERBS = {"serve": serve, "migrate": migrate, "sites": sites}


def main() -> int:
    """Do what the command line says; 2 when it or the environment is wrong."""
    verb = VERBS.get(" ".join(sys.argv[1:]))
    if verb is None:
        print(f"usage: python -m services.integration {' | '.join(VERBS)}", file=sys.stderr)
        return 2
    try:
        verb()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
