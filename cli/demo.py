"""The demo's story, told over REST alone: an account, a site, a keyword list, a quote, a run, and its books.

Nothing of it is special to the demo: every call is one that a connector or a script could make.
"""

import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from cli.api import Api, Json, Refused
from cli.errors import DemoFailed
from cli.follow import follow
from cli.home import Home, write_json
from cli.progress import RunProgress
from cli.screen import quote_table, stages_table
from cli.words import stage_name

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "home_coffee_semrush.csv"
INDUSTRY, SECTOR = "food-and-drink", "coffee-equipment"
PLAN = {
    "max_clusters": 40,
    "ideas_per_cluster": 3,
    "max_articles": 10,
    "images_per_article": 3,
    "auto_approve": True,
    "auto_publish": True,
}
FACTS_TIMEOUT_S = 30.0
PUBLISHED = ("published", "published_with_warnings")


@dataclass(frozen=True)
class Story:
    """Tells the demo to one gateway.

    Args:
        home: where the client's key and the operator's key are kept.
        api_url: the gateway.
        sites_url: where published pages are seen.
        console: where to.
        began: monotonic seconds of the command's start.
    """

    home: Home
    api_url: str
    sites_url: str
    console: Console
    began: float

    def tell(self) -> Json:
        """Go through all of it; the report.

        Raises:
            CommandError: something was refused, did not end well, or the books are wrong.
        """
        api, account = self._sign_up()
        self._assign_plan(account)
        wait_until("the plan's limits to arrive", lambda: api.get("/v1/account")["plan"] == "growth")
        site = self._create_site(api)
        write_json(self.home.client, {**_stored(self.home), "site": site["id"]})
        self._import(api, site["id"])
        run = self._run(api, site["id"])
        return self._close(api, site["id"], run)

    def _sign_up(self) -> tuple[Api, str]:
        email = f"demo-{secrets.token_hex(4)}@example.com"
        body = {"email": email, "password": secrets.token_urlsafe(18), "account_name": "Home Coffee Demo"}
        signed = Api(self.api_url).post("/v1/signup", body)
        person = Api(self.api_url, signed["session"]["access_token"])
        key = person.post("/v1/api-keys", {"name": "igny8 demo", "scopes": ["read", "write", "manage"]})["secret"]
        write_json(self.home.client, {"api_key": key})
        self.console.print(f"Signed up {email}.", highlight=False)
        return Api(self.api_url, key), signed["account"]["id"]

    def _assign_plan(self, account: str) -> None:
        operator = Api(self.api_url, self.home.operator_key.read_text().strip(), account=account)
        wait_until("the account's credits", lambda: answers(operator, "/v1/billing/balance"))
        request = {"plan": "growth", "reason": "demo"}
        balance = operator.post("/v1/billing/plan:assign", request)["balance"]
        self.console.print(f"On the plan Growth with {balance['available']} credits.", highlight=False)

    def _create_site(self, api: Api) -> Json:
        industry = _one(api, "/v1/industries", "industries", INDUSTRY)
        sector = _one(api, "/v1/industry-sectors", "industry_sectors", SECTOR, industry_id=industry["id"])
        site = {
            "name": "Home Coffee",
            "domain": f"home-coffee-{secrets.token_hex(3)}.example",
            "industry_id": industry["id"],
            "platform": "sites",
            "language": "en",
        }
        made = api.post("/v1/sites", {"site": site, "industry_sector_ids": [sector["id"]]})
        api.post(f"/v1/sites/{made['id']}/integrations", {"platform": "sites"})
        self.console.print(f"Made the site {made['name']}, published by the built-in renderer.", highlight=False)
        return made

    def _import(self, api: Api, site: str) -> None:
        sector = next(api.all(f"/v1/sites/{site}/sectors", "sectors"))
        run = api.upload(f"/v1/sites/{site}/keyword-imports", EXAMPLE, filename=EXAMPLE.name, sector_id=sector["id"])
        _must_complete(_last(api, run["id"]))
        report = next(api.all(f"/v1/sites/{site}/keyword-imports", "keyword_imports"))
        self.console.print(
            f"Imported {EXAMPLE.name} ({report['layout']}): {report['created_count']} keywords, "
            f"{report['skipped_count']} lines skipped.",
            highlight=False,
        )

    def _run(self, api: Api, site: str) -> Json:
        quote = api.post(f"/v1/sites/{site}/runs:quote", {"plan": PLAN})
        self.console.print(quote_table(quote))
        run = api.post(f"/v1/sites/{site}/runs", {"quote_id": quote["id"]})
        with RunProgress(self.console) as progress:
            for state in follow(api, run["id"]):
                progress.show(state)
                run = state
        _must_complete(run)
        return run

    def _close(self, api: Api, site: str, run: Json) -> Json:
        published = wait_for_publications(api, site)
        ledger = api.get("/v1/billing/ledger:check")
        balance = api.get("/v1/billing/balance")
        made = {
            "keywords": api.count(f"/v1/sites/{site}/keywords"),
            "clusters": api.count(f"/v1/sites/{site}/clusters"),
            "ideas": api.count(f"/v1/sites/{site}/ideas"),
            "tasks": api.count(f"/v1/sites/{site}/tasks"),
            "contents": api.count(f"/v1/sites/{site}/contents"),
            "images": api.count(f"/v1/sites/{site}/images", 'status = "generated"'),
            "publications": len(published),
        }
        report = {
            **made,
            "credits_quoted": run["quoted_credits"],
            "credits_captured": run["captured_credits"],
            "credits_held": balance["held"],
            "ledger_ok": ledger["ok"],
            "site_url": site_root(published, self.sites_url),
            "seconds": round(time.monotonic() - self.began, 1),
        }
        self._show(run, made, report, balance)
        write_report(report)
        check(report, run, ledger["differences"])
        return report

    def _show(self, run: Json, made: Json, report: Json, balance: Json) -> None:
        self.console.print(stages_table(run))
        self.console.print(totals_table(made, report, balance["available"]))
        for stage in run["stages"]:
            if stage["left"]:
                line = f"The caps left {stage['left']} for another run: {stage_name(stage)}."
                self.console.print(line, highlight=False)
        self.console.print(f"The ledger check {'found no difference' if report['ledger_ok'] else 'FAILED'}.")
        self.console.print(f"Published site: {report['site_url']}", highlight=False, soft_wrap=True)
        self.console.print(f"API, to try out: {self.api_url}/docs", highlight=False, soft_wrap=True)
        self.console.print(f"It all took {report['seconds']} s.", highlight=False)


def totals_table(made: Json, report: Json, left: int) -> Table:
    """Return what was made and what it cost."""
    table = Table(title="Made", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, count in made.items():
        table.add_row(name, str(count))
    table.add_section()
    for name, credits_ in (
        ("quoted, at most", report["credits_quoted"]),
        ("captured", report["credits_captured"]),
        ("left", left),
        ("held", report["credits_held"]),
    ):
        table.add_row(f"credits {name}", str(credits_))
    return table


def check(report: Json, run: Json, differences: list[str]) -> None:
    """Refuse an end that is not what it should be.

    Raises:
        DemoFailed: listing everything that is wrong.
    """
    wrong = list(differences) if not report["ledger_ok"] else []
    if report["credits_held"] != 0:
        wrong.append(f"{report['credits_held']} credits are still held")
    if report["credits_captured"] > report["credits_quoted"]:
        wrong.append("more was captured than quoted")
    wrong += [
        f"nothing was made: {name}" for name in ("clusters", "ideas", "contents", "publications") if not report[name]
    ]
    wrong += [f"{stage['failed']} steps of {stage['function']} failed" for stage in run["stages"] if stage["failed"]]
    if wrong:
        raise DemoFailed("The demo did not end as it should: " + "; ".join(wrong) + ".")


def write_report(report: Json) -> None:
    """Write the report where DEMO_REPORT says, if it does."""
    path = os.environ.get("DEMO_REPORT")
    if path:
        Path(path).write_text(json.dumps(report, indent=1) + "\n")


def site_root(publications: list[Json], sites_url: str) -> str:
    """Return the address of the published site's first page: what its publications' addresses have in common."""
    urls = [publication["external_url"] for publication in publications if publication["external_url"]]
    if not urls:
        return sites_url
    first = urlsplit(urls[0])
    folders = [urlsplit(url).path.strip("/").split("/")[:-1] for url in urls]
    common = [parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))]
    return f"{first.scheme}://{first.netloc}/" + "".join(f"{part}/" for part in common)


def wait_for_publications(api: Api, site: str) -> list[Json]:
    """Return the site's finished publications once none is under way."""
    rows: list[Json] = []

    def settled() -> bool:
        rows[:] = api.all(f"/v1/sites/{site}/publications", "publications")
        return all(row["status"] not in {"pending", "publishing"} for row in rows)

    wait_until("the publications to end", settled)
    return [row for row in rows if row["status"] in PUBLISHED]


def wait_until(what: str, condition: Callable[[], bool], timeout_s: float = FACTS_TIMEOUT_S) -> None:
    """Wait for a fact that travels between services.

    Raises:
        DemoFailed: it did not arrive in time.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailed(f"Waited {timeout_s:.0f} s for {what}; see the logs of billing and orchestrator.")
        time.sleep(0.1)


def answers(api: Api, path: str) -> bool:
    """Return whether a row is there by now."""
    try:
        api.get(path)
    except Refused as error:
        if error.reason in {"NO_CREDIT_ACCOUNT", "NOT_FOUND"}:
            return False
        raise
    return True


def _one(api: Api, path: str, field: str, slug: str, **only: str) -> Json:
    for row in api.all(path, field):
        if row["slug"] == slug and all(row[name] == value for name, value in only.items()):
            return row
    raise DemoFailed(f"The catalogue has no {slug!r} in {path}; are identity's migrations complete?")


def _last(api: Api, run_id: str) -> Json:
    return list(follow(api, run_id))[-1]


def _must_complete(run: Json) -> None:
    if run["status"] != "completed":
        why = run["error"] or run["pause_reason"] or "see its events"
        raise DemoFailed(f"{run['name']} is {run['status']}: {why}.")


def _stored(home: Home) -> Json:
    content: Json = json.loads(home.client.read_text())
    return content
