"""Secrets at rest: envelope encryption with AES-256-GCM.

Each secret has a data key of its own, wrapped by the installation's key-encryption key, whose id is stored beside it,
so that rotation re-wraps 32 bytes and never touches a secret. Tenant, site and field are associated data: a row copied
to another tenant cannot be opened.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = 1


class SecretUnreadable(Exception):
    """The secret cannot be opened: another key, another tenant, or it was changed."""


class Vault:
    """Seals and opens secrets.

    Args:
        keys: key-encryption keys by id, 32 bytes each in base64; the first seals, all open.

    Raises:
        ValueError: there is none, or one is not 32 bytes.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        if not keys:
            raise ValueError('SECRETS_KEYS is empty; set it to {"<id>": "<32 bytes in base64>"}.')
        self._keys = {key_id: AESGCM(_key(raw)) for key_id, raw in keys.items()}
        self._current = next(iter(keys))

    @classmethod
    def from_json(cls, text: str) -> "Vault":
        """Read the keys from JSON: {"2026-11": "<32 bytes in base64>"}."""
        return cls(json.loads(text))

    def seal(self, secret: str, *context: object) -> dict[str, Any]:
        """Return a secret sealed, to be stored as JSON.

        Args:
            secret: the text.
            context: tenant, site, field: the same must be named to open it.
        """
        bound = _bound(self._current, context)
        data_key, nonce, wrap_nonce = AESGCM.generate_key(256), os.urandom(12), os.urandom(12)
        return {
            "v": _VERSION,
            "kek": self._current,
            "key": _text(wrap_nonce + self._keys[self._current].encrypt(wrap_nonce, data_key, bound)),
            "box": _text(nonce + AESGCM(data_key).encrypt(nonce, secret.encode(), bound)),
        }

    def open(self, sealed: Mapping[str, Any], *context: object) -> str:
        """Return the text of a sealed secret.

        Raises:
            SecretUnreadable: another key, another context, or it was changed.
        """
        try:
            bound = _bound(sealed["kek"], context)
            wrapped, box = b64decode(sealed["key"]), b64decode(sealed["box"])
            data_key = self._keys[sealed["kek"]].decrypt(wrapped[:12], wrapped[12:], bound)
            return AESGCM(data_key).decrypt(box[:12], box[12:], bound).decode()
        except (InvalidTag, KeyError, ValueError) as error:
            raise SecretUnreadable(
                "A stored secret cannot be opened; is SECRETS_KEYS the one it was sealed with?"
            ) from error


def generate_key() -> str:
    """Return a fresh key-encryption key in base64."""
    return _text(AESGCM.generate_key(256))


def _bound(key_id: str, context: tuple[object, ...]) -> bytes:
    return json.dumps([_VERSION, key_id, *map(str, context)]).encode()


def _key(raw: str) -> bytes:
    key = b64decode(raw)
    if len(key) != 32:  # noqa: PLR2004 - AES-256
        raise ValueError("A key-encryption key is 32 bytes in base64.")
    return key


def _text(data: bytes) -> str:
    return b64encode(data).decode()
