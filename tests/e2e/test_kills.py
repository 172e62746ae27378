"""Kill -9 in the middle of stage 4: worker, writer, PostgreSQL. Nobody touches anything; every run ends well."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.e2e.installation import EXAMPLE, Customer, Installation, a_customer, running, wait_for

ARTICLES = 20
PLAN = {"max_clusters": 27, "ideas_per_cluster": 5, "max_articles": ARTICLES}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("kills") / "igny8") as running_one:
        yield running_one


@pytest.fixture(scope="module")
def customer(installation: Installation) -> Customer:
    made = a_customer(installation, "kills")
    assert made.upload(EXAMPLE)["status"] == "completed"
    first = made.start(stages=[1, 2, 3], **PLAN)
    assert made.wait(first["id"])["status"] == "completed"
    return made


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["services.orchestrator work", "services.writer serve", "bin/postgres"])
def test_a_run_ends_well_although_a_process_is_killed_in_stage_four(
    installation: Installation, customer: Customer, victim: str
) -> None:
    before = customer.api.get("/v1/billing/balance")
    run = customer.start(stages=[4], **PLAN)
    wait_for(lambda: _written(customer, run["id"]) or None, "the first article", 60)
    assert installation.kill(victim) > 0
    done = customer.wait(run["id"])
    steps = [step for step in customer.steps(run["id"]) if step["function"] == "generate_content"]
    assert done["status"] == "completed"
    assert Counter(step["status"] for step in steps) == {"succeeded": ARTICLES}, [s["error"] for s in steps]
    assert _written(customer, run["id"]) == ARTICLES
    after = customer.api.get("/v1/billing/balance")
    assert after["held"] == 0
    captured = sum(step["credits"] for step in steps)
    assert done["captured_credits"] == captured == before["posted"] - after["posted"]
    check = customer.api.get("/v1/billing/ledger:check")
    assert check["ok"], check["differences"]


def test_every_task_was_written_once(customer: Customer) -> None:
    contents = Counter(c["task_id"] for c in customer.api.all(customer.path("contents"), "contents"))
    assert len(contents) == 3 * ARTICLES
    assert set(contents.values()) == {1}


def _written(customer: Customer, run_id: str) -> int:
    run = customer.api.get(f"/v1/runs/{run_id}")
    return int(run["stages"][0]["succeeded"])
