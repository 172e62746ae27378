"""The call that is being served: whose passport it came with, and its request id. Set by the server's interceptor."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from chassis.errors import Unauthenticated
from chassis.passport import Passport
from chassis.tenancy import Tenant

_passport: ContextVar[Passport | None] = ContextVar("passport", default=None)
_request_id: ContextVar[str] = ContextVar("request_id", default="")


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


@contextmanager
def serving(whose: Passport | None, request_id: str) -> Iterator[None]:
    """Name the call that is being served by this thread."""
    first, second = _passport.set(whose), _request_id.set(request_id)
    try:
        yield
    finally:
        _passport.reset(first)
        _request_id.reset(second)
