"""The rules of integration, without IO: what a destination needs, what is published, and who may send it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from chassis import outbound
from chassis.html import clean, lasting_source
from services.integration.errors import AddressRefused, CredentialsMissing

PLATFORMS = ("wordpress", "shopify", "sites", "custom")
PLATFORM_TYPES = ("cms", "ecommerce", "renderer", "custom_api")
TYPE_OF_PLATFORM = {"wordpress": "cms", "shopify": "ecommerce", "sites": "renderer", "custom": "custom_api"}
SYNC_DIRECTIONS = ("metadata", "both", "to_site", "from_site")
SYNC_STATUSES = ("never", "succeeded", "failed")
PUBLICATION_STATUSES = (
    "pending",
    "scheduled",
    "publishing",
    "published",
    "published_with_warnings",
    "failed",
    "retracted",
)
THERE = ("published", "published_with_warnings")
DEPLOYMENT_STATUSES = ("pending", "deploying", "deployed", "failed", "rolled_back")
WEBHOOK_STATUSES = ("received", "processed", "failed")
CONTENT_TYPE_KINDS = ("post_type", "taxonomy")
# A destination that stays silent is given up after this many tries in a row, about five minutes as the engine spaces
# them: without an end, one dead website would hold a run open for ever. The next run tries again.
TRIES_MAX = 20
SETTING_CHARS_MAX = 8_000
# What the writer accepts, and the pictures it has put in between.
HTML_CHARS_MAX = 1_000_000


@dataclass(frozen=True)
class Connection:
    """A destination as it is stored; `credentials` is sealed."""

    id: UUID
    platform: str
    base_url: str
    config: Mapping[str, Any]
    credentials: Mapping[str, Any] | None

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"{self.platform} ({self.base_url})" if self.base_url else self.platform


@dataclass(frozen=True)
class Picture:
    """A picture of a content; its bytes lie in the object store. Sizes in pixels."""

    id: str
    role: Literal["featured", "in_article"]
    position: int
    object_key: str
    mime_type: str
    alt_text: str
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Content:
    """What the writer gives to be published. `update_time` says when it was last changed there."""

    id: UUID
    sector_id: UUID
    title: str
    slug: str
    html: str
    update_time: datetime
    excerpt: str = ""
    meta_title: str = ""
    meta_description: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()

    def digest(self, connection: Connection) -> str:
        """Return a digest of everything a reader at the destination would see: what is there is not sent again."""
        seen = {k: v for k, v in asdict(self).items() if k not in {"id", "sector_id", "update_time"}}
        text = json.dumps([seen, connection.platform, connection.base_url], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


# ── connecting ──


def check_address(platform: str, url: str, *, allow_loopback: bool) -> str:
    """Return the address of a destination as it is stored; what its name resolves to is checked at every connection.

    Raises:
        AddressRefused: it is none, not https, or not public.
    """
    if platform == "sites":
        if url:
            raise AddressRefused("The built-in sites have no address of their own; leave base_url empty.")
        return ""
    if not url:
        raise AddressRefused("Give the address of the website, for example https://coffee.example.")
    try:
        target = outbound.parse_target(url)
        if target.literal is not None:
            outbound.check_address(target.literal, target.port, allow_loopback=allow_loopback)
    except outbound.AddressRefused as refused:
        raise AddressRefused(str(refused)) from refused
    if target.scheme != "https" and not allow_loopback:
        raise AddressRefused("Give the https:// address: over http:// the credentials could be read on the way.")
    if "?" in url or "#" in url:
        raise AddressRefused("Leave out what follows ? or # in the address.")
    return url.rstrip("/")


def same_place(one: str, other: str) -> bool:
    """Return whether two addresses are on one server over one scheme: credentials given for one are safe with both."""
    first, second = outbound.parse_target(one), outbound.parse_target(other)
    return (first.scheme, first.host, first.port) == (second.scheme, second.host, second.port)


def check_credentials(platform: str, credentials: Mapping[str, Any]) -> dict[str, str]:
    """Return credentials that a destination of this kind can be opened with, empty where it needs none.

    Raises:
        CredentialsMissing: naming what is missing, never what was given.
    """
    if platform == "sites":
        if credentials:
            raise CredentialsMissing("The built-in sites need no credentials; leave them out.")
        return {}
    if not all(isinstance(v, str) and v.strip() and v.isprintable() for v in credentials.values()):
        raise CredentialsMissing("Every credential must be a text in printable characters.")
    if sum(map(len, credentials.values())) > SETTING_CHARS_MAX:
        raise CredentialsMissing(f"The credentials have more than {SETTING_CHARS_MAX} characters.")
    if platform == "wordpress":
        missing = [name for name in ("username", "application_password") if name not in credentials]
        if missing:
            raise CredentialsMissing(
                f"Add {' and '.join(missing)}: a WordPress user and an application password made in its profile."
            )
        if ":" in credentials["username"]:
            raise CredentialsMissing("A WordPress user name has no colon in it; give the user's name, not its e-mail.")
    return {name: value.strip() for name, value in credentials.items()}


# ── publishing ──


def clean_html(html: str) -> str:
    """Return the HTML of an article with nothing in it that a destination must not show (GUARANTEES 15).

    The writer cleans what it stores; what leaves for somebody's website does not depend on that. A picture whose path
    depends on the page loses it: at a destination, it would lead somewhere else on every page.

    Raises:
        HtmlTooLong: beyond 1,000,000 characters.
    """
    return clean(html, source=lasting_source, chars_max=HTML_CHARS_MAX)


def decide(status: str, stored_digest: str, digest: str, lease_left_s: float) -> Literal["settled", "busy", "send"]:
    """Say what to do about a content at a destination.

    Args:
        status: the publication's.
        stored_digest: of what the destination holds.
        digest: of what it should hold.
        lease_left_s: seconds for which another worker still holds it; 0 or less when nobody does.
    """
    if lease_left_s > 0:
        return "busy"
    return "settled" if status in THERE and stored_digest == digest else "send"
