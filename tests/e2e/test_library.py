"""The platform's library from an operator's file to a customer's keywords, by the command and over REST."""

import os
import subprocess
from pathlib import Path

import pytest

from cli.api import Api, Refused
from tests.e2e.installation import Customer, Installation, a_customer
from tests.e2e.test_command import IGNY8, igny8

HEAD = "keyword,volume,difficulty,intent,country,industry,sector\n"
FILE = HEAD + (
    "Moka Pot,700,12.5,commercial,US,Food & drink,Coffee equipment\n"
    "moka pot gasket,300,,,,,coffee-equipment\n"
    "lawn mower,900,,,,home-and-garden,gardening\n"
    "kettle,many,,,,,coffee-equipment\n"
)


@pytest.fixture(scope="module")
def customer(installation: Installation) -> Customer:
    return a_customer(installation, "librarian", platforms=())


def operate(installation: Installation, *words: str) -> str:
    """Run a command of operators where the installation's own key is."""
    answer = subprocess.run(
        [IGNY8, "admin", "library", *words, "--data", str(installation.data)],
        env={**os.environ, "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_from_an_operators_file_to_a_customers_keywords(
    installation: Installation, customer: Customer, tmp_path: Path
) -> None:
    file, out = tmp_path / "library.csv", tmp_path / "out.csv"
    file.write_text(FILE)
    told = operate(installation, "import", str(file), "--preview")
    assert "library.csv: 4 lines: 3 new, 0 updated, 0 unchanged, 1 wrong." in told
    assert "line 5: wrong: bad_number: kettle: volume: many" in told
    assert "Moka Pot" not in igny8(customer, tmp_path, "seeds")  # nothing is written yet
    assert "Written: 3 new, 0 updated." in operate(installation, "import", str(file), "--yes")
    assert "There is nothing to write." in operate(installation, "import", str(file), "--yes")

    shown = igny8(customer, tmp_path, "seeds", "moka")
    assert "Moka Pot" in shown
    assert "lawn mower" not in shown
    assert "2 keywords added, 0 were there" in igny8(customer, tmp_path, "seeds", "moka", "--add")
    added = {row["text"]: row for row in customer.api.all(customer.path("keywords"), "keywords")}
    assert {text: row["volume"] for text, row in added.items()} == {"Moka Pot": 700, "moka pot gasket": 300}

    operate(installation, "export", str(out), "--filter", "volume >= 700")
    operate(installation, "import", str(out), "--yes")  # as it is
    assert len(out.read_text().splitlines()) == 3


def test_what_a_customer_adds_is_promoted(installation: Installation, customer: Customer, tmp_path: Path) -> None:
    own = customer.api.post(customer.path("keywords"), {"sector_id": customer.sector, "text": "Grandma's Pot"})
    ours = ("candidates", "--filter", 'text : "grandma"')  # other tests' customers add thousands
    listed = [line.split() for line in operate(installation, *ours).splitlines() if "grandma" in line]
    assert listed == [["grandma's", "pot", "coffee-equipment", "1"]]
    operate(installation, "promote", "coffee-equipment", "Grandma's Pot")
    assert "grandma" not in operate(installation, *ours)
    assert "Grandma's Pot" in igny8(customer, tmp_path, "seeds", "grandma")
    after = customer.api.get(customer.path(f"keywords/{own['id']}"))
    assert after["seed_keyword_id"] == own["seed_keyword_id"]


def test_nobody_else_may(customer: Customer, installation: Installation) -> None:
    for path in ("/v1/library-changes", "/v1/library-change-lines", "/v1/seed-candidates", "/v1/catalogue"):
        with pytest.raises(Refused) as refused:
            customer.api.get(path)
        assert refused.value.status == 403
    (change, *_) = Api(installation.api_url, installation.operator_key).get("/v1/library-changes")["library_changes"]
    assert change["created_by"].startswith("operator:")
