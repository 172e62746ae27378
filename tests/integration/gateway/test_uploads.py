"""Keyword files on their way to the object store and into a run."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from chassis.errors import FailedPrecondition
from tests.integration.gateway.conftest import Client, House
from tests.integration.gateway.test_methods import refused

UNKNOWN = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
CSV = b"Keyword,Volume\nespresso machine,1200\n"


def path(house: House) -> str:
    return f"/v1/sites/{house.world.site_id}/keyword-imports"


def stored(house: House) -> list[Path]:
    return [file for file in house.objects.rglob("*") if file.is_file()]


@pytest.fixture
def sector(house: House) -> str:
    return str(house.world.sector_id)


class TestUpload:
    @pytest.mark.parametrize("way", ["form", "raw", "form with the sector in the query"])
    def test_a_file_is_stored_and_its_run_started(self, house: House, owner: Client, sector: str, way: str) -> None:
        if way == "raw":
            query = {"sector_id": sector, "filename": "C:\\exports\\coffee.csv"}
            answer = owner("POST", path(house), data=CSV, params=query, headers={"Content-Type": "text/csv"})
        elif way == "form":
            files = {"file": ("../coffee.csv", CSV, "text/csv")}
            answer = owner("POST", path(house), files=files, data={"sector_id": sector})
        else:
            answer = owner("POST", path(house), files={"file": ("coffee.csv", CSV)}, params={"sector_id": sector})
        assert answer.status_code == 202
        assert answer.headers["location"] == f"/v1/runs/{answer.json()['id']}"
        request, passport = house.orchestrator.calls.last("StartRun")
        options = orjson.loads(request.plan.options_json)
        assert request.plan.function == "import_keywords"
        assert (options["filename"], options["sector_id"]) == ("coffee.csv", sector)
        assert options["object_key"].startswith(f"imports/{passport.account_id}/")
        assert (house.objects / options["object_key"]).read_bytes() == CSV

    def test_a_repeat_under_one_key_is_the_same_request(self, house: House, owner: Client, sector: str) -> None:
        def send(content: bytes) -> tuple[str, str]:
            parts = {"data": {"sector_id": sector}, "headers": {"Idempotency-Key": "k"}}
            assert owner("POST", path(house), files={"file": content}, **parts).status_code == 202
            request, _ = house.orchestrator.calls.last("StartRun")
            return request.request_id, request.plan.options_json

        first = send(CSV)
        assert send(CSV) == first
        assert send(CSV + b"latte,1\n") != first  # so that the orchestrator refuses the key


class TestRefusals:
    @pytest.mark.parametrize("sector_id", ["", "not-an-id", UNKNOWN])
    def test_a_sector_that_is_not_the_sites_is_named(self, house: House, owner: Client, sector_id: str) -> None:
        before = stored(house)
        answer = owner("POST", path(house), files={"file": CSV}, data={"sector_id": sector_id})
        document = refused(answer, 400, "INVALID_ARGUMENT")
        assert document["violations"][0]["field"] == "sector_id"  # type: ignore[index]  # it is a list of objects
        assert "Coffee machines" in str(document["detail"])
        assert stored(house) == before

    @pytest.mark.parametrize("way", ["form", "raw", "chunked"])
    def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(
        self, house: House, owner: Client, sector: str, way: str
    ) -> None:
        before, large = stored(house), b"x" * 3_000_000
        if way == "form":
            answer = owner("POST", path(house), files={"file": large}, data={"sector_id": sector})
        else:
            body: bytes | Iterator[bytes] = (
                large if way == "raw" else (large[at : at + 50_000] for at in range(0, 3_000_000, 50_000))
            )
            headers = {"Content-Type": "text/csv"}
            answer = owner("POST", path(house), data=body, params={"sector_id": sector}, headers=headers)
        refused(answer, 413, "BODY_TOO_LARGE")
        assert stored(house) == before

    def test_a_file_near_the_limit_passes_whole(self, house: House, owner: Client, sector: str) -> None:
        content = b"k\n" * 490_000
        answer = owner("POST", path(house), files={"file": content}, data={"sector_id": sector})
        assert answer.status_code == 202
        assert (house.objects / answer.json()["plan"]["options"]["object_key"]).stat().st_size == len(content)

    @pytest.mark.parametrize(
        ("body", "kind", "status", "reason"),
        [
            (b"", "text/csv", 400, "INVALID_ARGUMENT"),
            (b"{}", "application/json", 415, "UNSUPPORTED_MEDIA_TYPE"),
            (b"nonsense", "multipart/form-data; boundary=x", 400, "MALFORMED_BODY"),
            (b"nonsense", "multipart/form-data", 400, "MALFORMED_BODY"),
            (b"--x--\r\n", "multipart/form-data; boundary=x", 400, "INVALID_ARGUMENT"),
        ],
    )
    def test_what_is_no_file_is_refused(
        self, house: House, owner: Client, sector: str, body: bytes, kind: str, status: int, reason: str
    ) -> None:
        before = stored(house)
        answer = owner("POST", path(house), data=body, params={"sector_id": sector}, headers={"Content-Type": kind})
        refused(answer, status, reason)
        assert stored(house) == before

    def test_a_run_that_is_refused_leaves_no_file(self, house: House, owner: Client, sector: str) -> None:
        before = stored(house)
        house.orchestrator.refuse = FailedPrecondition("Not now.")
        try:
            answer = owner("POST", path(house), files={"file": CSV}, data={"sector_id": sector})
        finally:
            house.orchestrator.refuse = None
        refused(answer, 409, "WRONG_STATE")
        assert stored(house) == before

    def test_a_refusal_is_heard_while_a_large_file_is_still_sent(self, house: House, sector: str) -> None:
        answer = house.client("unknown")(
            "POST", path(house), files={"file": b"x" * 30_000_000}, data={"sector_id": sector}
        )
        refused(answer, 401, "INVALID_CREDENTIAL")

    def test_a_viewer_may_not(self, house: House, sector: str) -> None:
        answer = house.client("viewer")("POST", path(house), files={"file": CSV}, data={"sector_id": sector})
        refused(answer, 403, "PERMISSION_DENIED")
