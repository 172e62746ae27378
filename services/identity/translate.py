"""Between identity's messages and what its use cases speak of."""

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp
from igny8.identity.v1 import identity_pb2, identity_service_pb2

from chassis.ids import require_id
from chassis.resource.columns import enum_text, to_message
from services.identity.usecases.accounts import NewAccount
from services.identity.usecases.keys import NewKey
from services.identity.usecases.principals import Principal, ResolvedSite
from services.identity.usecases.sessions import IssuedSession
from services.identity.usecases.sites import NewSite


def new_account(request: identity_service_pb2.SignUpRequest) -> NewAccount:
    """Return what a sign-up asks for."""
    return NewAccount(
        email=request.email,
        password=request.password,
        name=request.account_name,
        time_zone=request.time_zone,
        country=request.country,
        request_id=request.request_id,
    )


def new_site(request: identity_service_pb2.CreateSiteRequest) -> NewSite:
    """Return what a new site is."""
    site = request.site
    return NewSite(
        name=site.name,
        domain=site.domain,
        industry_id=require_id("site.industry_id", site.industry_id),
        platform=enum_text(identity_pb2.Site.Platform.DESCRIPTOR, site.platform) or "custom",
        language=site.language or "en",
        template_ids=tuple(require_id("industry_sector_ids", text) for text in request.industry_sector_ids),
    )


def new_key(key: identity_pb2.ApiKey) -> NewKey:
    """Return what a new API key may do."""
    return NewKey(
        name=key.name,
        site_id=require_id("api_key.site_id", key.site_id) if key.site_id else None,
        scopes=tuple(key.scopes),
        expire_time=key.expire_time.ToDatetime(tzinfo=UTC) if key.HasField("expire_time") else None,
    )


def catalogue(
    industries: Sequence[sa.RowMapping], sectors: Sequence[sa.RowMapping]
) -> identity_service_pb2.GetCatalogueResponse:
    """Return the whole catalogue."""
    return identity_service_pb2.GetCatalogueResponse(
        industries=[to_message(identity_pb2.Industry, row) for row in industries],
        industry_sectors=[to_message(identity_pb2.IndustrySector, row) for row in sectors],
    )


def account(row: sa.Row[Any]) -> identity_pb2.Account:
    """Return an account's message."""
    return to_message(identity_pb2.Account, row._mapping)


def site(row: sa.RowMapping) -> identity_pb2.Site:
    """Return a site's message."""
    return to_message(identity_pb2.Site, row)


def sector(row: sa.RowMapping) -> identity_pb2.Sector:
    """Return a sector's message."""
    return to_message(identity_pb2.Sector, row)


def api_key(row: sa.RowMapping) -> identity_pb2.ApiKey:
    """Return an API key's message, which has no place for the key itself."""
    return to_message(identity_pb2.ApiKey, row)


def session(issued: IssuedSession) -> identity_pb2.Session:
    """Return a session's message."""
    ends = Timestamp()
    ends.FromDatetime(issued.expire_time)
    return identity_pb2.Session(access_token=issued.access_token, refresh_token=issued.refresh_token, expire_time=ends)


def principal(who: Principal) -> identity_pb2.Principal:
    """Return a principal's message."""
    return identity_pb2.Principal(
        account_id=_text(who.account_id),
        actor_id=str(who.actor_id),
        actor_kind=who.actor_kind,
        scopes=sorted(who.scopes),
        bound_site_id=_text(who.bound_site_id),
    )


def site_claims(resolved: ResolvedSite) -> identity_pb2.SiteClaims:
    """Return what a passport says of a site."""
    row = resolved.site
    return identity_pb2.SiteClaims(
        site_id=str(row.id),
        industry_id=str(row.industry_id),
        sectors=_sector_claims(resolved.sectors),
        name=row.name,
        domain=row.domain,
        language=row.language,
        industry_name=resolved.industry_name,
    )


def _sector_claims(rows: Iterable[sa.Row[Any]]) -> list[identity_pb2.SectorClaims]:
    return [
        identity_pb2.SectorClaims(sector_id=str(row.id), industry_sector_id=str(row.industry_sector_id), name=row.name)
        for row in rows
    ]


def _text(row_id: UUID | None) -> str:
    return "" if row_id is None else str(row_id)
