"""WordPress's REST API with an application password: where it is, how it is called, how its failures read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode, urlsplit

from chassis.outbound import (
    AddressRefused,
    OutboundClient,
    OutboundError,
    OutboundFailed,
    OutboundResponse,
    OutboundTimeout,
)
from services.integration.adapters.base import (
    AddressNotAllowed,
    ContentRefused,
    CredentialsRefused,
    DestinationBroken,
    DestinationBusy,
    DestinationError,
    DestinationMisconfigured,
    DestinationTimeout,
    DestinationUnreachable,
    PermissionMissing,
    UploadRefused,
)

Json: TypeAlias = Any  # of a stranger's making: whoever reads a field from it expects it to be missing
Params: TypeAlias = Mapping[str, str | int | Sequence[str]]

CALL_TIMEOUT_S: Final = 25.0
UPLOAD_TIMEOUT_S: Final = 60.0  # WordPress cuts every size of a picture before it answers
# The other failures of a connection may pass by themselves.
_LASTING_FAILURES: Final = ("tls", "too_large", "bad_header")
_DIGITS_MAX: Final = 6  # of Retry-After: eleven days
_TAGS: Final = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class WordPressConnection:
    """Where a site is and who publishes there; `site_url` is the site's address, not its REST API's."""

    site_url: str
    username: str
    application_password: str = field(repr=False)


class RestRefused(ContentRefused):
    """A refusal that callers may know better: `code` is WordPress's own, `data` what it adds to it."""

    def __init__(self, message: str, code: str, data: Json) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class WordPressRest:
    """Calls one site's REST API.

    The API is at `/wp-json` below the site's address, or behind `?rest_route=` where the web server rewrites
    nothing; the first call finds out which.
    """

    def __init__(self, outbound: OutboundClient, connection: WordPressConnection) -> None:
        self._outbound = outbound
        self._site = connection.site_url.rstrip("/")
        self._auth = (connection.username, connection.application_password)
        self._rewritten: bool | None = None

    @property
    def insecure(self) -> bool:
        """Whether the password would cross the internet in the clear; development's loopback is let pass."""
        return urlsplit(self._site).scheme != "https" and not self._outbound.allow_loopback

    def get(self, route: str, params: Params | None = None, *, anonymous: bool = False) -> Json:
        """Read a route such as `/wp/v2/posts`.

        Raises:
            DestinationError: it could not be read; see `refusal` and `failure`.
        """
        return self._call("GET", route, params, {"auth": None if anonymous else self._auth})

    def post(self, route: str, fields: Mapping[str, object]) -> Json:
        """Create or change what lives at a route.

        Raises:
            DestinationError: as for `get`; it may have been done all the same.
        """
        return self._call("POST", route, None, {"auth": self._auth, "json": fields})

    def upload(self, params: Params, data: bytes, filename: str, mime_type: str) -> Json:
        """Send a file to the media library; its fields travel in the query, so one request makes it whole.

        Raises:
            DestinationError: as for `post`.
        """
        headers = {"Content-Type": mime_type, "Content-Disposition": f'attachment; filename="{filename}"'}
        sent = {"auth": self._auth, "headers": headers, "data": data, "timeout_s": UPLOAD_TIMEOUT_S}
        return self._call("POST", "/wp/v2/media", params, sent)

    def _call(self, method: str, route: str, params: Params | None, sent: dict[str, Any]) -> Json:
        if self.insecure and sent["auth"]:
            raise DestinationMisconfigured(
                "The site's address begins with http://, so the password could be read on the way: "
                "give the https:// address."
            )
        response = self._send(method, self._url(route, params), sent)
        if self._rewritten is None:
            # A web server that does not rewrite answers a page of its own, and WordPress never saw the call.
            self._rewritten = response.status != HTTPStatus.NOT_FOUND or _json(response) is not None
            if not self._rewritten:
                response = self._send(method, self._url(route, params), sent)
        body = _json(response)
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            raise refusal(response, body)
        if body is None:
            raise DestinationBroken(
                "The site answered a page where its REST API was asked: look whether a maintenance mode, a "
                "cache or a security plugin stands before /wp-json/."
            )
        return body

    def _send(self, method: str, url: str, sent: dict[str, Any]) -> OutboundResponse:
        try:
            return self._outbound.request(method, url, **{"timeout_s": CALL_TIMEOUT_S, **sent})
        except OutboundError as error:
            raise failure(error) from error

    def _url(self, route: str, params: Params | None) -> str:
        query = urlencode(params or {}, doseq=True)
        if self._rewritten is False:
            return f"{self._site}/?rest_route={route}" + (f"&{query}" if query else "")
        return f"{self._site}/wp-json{route}" + (f"?{query}" if query else "")


def _json(response: OutboundResponse) -> Json:
    """The body as a JSON object or list, else None."""
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict | list) else None


def failure(error: OutboundError) -> DestinationError:
    """Say as a destination's error what happened on the way to it."""
    if isinstance(error, AddressRefused):
        return AddressNotAllowed(str(error))
    if isinstance(error, OutboundTimeout):
        return DestinationTimeout(f"{error} If this goes on, ask the host why the site is slow.")
    if isinstance(error, OutboundFailed) and error.reason in _LASTING_FAILURES:
        return DestinationMisconfigured(f"{error} This is for the site's host to mend.")
    return DestinationUnreachable(f"{error} If this goes on, look whether the site is up.")


def refusal(response: OutboundResponse, body: Json) -> DestinationError:
    """Say what a status other than 2xx means; WordPress's own `code` decides where there is one."""
    code = str(body.get("code", "")) if isinstance(body, dict) else ""
    said = _TAGS.sub("", str(body.get("message", "")))[:300] if code else ""
    status = response.status
    # A disallowed file is a 500 in WordPress: not every 500 is worth a retry.
    if code.startswith("rest_upload_") or status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return UploadRefused(
            f"The site does not take this file ({code or 'too large'}: {said or 'refused by the web server'}"
            "). Allow its type and size in the site's upload settings, and look whether its disk is full."
        )
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return DestinationBusy("The site asks to come back later.", _retry_after_s(response))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return DestinationBroken(
            f"The site failed inside ({status} {code} {said}).".replace("  ", " ")
            + " If this goes on, its PHP error log says why."
        )
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return DestinationMisconfigured(
            f"The site redirects to {response.headers.get('location', 'another address')[:200]}: "
            "connect it by the address it redirects to."
        )
    return _refused_by_wordpress(_meant_status(status, body), code, said, body)


def _refused_by_wordpress(status: int, code: str, said: str, body: Json) -> DestinationError:
    # WordPress says 401 to everyone it does not know, 403 to a user who may not.
    if status == HTTPStatus.UNAUTHORIZED:
        return CredentialsRefused(
            f"WordPress does not accept the user name and application password ({code or 'no code'}). "
            "Make a new application password in the user's profile; if it is right, the web server removes "
            "the Authorization header, and its configuration must pass it on."
        )
    if status == HTTPStatus.FORBIDDEN and code:
        return PermissionMissing(
            f"The WordPress user may not do this ({code}: {said}). Give it the role Editor, or use another."
        )
    if status == HTTPStatus.FORBIDDEN:
        return DestinationMisconfigured(
            "Something before WordPress refused the call: allow this service in the site's firewall or security plugin."
        )
    if not code or code == "rest_no_route":
        return DestinationMisconfigured(
            f"There is no WordPress REST API at this address (status {status}): check the address, and "
            "whether a plugin switches the REST API off."
        )
    return RestRefused(f"WordPress refused the content ({code}: {said}).", code, body.get("data"))


def _meant_status(status: int, body: Json) -> int:
    """The 401 or 403 inside the 400 with which WordPress answers a stranger who asks for drafts."""
    try:
        return int(body["data"]["details"]["status"]["data"]["status"])
    except (KeyError, TypeError, ValueError):
        return status


def _retry_after_s(response: OutboundResponse) -> float | None:
    seconds = response.headers.get("retry-after", "")
    return float(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) <= _DIGITS_MAX else None
