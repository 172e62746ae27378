"""Keys of one installation: made once, kept in one file that only its owner reads."""

import secrets
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chassis.passport import generate_key
from cli.home import read_json, write_json

# What each issuer may put into a passport, and whom a receiver believes beside the two that call all.
SCOPES = {
    "gateway": ("read", "write", "manage", "operator", "edge"),
    "orchestrator": ("engine", "read", "edge"),
    "planner": ("embed",),
    "writer": ("read",),
    "integration": ("read",),
}
CALLS_ALL = ("gateway", "orchestrator")
CALLERS = {"ai": ("planner",), "planner": ("writer",), "writer": ("integration",)}
_AES_KEY_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """What processes sign and encrypt with.

    Args:
        passports: issuer -> (private, public) key, base64.
        session: signs the sessions of people.
        encryption: key id -> key in base64; the first one encrypts, all decrypt.
    """

    passports: dict[str, tuple[str, str]] = field(repr=False)
    session: str = field(repr=False)
    encryption: dict[str, str] = field(repr=False)

    def trust(self, receiver: str) -> dict[str, Any]:
        """Return what PASSPORT_TRUST says at a receiver."""
        issuers = (*CALLS_ALL, *CALLERS.get(receiver, ()))
        return {
            issuer: {"public_key": self.passports[issuer][1], "scopes": list(SCOPES[issuer])}
            for issuer in issuers
            if issuer != receiver
        }


def load(path: Path) -> Keys:
    """Return the keys in a file; what is missing there is made and stored before it is returned."""
    stored = read_json(path)
    passports: dict[str, list[str]] = stored.get("passports", {})
    pairs = {issuer: passports.get(issuer) or list(generate_key()) for issuer in SCOPES}
    session: str = stored.get("session") or _random()
    encryption: dict[str, str] = stored.get("encryption") or {"k1": _random()}
    complete = {"passports": pairs, "session": session, "encryption": encryption}
    if complete != stored:
        write_json(path, complete)
    return Keys({issuer: (pair[0], pair[1]) for issuer, pair in pairs.items()}, session, encryption)


def _random() -> str:
    return b64encode(secrets.token_bytes(_AES_KEY_BYTES)).decode()
