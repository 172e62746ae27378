"""Files for the platform's library: shown to the planner with the catalogue, and kept no longer."""

from pathlib import Path

import pytest

from chassis.errors import FailedPrecondition
from gateway.library import PATH
from tests.integration.gateway.conftest import Client, House
from tests.integration.gateway.test_methods import refused

CSV = b"keyword,sector\nmoka pot,coffee\n"


@pytest.fixture
def staff(house: House) -> Client:
    return house.client("staff")


def stored(house: House) -> list[Path]:
    return [file for file in (house.objects / "imports" / "library").glob("*") if file.is_file()]


@pytest.mark.parametrize("way", ["raw", "form"])
def test_a_file_is_looked_at_beside_the_catalogue_and_not_kept(house: House, staff: Client, way: str) -> None:
    said = {"industry": "food", "sector": "coffee", "filename": "library.csv"}
    if way == "raw":
        answer = staff("POST", PATH, data=CSV, params=said, headers={"Content-Type": "text/csv"})
    else:
        answer = staff("POST", PATH, files={"file": ("x.csv", CSV)}, data=said)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/library-changes/{answer.json()['id']}"
    assert answer.json()["new_count"] == 1
    request, passport = house.planner.calls.last("PreviewLibraryImport")
    assert (passport.account_id, passport.actor_kind) == (None, "operator")
    assert (request.filename, request.industry, request.sector) == ("library.csv", "food", "coffee")
    (sector,) = request.catalogue
    assert (sector.slug, sector.name, sector.industry_slug, sector.industry_name) == (
        *("coffee", "Coffee & tea", "food", "Food"),
    )
    assert request.object_key.startswith("imports/library/")
    assert stored(house) == []


def test_a_repeat_under_one_key_is_the_same_request(house: House, staff: Client) -> None:
    def send(content: bytes) -> tuple[str, str]:
        answer = staff("POST", PATH, files={"file": content}, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 201
        request, _ = house.planner.calls.last("PreviewLibraryImport")
        return request.request_id, request.object_key

    first = send(CSV)
    assert send(CSV) == first
    assert send(CSV + b"kettle,coffee\n") != first


def test_what_the_planner_refuses_is_told_and_not_kept(
    house: House, staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.planner, "refuse", FailedPrecondition("No."))
    refused(staff("POST", PATH, files={"file": CSV}), 409, "WRONG_STATE")
    assert stored(house) == []


def test_nobody_but_an_operator_may(house: House, owner: Client) -> None:
    refused(owner("POST", PATH, files={"file": CSV}), 403, "PERMISSION_DENIED")
    refused(house.client("")("POST", PATH, files={"file": CSV}), 401, "UNAUTHENTICATED")


def test_an_empty_file_is_refused(staff: Client) -> None:
    refused(staff("POST", PATH, data=b"", headers={"Content-Type": "text/csv"}), 400, "INVALID_ARGUMENT")
