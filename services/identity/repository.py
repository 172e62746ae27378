"""Every query of identity."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Transaction
from services.identity.models import (
    Account,
    ApiKey,
    Base,
    Industry,
    IndustrySector,
    Membership,
    OperatorAccess,
    OperatorKey,
    RefreshToken,
    Sector,
    Session,
    Site,
)

Row = sa.Row[Any]


def _table(model: type[Base]) -> sa.Table:
    return cast("sa.Table", model.__table__)  # declared as FromClause; every class here has a table of its own


account, membership, session, refresh_token = map(_table, (Account, Membership, Session, RefreshToken))
site, sector, api_key, operator_access = map(_table, (Site, Sector, ApiKey, OperatorAccess))
operator_key, industry, industry_sector = map(_table, (OperatorKey, Industry, IndustrySector))


# ── before a tenant is known: SECURITY DEFINER functions ────────────────────────────────────────────────────────
def find_login(connection: sa.Connection, email: str) -> Sequence[Row]:
    """Return a person once for each account, oldest first; once with no account for a person in none."""
    return connection.execute(sa.text("SELECT * FROM find_login(:email)"), {"email": email}).all()


def find_api_key(connection: sa.Connection, digest: bytes) -> Row | None:
    """Return the API key with this digest."""
    return connection.execute(sa.text("SELECT * FROM find_api_key(:digest)"), {"digest": digest}).first()


def find_refresh_token(connection: sa.Connection, digest: bytes) -> Row | None:
    """Return the account and id of the refresh token with this digest."""
    return connection.execute(sa.text("SELECT * FROM find_refresh_token(:digest)"), {"digest": digest}).first()


def find_operator_key(connection: sa.Connection, digest: bytes) -> Row | None:
    """Return the operator key with this digest."""
    return connection.execute(sa.text("SELECT * FROM find_operator_key(:digest)"), {"digest": digest}).first()


def account_status(connection: sa.Connection, account_id: UUID) -> str | None:
    """Return an account's status, None when there is no such account."""
    found: str | None = connection.execute(sa.text("SELECT account_status(:id)"), {"id": account_id}).scalar_one()
    return found


def add_user(transaction: Transaction, user_id: UUID, email: str, password_hash: str, request_id: str) -> bool:
    """Add a person; False when the address is taken."""
    statement = sa.text("SELECT add_user(:id, :email, :hash, :request)")
    values = {"id": user_id, "email": email, "hash": password_hash, "request": request_id}
    return bool(transaction.execute(statement, values).scalar_one())


# ── accounts and sessions ───────────────────────────────────────────────────────────────────────────────────────
def add_account(transaction: Transaction, values: dict[str, Any]) -> None:
    """Add the tenant's own row."""
    account_id = transaction.tenant.account_id
    transaction.execute(sa.insert(account).values(account_id=account_id, id=account_id, **values))


def get_account(transaction: Transaction, *, lock: bool = False) -> Row | None:
    """Return the tenant's own row, locked until the transaction ends if asked for."""
    statement = sa.select(account)
    return transaction.one(statement.with_for_update() if lock else statement)


def set_plan(transaction: Transaction, plan: dict[str, Any], since: datetime) -> None:
    """Give the account a plan and its limits, unless a newer fact already did."""
    newer = sa.or_(account.c.plan_time.is_(None), account.c.plan_time <= since)
    stamps = {"revision": account.c.revision + 1, "update_time": sa.func.now()}
    transaction.execute(sa.update(account).where(newer).values(**plan, plan_time=since, **stamps))


def add_membership(transaction: Transaction, row_id: UUID, user_id: UUID, role: str) -> None:
    """Give a person a place in the account."""
    account_id = transaction.tenant.account_id
    values = {"account_id": account_id, "id": row_id, "user_id": user_id, "role": role}
    transaction.execute(sa.insert(membership).values(values))


def add_session(transaction: Transaction, session_id: UUID, user_id: UUID) -> None:
    """Begin a session."""
    account_id = transaction.tenant.account_id
    transaction.execute(sa.insert(session).values(account_id=account_id, id=session_id, user_id=user_id))


def add_refresh_token(
    transaction: Transaction, token_id: UUID, session_id: UUID, digest: bytes, expires: datetime
) -> None:
    """Add a use to a session."""
    values = {"account_id": transaction.tenant.account_id, "id": token_id, "session_id": session_id}
    transaction.execute(sa.insert(refresh_token).values(**values, token_hash=digest, expire_time=expires))


def use_refresh_token(transaction: Transaction, token_id: UUID, now: datetime) -> UUID | None:
    """Use a token up; return its session, None when it was used or has expired."""
    statement = (
        sa.update(refresh_token)
        .where(refresh_token.c.id == token_id, refresh_token.c.use_time.is_(None), refresh_token.c.expire_time > now)
        .values(use_time=now)
        .returning(refresh_token.c.session_id)
    )
    row = transaction.one(statement)
    return row.session_id if row else None


def revoke_session_of(transaction: Transaction, token_id: UUID, now: datetime) -> None:
    """Revoke the session that a refresh token belongs to."""
    whose = sa.select(refresh_token.c.session_id).where(refresh_token.c.id == token_id).scalar_subquery()
    open_ = sa.and_(session.c.id == whose, session.c.revoke_time.is_(None))
    transaction.execute(sa.update(session).where(open_).values(revoke_time=now))


def live_session(transaction: Transaction, session_id: UUID) -> Row | None:
    """Return user, role and account status of a session that was not revoked, whose person is still a member."""
    of_account = sa.and_(account.c.account_id == session.c.account_id, account.c.id == session.c.account_id)
    of_member = sa.and_(membership.c.account_id == session.c.account_id, membership.c.user_id == session.c.user_id)
    statement = (
        sa.select(session.c.user_id, membership.c.role, account.c.status)
        .select_from(session.join(membership, of_member).join(account, of_account))
        .where(session.c.id == session_id, session.c.revoke_time.is_(None))
    )
    return transaction.one(statement)


def record_operator(transaction: Transaction, row_id: UUID, operator_id: UUID, name: str) -> None:
    """Write to the audit log that an operator acted for the account."""
    values = {"account_id": transaction.tenant.account_id, "id": row_id}
    transaction.execute(sa.insert(operator_access).values(**values, operator_key_id=operator_id, operator_name=name))


def add_operator_key(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Add an operator's key; only the owner role may."""
    connection.execute(sa.insert(operator_key).values(values))


# ── sites and sectors ───────────────────────────────────────────────────────────────────────────────────────────
def count_sites(transaction: Transaction) -> int:
    """Return how many live sites the account has."""
    live = sa.select(sa.func.count()).select_from(site).where(site.c.delete_time.is_(None))
    return int(transaction.execute(live).scalar_one())


def add_site(transaction: Transaction, values: dict[str, Any]) -> sa.RowMapping | None:
    """Add a site; None when a live site of the account has its domain."""
    row = {"account_id": transaction.tenant.account_id, **values}
    statement = insert(site).values(row).on_conflict_do_nothing().returning(*site.c)
    return transaction.execute(statement).mappings().first()


def get_site(transaction: Transaction, site_id: UUID, *, lock: bool = False, deleted: bool = False) -> Row | None:
    """Return a live site, or with `deleted` a site in any state."""
    statement = sa.select(site).where(site.c.id == site_id)
    if not deleted:
        statement = statement.where(site.c.delete_time.is_(None))
    return transaction.one(statement.with_for_update() if lock else statement)


def set_site_deleted(transaction: Transaction, site_id: UUID, *, deleted: bool) -> sa.RowMapping:
    """Hide a site or bring it back."""
    when = sa.func.now() if deleted else None
    values = {"delete_time": when, "update_time": sa.func.now(), "revision": site.c.revision + 1}
    statement = sa.update(site).where(site.c.id == site_id).values(values).returning(*site.c)
    return transaction.execute(statement).mappings().one()


def count_sectors(transaction: Transaction, site_id: UUID) -> int:
    """Return how many live sectors a site has."""
    live = sa.and_(sector.c.site_id == site_id, sector.c.delete_time.is_(None))
    return int(transaction.execute(sa.select(sa.func.count()).select_from(sector).where(live)).scalar_one())


def add_sector(transaction: Transaction, values: dict[str, Any]) -> sa.RowMapping | None:
    """Add a sector; None when the site has a live one of the same template."""
    row = {"account_id": transaction.tenant.account_id, **values}
    statement = insert(sector).values(row).on_conflict_do_nothing().returning(*sector.c)
    return transaction.execute(statement).mappings().first()


def working_sectors(transaction: Transaction, site_id: UUID) -> Sequence[Row]:
    """Return the live and active sectors of a site, oldest first."""
    live = sa.and_(sector.c.site_id == site_id, sector.c.delete_time.is_(None), sector.c.active)
    return transaction.all(sa.select(sector).where(live).order_by(sector.c.id))


def get_industry(transaction: Transaction, industry_id: UUID) -> Row | None:
    """Return an industry of the catalogue."""
    return transaction.one(sa.select(industry).where(industry.c.id == industry_id))


def catalogue(connection: sa.Connection) -> tuple[Sequence[sa.RowMapping], Sequence[sa.RowMapping]]:
    """Return all industries and all their sectors, by name."""
    industries, sectors = (
        connection.execute(sa.select(rows).order_by(rows.c.name, rows.c.id)).mappings().all()
        for rows in (industry, industry_sector)
    )
    return industries, sectors


def get_templates(transaction: Transaction, industry_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Row]:
    """Return sectors of an industry in the catalogue, by id; ids of other industries are left out."""
    statement = sa.select(industry_sector).where(
        industry_sector.c.industry_id == industry_id, industry_sector.c.id.in_(ids)
    )
    return {row.id: row for row in transaction.all(statement)}


# ── API keys ────────────────────────────────────────────────────────────────────────────────────────────────────
def add_api_key(transaction: Transaction, values: dict[str, Any]) -> sa.RowMapping:
    """Add an API key."""
    row = {"account_id": transaction.tenant.account_id, **values}
    return transaction.execute(sa.insert(api_key).values(row).returning(*api_key.c)).mappings().one()


def revoke_api_key(transaction: Transaction, key_id: UUID, now: datetime) -> sa.RowMapping | None:
    """Revoke a key; one that was revoked keeps its time. None when there is none."""
    revoked = sa.func.coalesce(api_key.c.revoke_time, now)
    statement = sa.update(api_key).where(api_key.c.id == key_id).values(revoke_time=revoked).returning(*api_key.c)
    return transaction.execute(statement).mappings().first()
