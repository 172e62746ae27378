"""What identity's lists can be filtered, ordered and searched by, and which fields people may change."""

import sqlalchemy as sa
from igny8.identity.v1 import identity_pb2

from chassis.resource import Resource
from services.identity import domain
from services.identity.models import Account, ApiKey, Industry, IndustrySector, Membership, Sector, Site, User
from services.identity.usecases.sites import DOMAIN_TAKEN

ACCOUNT = Resource(
    message=identity_pb2.Account,
    table=Account,
    plural="accounts",
    updates=("name", "time_zone", "country", "billing_email"),
    rules={
        "name": domain.problem_with_name,
        "time_zone": domain.problem_with_time_zone,
        "country": domain.problem_with_country,
        "billing_email": lambda email: domain.problem_with_email(email) if email else None,
    },
)
MEMBER = Resource(
    message=identity_pb2.Member,
    table=Membership,
    plural="members",
    filters=("role", "user_id"),
    orders=("role",),
    computed={"email": sa.select(User.email).where(User.id == Membership.user_id).scalar_subquery()},
)
API_KEY = Resource(
    message=identity_pb2.ApiKey,
    table=ApiKey,
    plural="api_keys",
    noun="api key",
    filters=("site_id", "name", "scopes", "expire_time", "revoke_time"),
    orders=("name", "expire_time"),
)
SITE = Resource(
    message=identity_pb2.Site,
    table=Site,
    plural="sites",
    filters=("name", "domain", "industry_id", "platform", "language", "active"),
    orders=("name", "domain"),
    search=("name", "domain"),
    updates=("name", "domain", "platform", "language", "active"),
    rules={
        "name": domain.problem_with_name,
        "domain": lambda name: None if domain.host_name(name) else "is not a host name; use one like coffee.example",
        "platform": lambda number: None if number else "must be named",
        "language": domain.problem_with_language,
    },
    unique={"site_domain_key": DOMAIN_TAKEN},
)
SECTOR = Resource(
    message=identity_pb2.Sector,
    table=Sector,
    plural="sectors",
    filters=("name", "active", "industry_sector_id"),
    orders=("name",),
    updates=("name", "active"),
    rules={"name": domain.problem_with_name},
)
INDUSTRY = Resource(
    message=identity_pb2.Industry,
    table=Industry,
    plural="industries",
    filters=("slug", "name"),
    orders=("slug", "name"),
    search=("name",),
    catalogue=True,
    order="name",
)
INDUSTRY_SECTOR = Resource(
    message=identity_pb2.IndustrySector,
    table=IndustrySector,
    plural="industry_sectors",
    noun="industry sector",
    filters=("industry_id", "slug", "name"),
    orders=("slug", "name"),
    search=("name",),
    catalogue=True,
    order="name",
)
