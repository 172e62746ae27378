"""Serves the gateway: `python -m gateway`."""

import logging
import signal
import sys
from socket import socket

import uvicorn

from chassis import collector
from chassis import logging as json_lines
from chassis.config import ConfigurationError, Environment
from gateway.app import Gateway, Limits
from gateway.config import GatewayConfig
from gateway.remotes import Remotes
from gateway.streams import Feeds

_GRACE_S = 20


class Server(uvicorn.Server):
    """Uvicorn, ending the event streams first: they would keep it for as long as their runs last."""

    def __init__(self, config: uvicorn.Config, feeds: Feeds) -> None:
        super().__init__(config)
        self._feeds = feeds

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Refuse new connections, let running answers end, and stop."""
        self._feeds.close()
        await super().shutdown(sockets)


def main() -> int:
    """Serve until SIGTERM or SIGINT; 2 when the environment does not say what is needed."""
    try:
        config = GatewayConfig.read(Environment())
    except ConfigurationError as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 2
    json_lines.set_up("gateway", config.log_level)
    server = serve(config)
    logging.getLogger("gateway").info("serving on %s:%s", config.host, config.port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)  # uvicorn stops gracefully, then raises the signal again, which would kill us
    collector.settle()
    server.run()
    return 0 if server.started else 1


def _exit(*_: object) -> None:
    raise SystemExit(0)


def serve(config: GatewayConfig) -> Server:
    """Return the server of a configuration, not yet running."""
    remotes = Remotes(config.addresses)
    limits = Limits(calls_per_minute=config.calls_per_minute, sign_ins_per_minute=config.sign_ins_per_minute)
    gateway = Gateway(remotes, config.issuer, config.objects, limits=limits)
    settings = uvicorn.Config(
        gateway.application(),
        host=config.host,
        port=config.port,
        access_log=False,
        log_config=None,  # ours is set up already
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=config.trusted_proxies,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=75,
    )
    return Server(settings, gateway.feeds)


if __name__ == "__main__":
    sys.exit(main())
