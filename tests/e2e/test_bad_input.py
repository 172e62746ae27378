"""Bad input through the real gateway: a problem document that names the field and what to do; nothing half-written."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests

from cli.api import Json
from tests.e2e.installation import EXAMPLE, Customer, Installation, a_customer, a_site, wait_for

BINARY = bytes(range(256)) * 40
NOBODY = uuid.UUID(int=0x0197A1B2_0000_7000_8000_000000000000)
WRITES = ("keywords", "keyword-imports", "runs", "steps", "tasks", "contents", "integrations")


@dataclass(frozen=True)
class Client:
    """Somebody who sends what they like.

    Args:
        url: the gateway's.
        authorization: the header; none is sent when empty.
        mine: the site that is called, and its customer.
        elsewhere: another site of the same account.
        other: another account's site.
        keyword: a row of the site.
        foreign: a row of the other account's.
        poor: a customer whose credits are too few for their keywords.
    """

    url: str
    authorization: str
    mine: Customer
    elsewhere: Customer
    other: Customer
    keyword: Json
    foreign: Json
    poor: Customer

    def ask(self, method: str, path: str, **request: Any) -> requests.Response:
        headers = {"Authorization": self.authorization, **request.pop("headers", {})}
        sent = {name: value for name, value in headers.items() if value}
        return requests.request(method, self.url + path, headers=sent, timeout=30, allow_redirects=False, **request)

    def get(self, rest: str, **query: object) -> requests.Response:
        return self.ask("GET", self.mine.path(rest), params=query)

    def post(self, rest: str, body: object) -> requests.Response:
        return self.ask("POST", self.mine.path(rest), json=body)

    def send(self, data: bytes, media_type: str = "application/json") -> requests.Response:
        return self.ask("POST", self.mine.path("keywords"), data=data, headers={"Content-Type": media_type})

    def change(self, body: Json, **query: object) -> requests.Response:
        return self.ask("PATCH", self.mine.path(f"keywords/{self.keyword['id']}"), json=body, params=query)

    def add(self, **values: object) -> requests.Response:
        return self.post("keywords", {"text": "moka pot", "sector_id": self.mine.sector, **values})

    def upload(self, data: bytes, media_type: str = "text/csv", **query: str) -> requests.Response:
        path, named = self.mine.path("keyword-imports"), {"sector_id": self.mine.sector, "filename": "list.csv"} | query
        return self.ask("POST", path, data=data, params=named, headers={"Content-Type": media_type})

    def without_credential(self) -> "Client":
        return replace(self, authorization="")

    def with_key(self, secret: str) -> "Client":
        return replace(self, authorization=f"Bearer {secret}")

    def of(self, customer: Customer) -> "Client":
        return replace(self, mine=customer)

    def new_key(self, *scopes: str, revoked: bool = False) -> "Client":
        made = self.mine.api.post("/v1/api-keys", {"name": "another", "scopes": list(scopes)})
        if revoked:
            self.mine.api.post(f"/v1/api-keys/{made['api_key']['id']}:revoke")
        return self.with_key(made["secret"])


@pytest.fixture(scope="module")
def client(installation: Installation) -> Client:
    mine, other = a_customer(installation, "careless"), a_customer(installation, "stranger")
    poor = a_customer(installation, "poor", plan="free")
    for number in range(30):
        poor.api.post(poor.path("keywords"), {"text": f"coffee grinder number {number}", "sector_id": poor.sector})
    keyword, foreign = (
        customer.api.post(customer.path("keywords"), {"text": "burr grinder", "sector_id": customer.sector})
        for customer in (mine, other)
    )
    elsewhere = a_site(mine, "careless-too")
    authorization = f"Bearer {mine.secret}"
    return Client(installation.api_url, authorization, mine, elsewhere, other, keyword, foreign, poor)


@dataclass(frozen=True)
class Bad:
    """A request and what is answered.

    Args:
        name: what is wrong with it.
        send: sends it.
        status: of the answer.
        reason: of the problem.
        field: that is named; "" when it is no field's fault.
        says: part of what the person reads to get it right.
    """

    name: str
    send: Callable[[Client], requests.Response]
    status: int
    reason: str
    field: str
    says: str


def refused(name: str, send: Callable[[Client], requests.Response], field: str, says: str) -> Bad:
    """A request with one wrong field."""
    return Bad(name, send, 400, "INVALID_ARGUMENT", field, says)


def missing(name: str, send: Callable[[Client], requests.Response], says: str) -> Bad:
    """A request for what is not there, or not the caller's."""
    return Bad(name, send, 404, "NOT_FOUND", "", says)


def unreadable(name: str, data: bytes, reason: str, says: str) -> Bad:
    """A file that cannot be read as a whole: refused while somebody waits, and not by a run that fails later."""
    return Bad(name, lambda c: c.upload(data), 400, reason, "file", says)


FILES = [
    unreadable("an unknown layout", b"colour,shape\nred,round\nblue,square\n", "UNKNOWN_LAYOUT", "or upload a list"),
    unreadable("a binary in it", b"keyword,volume\nmoka pot,10\n" + BINARY, "NOT_TEXT", "Export as CSV with UTF-8"),
    unreadable("a picture", b"\x89PNG\r\n\x1a\n" + BINARY, "NOT_TEXT", "it looks like a picture"),
    unreadable("a header alone", b"keyword,volume\n\n\n", "EMPTY_FILE", "Export again"),
    refused("no sector", lambda c: c.upload(b"keyword\nmoka\n", sector_id=""), "sector_id", "its sectors are"),
    refused(
        "another site's sector",
        lambda c: c.upload(b"keyword\nmoka\n", sector_id=c.elsewhere.sector),
        "sector_id",
        "its sectors are",
    ),
    refused("an empty file", lambda c: c.upload(b""), "file", "choose a file with one keyword a line"),
    Bad(
        "JSON for a file", lambda c: c.upload(b"{}", "application/json"), 415, "UNSUPPORTED_MEDIA_TYPE", "", "text/csv"
    ),
]
LISTS = [
    refused("a negative page size", lambda c: c.get("keywords", page_size=-1), "page_size", "from 0 to 1000"),
    refused("a page size in words", lambda c: c.get("keywords", page_size="many"), "page_size", "whole number"),
    refused("a page token of nobody", lambda c: c.get("keywords", page_token="x"), "page_token", "a list returned"),
    refused(
        "an unknown enum in a filter",
        lambda c: c.get("keywords", filter='status = "sleeping"'),
        "filter",
        "use one of new, mapped",
    ),
    refused(
        "an unknown field in a filter", lambda c: c.get("keywords", filter='colour = "red"'), "filter", "use one of"
    ),
    refused("half a filter", lambda c: c.get("keywords", filter="status ="), "filter", "where a value should be"),
    refused("an unknown order", lambda c: c.get("keywords", order_by="colour"), "order_by", "use one of"),
    refused("an unknown parameter", lambda c: c.get("keywords", colour="red"), "colour", "known are page_size"),
]
BODIES = [
    refused("an unknown enum in a body", lambda c: c.add(intent="curious"), "intent", "must be one of informational"),
    refused("an unknown field", lambda c: c.add(volumes=3), "volumes", "did you mean volume?"),
    refused("no sector in a body", lambda c: c.add(sector_id=None), "sector_id", "sector_id: is required"),
    Bad(
        "another site's sector in a body",
        lambda c: c.add(sector_id=c.elsewhere.sector),
        400,
        "UNKNOWN_SECTOR",
        "sector_id",
        "use one of",
    ),
    refused("a negative volume", lambda c: c.add(volume=-4), "volume", "must be from 0"),
    refused("a volume in words", lambda c: c.add(volume="many"), "volume", "whole number"),
    refused("an array for an object", lambda c: c.send(b"[]"), "body", "must be a JSON object"),
    Bad("malformed JSON", lambda c: c.send(b'{"text": "mo'), 400, "MALFORMED_BODY", "body", "send one JSON object"),
    Bad(
        "20 MB of JSON",
        lambda c: c.send(b'{"text": "' + b"x" * 20_000_000 + b'"}'),
        413,
        "BODY_TOO_LARGE",
        "body",
        "send less",
    ),
    Bad("no JSON", lambda c: c.send(b"text=moka", "text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE", "", "application/json"),
    Bad("a keyword that is there", lambda c: c.add(text="burr grinder"), 409, "ALREADY_EXISTS", "", "change that one"),
    refused("a field of the system's", lambda c: c.change({"status": "mapped"}), "status", "cannot be changed"),
    refused(
        "a field of the system's by mask",
        lambda c: c.change({"volume": 3}, update_mask="create_time"),
        "create_time",
        "create_time: cannot be changed; only volume",
    ),
    refused("a change of nothing", lambda c: c.change({}), "update_mask", "disabled, attributes can be changed"),
    Bad("an old etag", lambda c: c.change({"volume": 3, "etag": "99"}), 409, "ETAG_MISMATCH", "", "read it again"),
]
CALLERS = [
    Bad("no key", lambda c: c.without_credential().add(), 401, "UNAUTHENTICATED", "", "Authorization: Bearer"),
    Bad("a wrong key", lambda c: c.with_key("igny8_x").add(), 401, "INVALID_CREDENTIAL", "", "sign in again"),
    Bad(
        "a revoked key",
        lambda c: c.new_key("read", "write", revoked=True).add(),
        401,
        "INVALID_CREDENTIAL",
        "",
        "create another",
    ),
    Bad(
        "a reader who writes", lambda c: c.new_key("read").add(), 403, "PERMISSION_DENIED", "", "needs the scope write"
    ),
    Bad(
        "a reader who uploads",
        lambda c: c.new_key("read").upload(b"keyword\nmoka\n"),
        403,
        "PERMISSION_DENIED",
        "",
        "needs the scope write",
    ),
    Bad(
        "an owner who grants credits",
        lambda c: c.ask("POST", "/v1/billing/credits:grant", json={"credits": 100, "reason": "please"}),
        403,
        "PERMISSION_DENIED",
        "",
        "needs the scope operator",
    ),
]
IDS = [
    missing("somebody's site", lambda c: c.of(c.other).get("keywords"), "There is no site"),
    missing("somebody's keyword", lambda c: c.get(f"keywords/{c.foreign['id']}"), "There is no keyword"),
    missing("no such keyword", lambda c: c.get(f"keywords/{NOBODY}"), "There is no keyword"),
    missing("no such site", lambda c: c.ask("GET", f"/v1/sites/{NOBODY}/keywords"), "There is no site"),
    missing("no such run", lambda c: c.ask("GET", f"/v1/runs/{NOBODY}"), "There is no run"),
    missing("no such quote", lambda c: c.post("runs", {"quote_id": str(NOBODY)}), "There is no quote"),
    refused("an id that is none", lambda c: c.get("keywords/42"), "keyword_id", "is not an id, for example"),
    refused("a run id that is none", lambda c: c.ask("POST", "/v1/runs/42:pause", json={}), "run_id", "is not an id"),
    Bad("no such path", lambda c: c.ask("GET", "/v1/keyword"), 404, "NO_SUCH_ROUTE", "", "/openapi.json lists"),
]
RUNS = [
    Bad(
        "an unknown function",
        lambda c: c.post("runs:quote", {"plan": {"function": "write_poem"}}),
        400,
        "UNKNOWN_FUNCTION",
        "plan.function",
        "use one of import_keywords",
    ),
    Bad(
        "an unknown stage",
        lambda c: c.post("runs:quote", {"plan": {"stages": [9]}}),
        400,
        "UNKNOWN_FUNCTION",
        "plan.stages",
        "stages are 1 to 7",
    ),
    refused(
        "a negative cap",
        lambda c: c.post("runs:quote", {"plan": {"max_articles": -1}}),
        "plan.max_articles",
        "must be from 0",
    ),
    refused(
        "priced work without a quote",
        lambda c: c.post("runs", {"plan": {"function": "generate_content"}}),
        "quote_id",
        "ask for a quote first",
    ),
    refused(
        "a file of nobody's",
        lambda c: c.post("runs", {"plan": {"function": "import_keywords", "options": {"object_key": "imports/x/y"}}}),
        "plan.options",
        "a file that this account uploaded",
    ),
    Bad(
        "a destination of an unknown kind",
        lambda c: c.post("integrations", {"platform": "myspace"}),
        400,
        "INVALID_ARGUMENT",
        "platform",
        "must be one of wordpress",
    ),
    Bad(
        "WordPress without a login",
        lambda c: c.post("integrations", {"platform": "wordpress", "base_url": "https://coffee.example"}),
        400,
        "CREDENTIALS_MISSING",
        "credentials",
        "application password made in its profile",
    ),
]


def check(answer: requests.Response, case: Bad) -> None:
    """The answer is a problem document that says what this case wants said."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:300]
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["reason"]) == (case.status, case.status, case.reason), (
        problem
    )
    assert [v["field"] for v in problem["violations"]] == ([case.field] if case.field else [])
    assert case.says in problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert problem["type"] == f"/problems/{case.reason.lower().replace('_', '-')}"


def written(customer: Customer) -> dict[str, Any]:
    """How many rows of every kind the site has, what its keywords are, and what the account has."""
    counts: dict[str, Any] = {path: customer.api.count(customer.path(path)) for path in WRITES}
    etags = sorted(keyword["etag"] for keyword in customer.api.all(customer.path("keywords"), "keywords"))
    return {**counts, "etags": etags, "balance": customer.api.get("/v1/billing/balance")}


@pytest.fixture(scope="module")
def untouched(client: Client) -> dict[str, Any]:
    """The site before anything bad was sent to it; no test here changes it."""
    return written(client.mine)


@pytest.mark.parametrize("case", [*FILES, *LISTS, *BODIES, *CALLERS, *IDS, *RUNS], ids=lambda case: case.name)
def test_a_bad_request_is_refused_in_words_and_changes_nothing(
    client: Client, untouched: dict[str, Any], case: Bad
) -> None:
    check(case.send(client), case)
    assert written(client.mine) == untouched


def test_another_account_s_id_is_answered_word_for_word_as_a_missing_one(client: Client) -> None:
    foreign, nobody = (client.get(f"keywords/{row}") for row in (client.foreign["id"], NOBODY))
    said = [answer.json() | {"request_id": "", "instance": ""} for answer in (foreign, nobody)]
    said[0]["detail"] = said[0]["detail"].replace(client.foreign["id"], str(NOBODY))
    assert foreign.status_code == nobody.status_code == 404
    assert said[0] == said[1]


def test_a_run_that_costs_more_than_there_is_says_how_much_is_missing(client: Client) -> None:
    poor, before = client.poor, written(client.poor)
    quote = poor.quote()
    assert quote["limit_credits"] > quote["available_credits"] == 50
    sender = client.with_key(poor.secret).of(poor)
    case = Bad("", lambda c: c.post("runs", {"quote_id": quote["id"]}), 402, "INSUFFICIENT_CREDITS", "", "Buy credits")
    answer = case.send(sender)
    check(answer, case)
    facts = answer.json()["metadata"]
    assert (facts["needed"], facts["available"]) == (str(quote["limit_credits"]), "50")
    assert written(poor) == before


def test_a_second_automation_run_of_the_site_is_told_which_one_is_in_the_way(client: Client) -> None:
    other = client.other
    assert other.upload(EXAMPLE)["status"] == "completed"
    first, second = (other.quote(max_clusters=5, max_articles=5)["id"] for _ in range(2))
    run = other.api.post(other.path("runs"), {"quote_id": first})
    before = other.api.count(other.path("runs"))
    case = Bad("", lambda c: c.post("runs", {"quote_id": second}), 409, "RUN_ACTIVE", "", run["name"])
    check(case.send(client.with_key(other.secret).of(other)), case)
    assert other.api.count(other.path("runs")) == before
    other.api.post(f"/v1/runs/{run['id']}:cancel")
    wait_for(lambda: other.api.get("/v1/billing/balance")["held"] == 0 or None, "the first run to let go", 20)
    assert other.api.get(f"/v1/runs/{run['id']}")["status"] == "cancelled"
