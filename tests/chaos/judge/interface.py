"""What the REST interface says of the books, against what lies in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import requests

from tests.chaos.judge.evidence import Evidence
from tests.chaos.judge.finding import Finding

ANSWER_S = 30.0


def findings(evidence: Evidence, api_url: str, operator_key: str) -> Sequence[Finding]:
    """Return where balance and books, as the interface tells them, differ from the rows."""
    return [Finding("drift", what) for what in _differences(evidence, api_url, operator_key)]


def _differences(evidence: Evidence, api_url: str, operator_key: str) -> Iterator[str]:
    for row in evidence["accounts"]:
        headers = {"Authorization": f"Bearer {operator_key}", "X-Igny8-Account": str(row["account_id"])}

        def get(path: str, headers: dict[str, str] = headers) -> requests.Response:
            return requests.get(f"{api_url}{path}", headers=headers, timeout=ANSWER_S)

        balance, books = get("/v1/billing/balance"), get("/v1/billing/ledger:check")
        if not balance.ok or not books.ok:
            yield f"account {row['account_id']}: the interface answers {balance.status_code} and {books.status_code}"
            continue
        told = (balance.json()["posted"], balance.json()["held"])
        if told != (row["posted"], row["held"]):
            yield f"account {row['account_id']}: the interface says {told}, the rows ({row['posted']}, {row['held']})"
        if not books.json()["ok"]:
            yield f"account {row['account_id']}: {books.json()['differences']}"
