"""The sites' server: what it shows, and that it shows nothing else."""

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.integration.sites import Article, Picture, SiteFacts, SiteStore
from services.integration.sites.server import HEADERS, create_app, find

TIME = datetime(2026, 3, 1, tzinfo=UTC)
PICTURE = Picture("0192d3a4-0000-7000-8000-000000000000", b"\x89PNG picture")
IMAGE = f"/demo/images/{PICTURE.file}"


class Answer:
    """What came back: status, headers in lower case, and the body."""

    def __init__(self, sent: list[dict[str, Any]]) -> None:
        self.status: int = sent[0]["status"]
        self.headers = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        self.body = b"".join(part.get("body", b"") for part in sent[1:])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sites")
    page = Article("c-1", "A title", "a-title", "<p>Text</p>", TIME, TIME, featured=PICTURE)
    SiteStore(root).publish("site-1", SiteFacts("Demo", "demo", "http://127.0.0.1:8090"), page)
    (root / "secret.txt").write_text("secret")
    (root / "site-1" / "secret.txt").write_text("secret")
    (root / "site-1" / "versions" / "1" / ".hidden.txt").write_text("secret")
    (root / "site-1" / "versions" / "1" / "escape.txt").symlink_to(root / "secret.txt")
    (root / "site-1" / "versions" / "1" / "loop.txt").symlink_to("loop.txt")
    (root / "site-1" / "versions" / "1" / "program.cgi").write_text("secret")
    (root / ".slugs" / "outside").symlink_to("/etc")
    return root


def ask(root: Path, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
    """One request to the application itself, without a socket; `path` is as the web server decoded it."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
        "method": method, "path": path, "raw_path": path.encode("utf-8", "replace"),
        "query_string": b"", "root_path": "", "scheme": "http",
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(create_app(root)(scope, receive, send))
    return Answer(sent)


class TestShow:
    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("/demo/", "text/html; charset=utf-8"),
            ("/demo/a-title/", "text/html; charset=utf-8"),
            ("/demo/feed.xml", "application/xml; charset=utf-8"),
            ("/demo/robots.txt", "text/plain; charset=utf-8"),
            (IMAGE, "image/png"),
        ],
    )
    def test_files_with_their_types_and_every_security_header(self, root: Path, path: str, kind: str) -> None:
        answer = ask(root, path)
        assert (answer.status, answer.headers["content-type"]) == (200, kind)
        assert {k: answer.headers[k.lower()] for k in HEADERS} == HEADERS

    def test_head_has_the_headers_without_the_body(self, root: Path) -> None:
        answer = ask(root, "/demo/", "HEAD")
        assert (answer.status, answer.body) == (200, b"")
        assert int(answer.headers["content-length"]) > 0

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
    def test_nothing_can_be_changed(self, root: Path, method: str) -> None:
        assert ask(root, "/demo/", method).status == 405

    @pytest.mark.parametrize(("path", "target"), [("/demo", "/demo/"), ("/demo/a-title", "/demo/a-title/")])
    def test_a_missing_slash_is_added(self, root: Path, path: str, target: str) -> None:
        answer = ask(root, path)
        assert (answer.status, answer.headers["location"]) == (308, target)

    def test_what_the_client_has_is_not_sent_again(self, root: Path) -> None:
        etag = ask(root, "/demo/").headers["etag"]
        answer = ask(root, "/demo/", headers={"If-None-Match": f'W/"x", {etag}'})
        assert (answer.status, answer.body) == (304, b"")

    def test_pictures_may_be_kept_for_ever_and_pages_not(self, root: Path) -> None:
        assert "immutable" in ask(root, IMAGE).headers["cache-control"]
        assert ask(root, "/demo/").headers["cache-control"] == "no-cache"

    def test_health(self, root: Path) -> None:
        assert (ask(root, "/healthz").status, ask(root, "/healthz").body) == (200, b"ok\n")


class TestNotFound:
    def test_a_site_shows_its_own_page(self, root: Path) -> None:
        answer = ask(root, "/demo/nothing/")
        assert answer.status == 404
        assert b"This page is not here" in answer.body

    @pytest.mark.parametrize("path", ["/", "/unknown/", "/site-1/", "//"])
    def test_without_a_site_there_is_nothing_to_list(self, root: Path, path: str) -> None:
        assert ask(root, path).status == 404

    def test_a_site_that_was_removed_is_gone(self, root: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(root, copy, symlinks=True)
        shutil.rmtree(copy / "site-1")
        assert ask(copy, "/demo/").status == 404


class TestTraversal:
    @pytest.mark.parametrize(
        "path",
        [
            "/demo/../secret.txt",
            "/demo/../../secret.txt",
            "/demo/../../../../../../etc/passwd",
            "/demo/..%2f..%2fsecret.txt",
            "/demo/%2e%2e/secret.txt",
            "/demo/..\\..\\secret.txt",
            "/demo/....//secret.txt",
            "/demo//etc/passwd",
            "/demo/./feed.xml",
            "/demo/a-title/../feed.xml",
            "/../secret.txt",
            "/..",
            "/.slugs/demo/secret.txt",
            "/.",
            "/demo/.hidden.txt",
            "/demo/escape.txt",
            "/demo/loop.txt",
            "/demo/program.cgi",
            "/demo/../state/1.json",
            "/site-1/secret.txt",
            "/site-1/state/1.json",
            "/outside/passwd",
            "/outside/hostname.txt",
            "/demo/feed.xml\x00.html",
            "/demo/\u2025/secret.txt",
            "/demo/\uff0e\uff0e/secret.txt",
            "/demo/" + "a/" * 2000,
            "/demo/" + "a" * 5000,
            "/demo/feed.xml/",
            "/demo/feed.xml/..",
            "/demo/C:/secret.txt",
            "/demo/~root/secret.txt",
        ],
    )
    def test_nothing_outside_the_shown_version_is_reached(self, root: Path, path: str) -> None:
        answer = ask(root, path)
        assert answer.status == 404
        assert b"secret" not in answer.body

    @pytest.mark.parametrize("slug", ["..", ".slugs", "", "demo/..", "outside", "/etc"])
    def test_a_slug_is_a_site_and_no_path(self, root: Path, slug: str) -> None:
        assert find(root, slug, "feed.xml") is None
