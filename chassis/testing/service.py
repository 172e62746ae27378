"""A service under test: its real server on a free port, called with real passports."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from chassis.client import DEADLINE_S, Remote
from chassis.ids import new_id
from chassis.passport import Issuer, Passport, SectorClaim, SiteClaim, Trust, Verifier, generate_key
from chassis.server import Offer, Server

ALL_SCOPES = frozenset({"read", "write", "manage", "engine", "operator", "edge", "embed"})


def a_site(*, sectors: int = 1, name: str = "Coffee Corner", domain: str = "coffee.example") -> SiteClaim:
    """Return a site that nobody has seen before."""
    claims = tuple(SectorClaim(new_id(), new_id(), f"Sector {n + 1}") for n in range(sectors))
    return SiteClaim(new_id(), new_id(), claims, name, domain, "en", "Food & drink")


def a_passport(
    *, account_id: UUID | None = None, site: SiteClaim | None = None, scopes: Sequence[str] = ()
) -> Passport:
    """Return a passport of a new account, with every scope unless some are named."""
    return Passport(
        frozenset(scopes) if scopes else ALL_SCOPES,
        account_id or new_id(),
        site,
        actor_kind="user",
        actor_id=str(new_id()),
    )


@dataclass(frozen=True)
class Caller:
    """Calls a service under test as somebody: `caller.call(stub.GetCluster, request)`."""

    remote: Remote
    passport: Passport

    def call(self, method: Callable[..., Any], request: Any, *, deadline_s: float = DEADLINE_S) -> Any:
        """Make the call. Raises the Fault that the service raised."""
        return self.remote.call(method, request, self.passport, deadline_s=deadline_s)

    def at(self, site: SiteClaim | None) -> "Caller":
        """Return the same caller with a passport for a site, or for the whole account."""
        return replace(self, passport=replace(self.passport, site=site))

    def allowed(self, *scopes: str) -> "Caller":
        """Return the same caller with other scopes."""
        return replace(self, passport=replace(self.passport, scopes=frozenset(scopes)))


@dataclass(frozen=True)
class Running:
    """A running service: `address` to dial, `channel` for stubs, `caller()` for somebody to call as."""

    remote: Remote
    address: str
    verifier: Verifier

    @property
    def channel(self) -> Any:
        """The channel that stubs are made over."""
        return self.remote.channel

    def caller(self, passport: Passport | None = None) -> Caller:
        """Return somebody who calls: a new account at a new site unless a passport is given."""
        return Caller(self.remote, passport or a_passport(site=a_site()))


@contextmanager
def serving(name: str, offers: Sequence[Offer], *, threads: int = 8) -> Iterator[Running]:
    """Serve for the length of a `with` block, believing one issuer, "test", everything.

    Args:
        name: the service's name, the audience of passports.
        offers: what it serves.
        threads: how many calls run at once.
    """
    private, public = generate_key()
    verifier = Verifier(name, {"test": Trust(public, ALL_SCOPES)})
    server = Server("127.0.0.1:0", offers, verifier, threads=threads)
    address = f"127.0.0.1:{server.port}"
    server.start()
    remote = Remote(name, address, Issuer("test", private))
    try:
        yield Running(remote, address, verifier)
    finally:
        remote.close()
        server.stop(grace_s=0.5)
