"""What a person sees: an index, the API's documentation with a page to try it, and what each reason of a failure means.

Nothing is loaded from elsewhere, and the content security policy says so.
"""

import html
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import orjson
from google.protobuf.descriptor import EnumDescriptor
from igny8.common.v1 import errors_pb2
from starlette.responses import Response
from swagger_ui_bundle import swagger_ui_path

from gateway import errors
from gateway.bindings import SERVICES, Binding
from gateway.errors import NoSuchRoute
from gateway.exchange import Endpoint, Exchange
from gateway.openapi import for_swagger_ui, make_document
from gateway.openapi.comments import comment

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_STATIC = {"Cache-Control": "public, max-age=300"}  # a new version is seen within five minutes
_HTML = "text/html; charset=utf-8"
_CSS = "text/css; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"
_SWAGGER_FILES = {
    "swagger-ui.css": _CSS,
    "swagger-ui-bundle.js": _SCRIPT,
    "favicon-32x32.png": "image/png",
}
_OWN_FILES = {"site.css": _CSS, "docs.js": _SCRIPT}


class Pages:
    """Every page, by path; each is made when the gateway starts.

    Args:
        bindings: what the documentation describes.
    """

    def __init__(self, bindings: Sequence[Binding]) -> None:
        document = make_document(bindings)
        reasons = _reasons()
        own = resources.files("gateway") / "static"
        index, docs, problem = ((own / f"{name}.html").read_text("utf-8") for name in ("index", "docs", "problem"))
        self.endpoints: dict[str, Endpoint] = {
            "/": _Page(index.encode(), _HTML),
            "/docs": _Page(docs.encode(), _HTML),
            "/openapi.json": _Page(orjson.dumps(document), "application/json", _STATIC),
            "/docs/openapi.json": _Page(orjson.dumps(for_swagger_ui(document)), "application/json", _STATIC),
            "/problems/{reason}": _Problems(problem, reasons),
        }
        for name, kind in _OWN_FILES.items():
            self.endpoints[f"/docs/{name}"] = _Page((own / name).read_bytes(), kind, _STATIC)
        for name, kind in _SWAGGER_FILES.items():
            self.endpoints[f"/docs/{name}"] = _Page(Path(swagger_ui_path, name).read_bytes(), kind, _STATIC)


class _Page:
    """Answers with the same bytes, always."""

    def __init__(self, content: bytes, media_type: str, headers: dict[str, str] | None = None) -> None:
        self._content = content
        self._headers = {"Content-Security-Policy": _POLICY, "Content-Type": media_type} | (headers or {})

    async def __call__(self, exchange: Exchange) -> Response:  # noqa: ARG002 - an endpoint
        return Response(self._content, headers=self._headers)


class _Problems:
    """Explains a reason: the `type` of a problem document leads here."""

    def __init__(self, page: str, reasons: dict[str, tuple[str, str]]) -> None:
        self._page = page
        self._reasons = reasons

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the page of a reason. Raises NoSuchRoute."""
        known = self._reasons.get(exchange.variables["reason"])
        if known is None:
            raise NoSuchRoute(exchange.request.scope["path"])
        reason, meaning = (html.escape(text) for text in known)
        page = self._page.replace("{reason}", reason).replace("{meaning}", meaning)
        return Response(page, headers={"Content-Security-Policy": _POLICY, "Content-Type": _HTML} | _STATIC)


def _reasons() -> dict[str, tuple[str, str]]:
    """Return every reason there is by its place in an address, with what it means."""
    enums = [errors_pb2.DESCRIPTOR.enum_types_by_name["ErrorReason"]]
    for file in SERVICES.values():
        resources_file = next(d for d in file.dependencies if d.package == file.package)
        enums += [enum for enum in resources_file.enum_types_by_name.values() if enum.name.endswith("ErrorReason")]
    known = {slug: pair for enum in enums for slug, pair in _of_enum(enum)}
    for fault in (
        errors.MalformedBody,
        errors.NoSuchRoute,
        errors.MethodNotAllowed,
        errors.BodyTooSlow,
        errors.BodyTooLarge,
        errors.UnsupportedMediaType,
        errors.RateLimited,
    ):
        known[_slug(fault.reason)] = (fault.reason, fault.__doc__ or "")
    return known


def _of_enum(enum: EnumDescriptor) -> list[tuple[str, tuple[str, str]]]:
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    names = [(value.name.removeprefix(prefix), value.name) for value in enum.values if value.number]
    return [(_slug(reason), (reason, comment(f"{enum.full_name}.{name}"))) for reason, name in names]


def _slug(reason: str) -> str:
    return reason.lower().replace("_", "-")
