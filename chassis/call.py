"""The call that is being served: whose passport it came with, its request id, and until when its caller waits.

Set by the server's interceptor.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from chassis.errors import Unauthenticated
from chassis.passport import Passport
from chassis.tenancy import Tenant

_passport: ContextVar[Passport | None] = ContextVar("passport", default=None)
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_until: ContextVar[float] = ContextVar("until", default=math.inf)
_in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)


def passport() -> Passport:
    """Return the passport of the call that is being served.

    Raises:
        Unauthenticated: no call is being served, or it came without one.
    """
    current = _passport.get()
    if current is None:
        raise Unauthenticated("This needs a passport.")
    return current


def tenant() -> Tenant:
    """Return the tenant of the call that is being served."""
    return Tenant.of(passport())


def request_id() -> str:
    """Return the id under which the call is found in logs; empty outside a call."""
    return _request_id.get()


def until() -> float:
    """Return when the caller gives up, by `time.monotonic`; infinity where nobody said so."""
    return _until.get()


@contextmanager
def serving(whose: Passport | None, request_id: str, until: float = math.inf) -> Iterator[None]:
    """Name the call that is being served by this thread.

    Args:
        whose: the passport it came with.
        request_id: under which it is found in logs.
        until: when its caller gives up, by `time.monotonic`.
    """
    first, second, third = _passport.set(whose), _request_id.set(request_id), _until.set(until)
    try:
        yield
    finally:
        _passport.reset(first)
        _request_id.reset(second)
        _until.reset(third)


@contextmanager
def transaction() -> Iterator[None]:
    """Say that this thread holds a database transaction open."""
    token = _in_transaction.set(True)
    try:
        yield
    finally:
        _in_transaction.reset(token)


def check_no_transaction() -> None:
    """Check that no transaction is open before a call to another service: locks would last for as long as that takes.

    Raises:
        RuntimeError: one is; commit before the call.
    """
    if _in_transaction.get():
        raise RuntimeError("A call to another service inside a transaction; commit first.")
