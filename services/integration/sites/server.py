"""The server of the built-in sites: GET and HEAD of static files, and nothing else.

`/<slug>/...` is the site that owns the slug, as its `current` version has it. The server listens on an origin of its
own: a tenant's page must not share one with the API.
"""

import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from services.integration.sites.store import SLUGS

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self' https:; style-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_PART = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
}
# Their names change with their content.
_IMMUTABLE = re.compile(r"\A(?:images/[0-9a-f]{20}\.|assets/style-[0-9a-f]{8}\.css\Z)")
_MAX_PATH_CHARS = 1000


def create_app(root: Path) -> Starlette:
    """The server of the sites under `root`, the same folder that the store writes."""

    async def show(request: Request) -> Response:
        path: str = request.scope["path"]  # decoded once, by the server
        response = await run_in_threadpool(answer, root, path, request.headers.get("if-none-match", ""))
        response.headers.update(HEADERS)
        return response

    async def healthz(request: Request) -> Response:
        del request
        return PlainTextResponse("ok\n", headers=HEADERS)

    return Starlette(routes=[Route("/healthz", healthz), Route("/{path:path}", show, methods=["GET"])])


def answer(root: Path, path: str, known_etag: str) -> Response:
    """The response to a decoded request path; `known_etag` is what the client has already."""
    slug, _, rest = path.removeprefix("/").partition("/")
    if not path.removeprefix(f"/{slug}") and find(root, slug, "index.html"):
        return RedirectResponse(f"/{slug}/", 308)
    name = f"{rest}index.html" if not rest or rest.endswith("/") else rest
    file = find(root, slug, name)
    if file is None:
        if rest and not rest.endswith("/") and find(root, slug, f"{rest}/index.html"):
            return RedirectResponse(f"/{slug}/{rest}/", 308)
        return _not_found(root, slug)
    return _file(file, name, known_etag)


def find(root: Path, slug: str, name: str) -> Path | None:
    """The file of a site's shown version, or None; never one outside of that site's versions."""
    parts = [slug, *name.split("/")]
    if len(name) > _MAX_PATH_CHARS or not all(_PART.match(part) for part in parts):
        return None
    try:
        site = (root / SLUGS / slug).resolve(strict=True)
        file = site.joinpath("current", name).resolve(strict=True)
    except (OSError, RuntimeError):  # not there, or links that go in a circle
        return None
    inside = site.parent == root.resolve() and file.is_relative_to(site / "versions")
    return file if inside and file.is_file() and file.suffix in _TYPES else None


def _file(file: Path, name: str, known_etag: str) -> Response:
    stat = file.stat()
    etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    cache = "public, max-age=31536000, immutable" if _IMMUTABLE.match(name) else "no-cache"
    headers = {"ETag": etag, "Cache-Control": cache}
    if etag in (tag.strip().removeprefix("W/") for tag in known_etag.split(",")):
        return Response(status_code=304, headers=headers)
    return FileResponse(file, headers=headers, media_type=_TYPES[file.suffix], stat_result=stat)


def _not_found(root: Path, slug: str) -> Response:
    page = find(root, slug, "404.html")
    if page is None:
        return PlainTextResponse("There is no such site.\n", 404)
    return Response(page.read_bytes(), 404, media_type=_TYPES[".html"])
