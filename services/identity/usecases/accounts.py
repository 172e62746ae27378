"""Opening an account, and the plan it is on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis.database import Database, Transaction
from chassis.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied, Violation
from chassis.idempotency import KEPT_HOURS
from chassis.ids import new_id
from chassis.outbox import Fact
from chassis.tenancy import Tenant
from services.identity import domain, repository
from services.identity.security import Security
from services.identity.usecases import sessions
from services.identity.usecases.sessions import IssuedSession

FREE_PLAN = {"plan": "free", "max_sites": 1, "max_users": 1, "max_keywords": 100}
_LIMITS = ("max_sites", "max_users", "max_keywords")


@dataclass(frozen=True)
class NewAccount:
    """What a sign-up asks for."""

    email: str
    password: str = field(repr=False)
    name: str
    time_zone: str = "UTC"
    country: str = ""
    request_id: str = ""


def tell_change(transaction: Transaction, _: UUID, changes: Mapping[str, Any]) -> None:
    """Tell the other services what they go by of an account that was changed: its time zone."""
    if "time_zone" in changes:
        transaction.emit("identity.account_changed", {"time_zone": changes["time_zone"]})


def sign_up(database: Database, security: Security, asked: NewAccount) -> tuple[sa.Row[Any], IssuedSession]:
    """Open an account on the Free plan and sign its owner in.

    No tenant exists yet that could remember a request, so the person's row does: the same address, password and
    request id within 48 hours is the same sign-up, and is answered with a new session on what was opened.

    Raises:
        InvalidArgument: naming each field that is wrong.
        AlreadyExists: the address has an account.
    """
    _check(asked)
    email = domain.email_address(asked.email) or ""
    with database.untenanted() as connection:
        found = repository.find_login(connection, email)
    if not found:
        password_hash = security.passwords.hash(asked.password)  # slow: before the transaction
        opened = _open(database, security, asked, email, password_hash)
        if opened is not None:
            return opened
        with database.untenanted() as connection:
            found = repository.find_login(connection, email)
    return _answer_again(database, security, asked, found)


def change_plan(transaction: Transaction, fact: Fact) -> None:
    """Take in `billing.plan_changed`: {plan, max_sites, max_users, max_keywords}."""
    limits = {name: int(fact.payload[name]) for name in _LIMITS}
    repository.set_plan(transaction, {"plan": str(fact.payload["plan"]), **limits}, fact.create_time)


def get_account(database: Database, tenant: Tenant) -> sa.Row[Any]:
    """Return the tenant's own row.

    Raises:
        NotFound: there is none.
    """
    with database.transaction(tenant) as transaction:
        row = repository.get_account(transaction)
    if row is None:
        raise NotFound.row("account", tenant.account_id)
    return row


def require_whole_account(tenant: Tenant) -> None:
    """Refuse a passport that is bound to a site.

    Raises:
        PermissionDenied: it is.
    """
    if tenant.site is not None:
        raise PermissionDenied("This key is bound to a site; use a key or a log-in of the whole account.")


def _open(
    database: Database, security: Security, asked: NewAccount, email: str, password_hash: str
) -> tuple[sa.Row[Any], IssuedSession] | None:
    user_id = new_id()
    with database.transaction(Tenant(new_id())) as transaction:
        if not repository.add_user(transaction, user_id, email, password_hash, asked.request_id):
            return None
        details = {"name": asked.name.strip(), "time_zone": asked.time_zone or "UTC", "country": asked.country}
        repository.add_account(transaction, {**details, **FREE_PLAN, "billing_email": email})
        repository.add_membership(transaction, new_id(), user_id, "owner")
        session = sessions.begin(transaction, security, user_id)
        transaction.emit("identity.account_opened", {"plan": FREE_PLAN["plan"]})
        row = repository.get_account(transaction)
    return None if row is None else (row, session)


def _answer_again(
    database: Database, security: Security, asked: NewAccount, found: Sequence[sa.Row[Any]]
) -> tuple[sa.Row[Any], IssuedSession]:
    person = found[0]
    since = security.clock.now() - timedelta(hours=KEPT_HOURS)
    same_request = bool(asked.request_id) and person.sign_up_request_id == asked.request_id
    recent = person.account_id is not None and person.sign_up_time > since
    if not (same_request and recent and security.passwords.match(person.password_hash, asked.password)):
        raise AlreadyExists("This e-mail address has an account; sign in, or use another address.")
    with database.transaction(Tenant(person.account_id)) as transaction:
        row = repository.get_account(transaction)
        if row is None:
            raise NotFound.row("account", person.account_id)
        return row, sessions.begin(transaction, security, person.user_id)


def _check(asked: NewAccount) -> None:
    violations = [Violation(name, problem) for name, problem in _problems(asked) if problem]
    if violations:
        message = "; ".join(f"{v.field}: {v.description}" for v in violations)
        raise InvalidArgument(message, violations=violations)


def _problems(asked: NewAccount) -> Iterator[tuple[str, str | None]]:
    yield "email", domain.problem_with_email(asked.email)
    yield "password", domain.problem_with_password(asked.password)
    yield "account_name", domain.problem_with_name(asked.name)
    yield "time_zone", domain.problem_with_time_zone(asked.time_zone or "UTC")
    yield "country", domain.problem_with_country(asked.country)
