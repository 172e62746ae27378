"""Who is calling: a credential becomes a principal, a site what a passport says of it; both are kept for a minute."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from igny8.identity.v1 import identity_service_pb2

from chassis.clock import Clock
from chassis.errors import Fault, InvalidArgument, Kind, NotFound, PermissionDenied, Unauthenticated
from chassis.ids import parse_id
from chassis.passport import Issuer, Passport, SectorClaim, SiteClaim
from gateway.bindings import EDGE_SCOPE, method
from gateway.cache import TimedCache
from gateway.remotes import Remotes

KEPT_S = 60.0  # a revoked key and a deleted site are felt within a minute
_TOKEN_KEPT_S = 30.0  # of the 60 that a passport is valid: whoever gets it has the other half
_SCOPES = frozenset({"read", "write", "manage", "operator"})  # what a client can be allowed at all
_LONGEST_CREDENTIAL = 4096
_HELP = "Send 'Authorization: Bearer' with an access token or an API key."
ISSUER = "gateway"
_EDGE = Passport(frozenset({EDGE_SCOPE}), actor_kind="service", actor_id=ISSUER)


@dataclass(frozen=True)
class Principal:
    """Who holds a credential.

    Args:
        account_id: whose rows it sees; None for an operator who named no account.
        actor_kind: "user", "api_key", "operator".
        actor_id: the user or key.
        scopes: what it may do.
        bound_site_id: the only site it sees; None for all of the account's.
    """

    account_id: UUID | None
    actor_kind: str
    actor_id: str
    scopes: frozenset[str]
    bound_site_id: UUID | None


@dataclass(frozen=True)
class Credential:
    """What a request shows: the secret, and for operators the account they act for."""

    secret: str
    acting_for: str

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Credential":
        """Return the credential of a request.

        Raises:
            Unauthenticated: there is none, or two.
            InvalidArgument: X-Igny8-Account is no id.
        """
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        secret = bearer.strip() if scheme.lower() == "bearer" else ""
        key = headers.get("x-api-key", "").strip()
        if secret and key:
            raise Unauthenticated("The request has two credentials, Authorization and X-Api-Key; send one.")
        secret = secret or key
        if not secret or len(secret) > _LONGEST_CREDENTIAL:
            raise Unauthenticated(f"The request has no credential. {_HELP}")
        acting_for = headers.get("x-igny8-account", "").strip()
        if acting_for and parse_id(acting_for) is None:
            raise InvalidArgument.field("X-Igny8-Account", "must be the id of an account")
        return cls(secret, acting_for)

    @property
    def fingerprint(self) -> str:
        """What it is known by here: secrets are not kept."""
        return hashlib.sha256(f"{self.secret}\0{self.acting_for}".encode()).hexdigest()


class Callers:
    """Knows who is calling, and mints their passports.

    Args:
        remotes: identity is asked.
        issuer: mints under the gateway's name.
        clock: tells how old an answer is.
    """

    def __init__(self, remotes: Remotes, issuer: Issuer, clock: Clock) -> None:
        self._remotes = remotes
        self._issuer = issuer
        self._principals: TimedCache[str, Principal] = TimedCache(clock, lifetime_s=KEPT_S)
        self._sites: TimedCache[tuple[UUID, UUID], SiteClaim] = TimedCache(clock, lifetime_s=KEPT_S)
        self._tokens: TimedCache[tuple[Passport, str], str] = TimedCache(clock, lifetime_s=_TOKEN_KEPT_S)

    async def principal(self, credential: Credential) -> Principal:
        """Return who holds a credential.

        Raises:
            Fault: as identity says it: the credential is unknown, revoked, expired, or its account inactive.
        """
        return await self._principals.get(credential.fingerprint, lambda: self._authenticate(credential))

    async def passport(
        self, principal: Principal, scope: str, *, site: str | None, at_site: bool, of_account: bool = True
    ) -> Passport:
        """Return the passport for one call.

        Args:
            principal: who calls.
            scope: what the method needs; checked before whether anything exists.
            site: the site that the path names; None when it names none.
            at_site: whether the method works on one site, so that its passport must name it.
            of_account: whether the method is about an account; an operator looks after the platform without one.

        Raises:
            PermissionDenied: the scope is not the principal's.
            NotFound: the site is not there, not the account's, or not the one that the key is bound to.
            InvalidArgument: an operator has not said whose account.
        """
        if scope not in principal.scopes:
            raise PermissionDenied(
                f"This needs the scope {scope}; yours are {', '.join(sorted(principal.scopes)) or 'none'}.",
                metadata={"scope": scope},
            )
        account_id = principal.account_id
        if account_id is None and not of_account:
            return Passport(principal.scopes, None, None, principal.actor_kind, principal.actor_id)
        if account_id is None:
            raise InvalidArgument.field("X-Igny8-Account", "name the account to act for")
        bound = principal.bound_site_id
        if site is not None and bound is not None and parse_id(site) != bound:
            raise NotFound.row("site", site[:60])
        claims = None
        if bound is not None:
            claims = await self._site(account_id, str(bound))
        elif site is not None and at_site:
            claims = await self._site(account_id, site)
        return Passport(principal.scopes, account_id, claims, principal.actor_kind, principal.actor_id)

    async def token(self, passport: Passport, service: str) -> str:
        """Return a passport as one service takes it, the same for half a minute: services keep what they verified."""

        async def mint() -> str:
            return self._issuer.mint(passport, service)

        return await self._tokens.get((passport, service), mint)

    def forget_site(self, passport: Passport, site: str) -> None:
        """Ask identity again about a site that was just changed."""
        site_id = parse_id(site)
        if passport.account_id is not None and site_id is not None:
            self._sites.forget((passport.account_id, site_id))

    async def edge_token(self) -> str:
        """Return a passport for what identity does before a tenant is known."""
        return await self.token(_EDGE, "identity")

    async def _authenticate(self, credential: Credential) -> Principal:
        request = identity_service_pb2.AuthenticateRequest(
            credential=credential.secret, acting_for_account_id=credential.acting_for
        )
        answer = (await self._ask("Authenticate", request)).principal
        return Principal(
            account_id=parse_id(answer.account_id),
            actor_kind=answer.actor_kind,
            actor_id=answer.actor_id,
            scopes=frozenset(answer.scopes) & _SCOPES,
            bound_site_id=parse_id(answer.bound_site_id),
        )

    async def _site(self, account_id: UUID, site: str) -> SiteClaim:
        site_id = parse_id(site)
        if site_id is None:
            raise NotFound.row("site", site[:60])
        return await self._sites.get((account_id, site_id), lambda: self._resolve(account_id, site_id))

    async def _resolve(self, account_id: UUID, site_id: UUID) -> SiteClaim:
        request = identity_service_pb2.ResolveSiteRequest(account_id=str(account_id), site_id=str(site_id))
        try:
            answer = (await self._ask("ResolveSite", request)).site
        except Fault as fault:
            if fault.code is Kind.NOT_FOUND:  # in our words, so that no difference tells whose site it is
                raise NotFound.row("site", site_id) from fault
            raise
        return SiteClaim(
            id=UUID(answer.site_id),
            industry_id=UUID(answer.industry_id),
            sectors=tuple(SectorClaim(UUID(s.sector_id), UUID(s.industry_sector_id), s.name) for s in answer.sectors),
            name=answer.name,
            domain=answer.domain,
            language=answer.language,
            industry=answer.industry_name,
        )

    async def _ask(self, name: str, request: Any) -> Any:
        return await self._remotes.call(
            "identity", method("identity", name), request, await self.edge_token(), repeatable=True
        )
