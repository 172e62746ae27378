"""`python -m services.integration.sites --root DIR --port N`: serve the sites under a folder."""

import argparse
from pathlib import Path

import uvicorn

from services.integration.sites.server import create_app

_GRACE_S = 5


def main() -> None:
    """Serve until the process is asked to stop."""
    parser = argparse.ArgumentParser(prog="sites", description="Serve the published sites.")
    parser.add_argument("--root", type=Path, required=True, help="the folder that the site store writes")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args()
    uvicorn.run(
        create_app(options.root),
        host=options.host,
        port=options.port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )


if __name__ == "__main__":
    main()
