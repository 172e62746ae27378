"""`python -m services.identity serve | migrate | operator-key --name NAME [--key-file PATH]`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from igny8.identity.v1 import identity_service_pb2_grpc

from chassis import service
from chassis.clock import SystemClock
from chassis.config import Environment
from chassis.database import Database
from chassis.errors import InvalidArgument
from chassis.server import Offer
from chassis.service import Built
from services.identity.config import IdentityConfig
from services.identity.security import AccessTokens, Security
from services.identity.servicer import IdentityServicer
from services.identity.usecases import accounts, keys


def build(environment: Environment) -> Built:
    """Put the service together.

    Raises:
        ConfigurationError: the environment is incomplete.
    """
    config = IdentityConfig.read(environment)
    database, sweep = Database(config.service.database_url), Database(config.service.sweep_url, pool_size=2)
    clock = SystemClock()
    servicer = IdentityServicer(database, Security(AccessTokens(config.session_key, clock), clock=clock))
    offers = [
        Offer(
            "igny8.identity.v1.IdentityService",
            identity_service_pb2_grpc.add_IdentityServiceServicer_to_server,
            servicer,
        ),
        *service.common_offers(sweep=sweep, database=database, handlers={"billing.plan_changed": accounts.change_plan}),
    ]

    def close() -> None:
        database.close()
        sweep.close()

    return Built(config.service, offers, close)


def operator_key(environment: Environment, arguments: Sequence[str]) -> int:
    """Make a key for the platform's staff and print it, once, or write it to a file that only its owner may read.

    With a file it can be run again and again: a file that holds a valid key stays as it is.
    """
    parser = argparse.ArgumentParser(prog="python -m services.identity operator-key")
    parser.add_argument("--name", required=True, help="whose key it is, for the audit log")
    parser.add_argument("--key-file", type=Path, help="write the key here instead of printing it")
    options = parser.parse_args(arguments)
    url = environment.text("IDENTITY_OWNER_URL")
    environment.done()
    owner = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        if options.key_file is None:
            sys.stdout.write(keys.create_operator_key(owner, options.name) + "\n")
        elif not _is_valid(owner, options.key_file):
            _write(options.key_file, keys.create_operator_key(owner, options.name))
    except InvalidArgument as error:
        sys.stderr.write(f"identity: {error}\n")
        return 2
    finally:
        owner.dispose()
    return 0


def _is_valid(owner: sa.Engine, path: Path) -> bool:
    return path.exists() and keys.is_operator_key(owner, path.read_text().strip())


def _write(path: Path, key: str) -> None:
    """Write a key so that at no moment anybody else can read it, and no half of it is ever found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(service.main("identity", build, sys.argv[1:], {"operator-key": operator_key}))
