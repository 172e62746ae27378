"""The shape of every destination: what goes in, what comes out, and how it fails.

DestinationError
├── TransientDestinationError      the same call may succeed later; `retry_after_s` if it said when
│   ├── DestinationTimeout         no whole answer in time; it may have acted
│   ├── DestinationUnreachable     no connection, or it broke; it may have acted
│   ├── DestinationBusy            429 or 503
│   └── DestinationBroken          another 5xx, or an answer that is not what it should be
└── PermanentDestinationError      a person must act first; the message says what to do
    ├── AddressNotAllowed          the site's URL is not one this system calls
    ├── CredentialsRefused         wrong, revoked, or removed on the way
    ├── PermissionMissing          the user is known but may not do this
    ├── ContentRefused             the destination does not take what was sent
    ├── UploadRefused              the destination does not take this file
    ├── PictureMissing             a picture's file is gone, on our side
    ├── CredentialsUnreadable      what is stored cannot be opened any more
    ├── PlatformUnsupported        this kind of destination is not published to yet
    └── DestinationMisconfigured   it redirects, blocks us, or has no interface to talk to

A failure never says that nothing happened. Publishing is safe to call again: adapters look before they make.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal, Protocol


class DestinationError(Exception):
    """A destination did not do what was asked. `reason` is for programs, the message for the site's owner."""

    reason: ClassVar[str] = "destination_failed"


class TransientDestinationError(DestinationError):
    """The same call may succeed later.

    Args:
        message: what happened, and what helps if it goes on.
        retry_after_s: seconds the destination asked to wait, if it did.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DestinationTimeout(TransientDestinationError):
    """No whole answer came in time; the destination may have acted."""

    reason = "destination_timeout"


class DestinationUnreachable(TransientDestinationError):
    """There was no connection, or it broke; the destination may have acted."""

    reason = "destination_unreachable"


class DestinationBusy(TransientDestinationError):
    """The destination asks to come back later."""

    reason = "destination_busy"


class DestinationBroken(TransientDestinationError):
    """The destination failed inside, or answered what cannot be read."""

    reason = "destination_broken"


class PermanentDestinationError(DestinationError):
    """Trying again changes nothing until a person has acted."""


class AddressNotAllowed(PermanentDestinationError):
    """The site's URL is not one this system calls."""

    reason = "address_not_allowed"


class CredentialsRefused(PermanentDestinationError):
    """The credentials are wrong or revoked, or were removed on the way."""

    reason = "credentials_refused"


class PermissionMissing(PermanentDestinationError):
    """The user is known but may not do this."""

    reason = "permission_missing"


class ContentRefused(PermanentDestinationError):
    """The destination does not take what was sent."""

    reason = "content_refused"


class UploadRefused(PermanentDestinationError):
    """The destination does not take this file."""

    reason = "upload_refused"


class PictureMissing(PermanentDestinationError):
    """The file of a picture is gone from the object store."""

    reason = "picture_missing"


class CredentialsUnreadable(PermanentDestinationError):
    """The stored credentials cannot be opened any more."""

    reason = "credentials_missing"


class PlatformUnsupported(PermanentDestinationError):
    """This kind of destination is not published to yet."""

    reason = "platform_unsupported"


class DestinationMisconfigured(PermanentDestinationError):
    """The destination redirects, blocks us, or has no interface to talk to."""

    reason = "destination_misconfigured"


@dataclass(frozen=True)
class PublishImage:
    """An image of a content; `data` fetches the bytes only when they must be uploaded. Sizes in pixels, 0: unknown."""

    image_id: str
    role: Literal["featured", "in_article"]
    position: int
    filename: str
    mime_type: str
    alt_text: str
    data: Callable[[], bytes]
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class PublishableContent:
    """What a destination publishes.

    `html` is clean; its images have the source `igny8-image:<image_id>`, which the destination replaces by
    addresses of its own. `categories` and `tags` are names. `slug` is a wish: a taken one may be changed.
    `publish_time` is when it was first sent there, the same however often it is sent.
    """

    content_id: str
    title: str
    slug: str
    html: str
    excerpt: str = ""
    meta_title: str = ""
    meta_description: str = ""
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    images: tuple[PublishImage, ...] = ()
    publish_time: datetime | None = None
    update_time: datetime | None = None


@dataclass(frozen=True)
class Published:
    """What the destination holds now, as read back from it."""

    external_id: str
    url: str
    status: Literal["published", "published_with_warnings"]
    warnings: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One step of a connection test; `hint` says what to do when it is not ok, or what to know when it is."""

    name: str
    ok: bool
    detail: str
    hint: str = ""


@dataclass(frozen=True)
class ConnectionReport:
    """The steps of a connection test, up to and with the first that failed."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether publishing can be expected to work."""
        return bool(self.checks) and all(check.ok for check in self.checks)


class Destination(Protocol):
    """Somewhere content is published. Calls for one content follow each other; the caller sees to that."""

    def test_connection(self) -> ConnectionReport:
        """Find out whether publishing would work, and if not, why. Failures are in the report, not raised."""
        ...

    def publish(self, content: PublishableContent) -> Published:
        """Have the content published exactly once, however often this is called.

        Raises:
            TransientDestinationError: call again later.
            PermanentDestinationError: call again when its message was acted upon.
        """
        ...

    def find(self, content_id: str, slug: str) -> Published | None:
        """Look for the content as published, by our id; `slug` is where it was meant to be.

        Raises:
            DestinationError: it could not be looked for.
        """
        ...
