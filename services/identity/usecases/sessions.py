"""Signing in: a session is a family of refresh tokens, each of which works once."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from chassis.database import Database, Transaction
from chassis.errors import NotFound
from chassis.ids import new_id
from chassis.tenancy import Tenant
from services.identity import repository
from services.identity.domain import digest_of, email_address, is_active, new_secret
from services.identity.errors import AccountInactive, InvalidCredential, WrongCredentials
from services.identity.security import REFRESH_LIFETIME, AccessClaims, Security


@dataclass(frozen=True)
class IssuedSession:
    """What a person holds after signing in."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expire_time: datetime


def log_in(database: Database, security: Security, email: str, password: str, account_id: UUID | None) -> IssuedSession:
    """Sign a person in, into one account or into their oldest. Takes as long for an address that nobody has.

    Raises:
        WrongCredentials: the address or the password is wrong.
        NotFound: the person has no place in the account that was named.
        AccountInactive: the account may not be used.
    """
    with database.untenanted() as connection:
        places = repository.find_login(connection, email_address(email) or "")
    stored = places[0].password_hash if places else None
    if not security.passwords.match(stored, password):  # no connection is held while it computes
        raise WrongCredentials("The e-mail address or the password is wrong.")
    place = next((p for p in places if account_id is None or p.account_id == account_id), None)
    if place is None:
        raise NotFound.row("account", account_id)
    if place.account_id is None:
        raise AccountInactive("You are in no account any more; ask its owner for an invitation.")
    if not is_active(place.account_status):
        raise AccountInactive.because(place.account_status)
    with database.transaction(Tenant(place.account_id)) as transaction:
        return begin(transaction, security, place.user_id)


def begin(transaction: Transaction, security: Security, user_id: UUID) -> IssuedSession:
    """Begin a session of a member, in the transaction that found the member."""
    session_id = new_id()
    repository.add_session(transaction, session_id, user_id)
    return _issue(transaction, security, user_id, session_id)


def refresh(database: Database, security: Security, refresh_token: str) -> IssuedSession:
    """Exchange a refresh token. One that was used before was stolen, from us or from its owner: its session ends.

    Raises:
        InvalidCredential: the token is unknown, used or expired, or its session was left.
        AccountInactive: the account may not be used.
    """
    with database.untenanted() as connection:
        found = repository.find_refresh_token(connection, digest_of(refresh_token))
    if found is None:
        raise _unusable()
    now = security.clock.now()
    with database.transaction(Tenant(found.account_id)) as transaction:
        session_id = repository.use_refresh_token(transaction, found.id, now)
        if session_id is None:
            repository.revoke_session_of(transaction, found.id, now)
            state = None
        else:
            state = repository.live_session(transaction, session_id)
            if state is not None and is_active(state.status):
                return _issue(transaction, security, state.user_id, session_id)
    if state is None:  # raised here and not above: the revocation must be committed
        raise _unusable()
    raise AccountInactive.because(state.status)


def log_out(database: Database, security: Security, refresh_token: str) -> None:
    """End a session; a token that is unknown has none, and ending twice is harmless."""
    with database.untenanted() as connection:
        found = repository.find_refresh_token(connection, digest_of(refresh_token))
    if found is not None:
        with database.transaction(Tenant(found.account_id)) as transaction:
            repository.revoke_session_of(transaction, found.id, security.clock.now())


def _issue(transaction: Transaction, security: Security, user_id: UUID, session_id: UUID) -> IssuedSession:
    secret = new_secret("refresh")
    expires = security.clock.now() + REFRESH_LIFETIME
    repository.add_refresh_token(transaction, new_id(), session_id, secret.digest, expires)
    access, ends = security.tokens.sign(AccessClaims(user_id, transaction.tenant.account_id, session_id))
    return IssuedSession(access, secret.text, ends)


def _unusable() -> InvalidCredential:
    return InvalidCredential("The refresh token was used, revoked or has expired; sign in again.")
