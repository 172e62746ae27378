"""What importing keywords through REST costs against a bare COPY of the same rows.

`python -m bench.keyword_import_rest`: a whole installation runs as a user has it. A file is uploaded, and the clock
runs until the run that imports it is over. The COPY gets the rows ready-made, into the same database.
"""

import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psycopg

from bench.keyword_import import LINES, TABLES, copied, lines
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.tenancy import Tenant
from chassis.testing.service import a_passport, a_site
from tests.e2e.installation import Customer, a_customer, running

TURNS = 3
GOAL = 0.2


def main() -> None:
    """Print the ratios."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="igny8-bench-")))
        installation = stack.enter_context(running(folder / "igny8"))
        server = EmbeddedPostgres(installation.data / "postgres")
        admin = stack.enter_context(psycopg.connect(server.admin_url, dbname="planner", autocommit=True))
        file = folder / "bench.csv"
        file.write_bytes(b"".join(lines(LINES)))
        taken: dict[str, list[float]] = {name: [] for name in ("import", *TABLES)}
        for turn in range(TURNS):
            tenant = Tenant.of(a_passport(site=a_site()))
            for name, made in TABLES.items():
                taken[name].append(copied(admin, tenant, made))
            customer = a_customer(installation, f"bench-{turn}", plan="scale", max_keywords=2 * LINES, platforms=())
            taken["import"].append(_imported(customer, file))
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    print(f"import through REST, {LINES:,} lines: {medians['import']:.2f} s, median of {TURNS}")
    for name in TABLES:
        ratio = medians[name] / medians["import"]
        print(f"{ratio:5.2f} x: the speed of a COPY {name} ({medians[name]:.2f} s), goal {GOAL}")


def _imported(customer: Customer, file: Path) -> float:
    began = time.perf_counter()
    run = customer.upload(file)
    took = time.perf_counter() - began
    assert run["status"] == "completed", run["error"]
    assert customer.api.count(customer.path("keywords")) == LINES
    return took


if __name__ == "__main__":
    main()
