"""Pure rules: what a role may do, what a host name is, how keys look and are stored."""

import hashlib
import re
import secrets
from dataclasses import dataclass

from chassis.clock import zone_named

SECTORS_MAX = 5
PASSWORD_LENGTHS = (10, 200)
NAME_LENGTH_MAX = 200
ACTIVE_STATUSES = frozenset({"active", "trial"})
KEY_SCOPES = ("read", "write", "manage")

_READ, _WRITE, _ALL = frozenset({"read"}), frozenset({"read", "write"}), frozenset({"read", "write", "manage"})
SCOPES_OF_ROLE = {
    "owner": _ALL,
    "admin": _ALL,
    "developer": _ALL,
    "editor": _WRITE,
    "system_bot": _WRITE,
    "viewer": _READ,
}
OPERATOR_SCOPES = _ALL | {"operator"}

_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\\\]]{1,64}@(?P<host>[^@\s]{1,190})")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_COUNTRY = re.compile(r"[A-Z]{2}")


def is_active(status: str) -> bool:
    """Return whether an account of this status may be used."""
    return status in ACTIVE_STATUSES


def host_name(text: str) -> str | None:
    """Return a host name as it is stored, or None when it is none.

    Lower case, in ASCII (RFC 5891 names in their `xn--` form), without scheme, path or final dot; at least two labels
    (RFC 1123 section 2.1), the last of them not a number, so that an address is no name.
    """
    bare = re.sub(r"^https?://", "", text.strip().lower()).rstrip("/").rstrip(".")
    try:
        ascii_name = bare.encode("idna").decode()
    except UnicodeError:
        return None
    labels = ascii_name.split(".")
    well_formed = all(_LABEL.fullmatch(label) for label in labels)
    if len(ascii_name) > 253 or len(labels) < 2 or not well_formed or labels[-1].isdigit():  # noqa: PLR2004 - RFC 1123
        return None
    return ascii_name


def email_address(text: str) -> str | None:
    """Return an e-mail address as it is stored and compared (trimmed, lower case), or None when it is none."""
    address = text.strip().lower()
    match = _EMAIL.fullmatch(address)
    return address if match and host_name(match["host"]) == match["host"] else None


def problem_with_password(password: str) -> str | None:
    """Return what is wrong with a new password, or None. Length is what counts (NIST SP 800-63B section 3.1.1.2)."""
    least, most = PASSWORD_LENGTHS
    if not least <= len(password) <= most:
        return f"must have {least} to {most} characters"
    if len(set(password)) < 4:  # noqa: PLR2004 - "aaaaaaaaaa" is long and worthless
        return "must have at least 4 different characters"
    return None


def problem_with_name(name: str) -> str | None:
    """Return what is wrong with a name that people gave something, or None."""
    return None if name.strip() and len(name) <= NAME_LENGTH_MAX else f"must have 1 to {NAME_LENGTH_MAX} characters"


def problem_with_time_zone(name: str) -> str | None:
    """Return what is wrong with a time zone, or None."""
    return None if zone_named(name) else "is not an IANA time zone; use one like Europe/Rome"


def problem_with_country(code: str) -> str | None:
    """Return what is wrong with a country, or None; it may be empty."""
    return None if not code or _COUNTRY.fullmatch(code) else "must be two capital letters (ISO 3166-1), like IT"


def problem_with_language(tag: str) -> str | None:
    """Return what is wrong with a language, or None."""
    return None if _LANGUAGE.fullmatch(tag) else "must be a language tag (BCP 47), like en or pt-BR"


def problem_with_email(text: str) -> str | None:
    """Return what is wrong with an e-mail address, or None."""
    return None if email_address(text) else "is not an e-mail address; use one like ada@example.com"


@dataclass(frozen=True)
class NewSecret:
    """A credential that was just made.

    Args:
        text: shown once, never stored.
        prefix: what people recognise it by.
        digest: what is stored.
    """

    text: str
    prefix: str
    digest: bytes


def new_secret(kind: str) -> NewSecret:
    """Make a credential of 256 random bits: `igny8_<kind>_<8 hex>_<64 hex>`.

    Args:
        kind: "account", "site", "operator" or "refresh"; log redaction and secret scanners know the form.
    """
    prefix = f"igny8_{kind}_{secrets.token_hex(4)}"
    text = f"{prefix}_{secrets.token_hex(32)}"
    return NewSecret(text, prefix, digest_of(text))


def digest_of(secret: str) -> bytes:
    """Return what is stored of a credential: SHA-256, for 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def kind_of(credential: str) -> str:
    """Return the kind that a credential says it is, or "" for anything that `new_secret` did not make."""
    match = re.fullmatch(r"igny8_([a-z]+)_[0-9a-f]{8}_[0-9a-f]{64}", credential)
    return match[1] if match else ""
