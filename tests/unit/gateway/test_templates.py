"""Paths to routes."""

import pytest

from gateway.errors import MethodNotAllowed, NoSuchRoute
from gateway.templates import Router, Template

ROUTES = [
    ("GET", "/v1/sites"),
    ("GET", "/v1/sites/{site_id}"),
    ("PATCH", "/v1/sites/{site.id}"),
    ("POST", "/v1/sites/{site_id}:undelete"),
    ("GET", "/v1/sites/{site_id}/keywords"),
    ("PATCH", "/v1/sites/{keyword.site_id}/keywords/{keyword.id}"),
    ("POST", "/v1/sites/{site_id}/runs"),
    ("POST", "/v1/sites/{site_id}/runs:quote"),
    ("GET", "/v1/sites/new"),
    ("GET", "/"),
]


@pytest.fixture(scope="module")
def router() -> Router[str]:
    made: Router[str] = Router()
    for method, text in ROUTES:
        made.add(method, Template.parse(text), f"{method} {text}")
    return made


class TestFind:
    @pytest.mark.parametrize(
        ("method", "path", "target", "values"),
        [
            ("GET", "/", "GET /", ()),
            ("GET", "/v1/sites", "GET /v1/sites", ()),
            ("GET", "/v1/sites/s1", "GET /v1/sites/{site_id}", ("s1",)),
            ("GET", "/v1/sites/new", "GET /v1/sites/new", ()),
            ("PATCH", "/v1/sites/new", "PATCH /v1/sites/{site.id}", ("new",)),
            ("HEAD", "/v1/sites", "GET /v1/sites", ()),
            ("POST", "/v1/sites/s1:undelete", "POST /v1/sites/{site_id}:undelete", ("s1",)),
            ("POST", "/v1/sites/s1/runs:quote", "POST /v1/sites/{site_id}/runs:quote", ("s1",)),
            ("PATCH", "/v1/sites/s1/keywords/k1", ROUTES[5][0] + " " + ROUTES[5][1], ("s1", "k1")),
        ],
    )
    def test_a_path_has_its_route(
        self, router: Router[str], method: str, path: str, target: str, values: object
    ) -> None:
        match = router.find(method, path)
        assert (match.target, match.values) == (target, values)

    @pytest.mark.parametrize(
        "path",
        [
            "/v1",
            "/v1/sites/",
            "/v1/sites/s1/",
            "/v1//sites",
            "/v1/sites/s1:pause",
            "/v1/sites/s1/keywords/k/x",
        ],
    )
    def test_other_paths_have_none(self, router: Router[str], path: str) -> None:
        with pytest.raises(NoSuchRoute):
            router.find("GET", path)

    def test_another_method_is_told_which_there_are(self, router: Router[str]) -> None:
        with pytest.raises(MethodNotAllowed) as refused:
            router.find("DELETE", "/v1/sites/s1")
        assert refused.value.allowed == "GET, PATCH"


class TestTemplate:
    def test_variables_have_public_names(self) -> None:
        template = Template.parse("/v1/sites/{keyword.site_id}/keywords/{keyword.id}:undelete")
        assert template.public == "/v1/sites/{site_id}/keywords/{keyword_id}:undelete"
        assert template.fields == ("keyword.site_id", "keyword.id")

    @pytest.mark.parametrize("text", ["/v1/{name=sites/*}", "/v1/**", "/v1/{}", "/v1/a b"])
    def test_what_is_not_supported_is_refused_at_the_start(self, text: str) -> None:
        with pytest.raises(ValueError, match="neither a literal"):
            Template.parse(text)

    def test_one_path_cannot_be_bound_twice(self, router: Router[str]) -> None:
        with pytest.raises(ValueError, match="bound twice"):
            router.add("GET", Template.parse("/v1/sites/{id}"), "again")
