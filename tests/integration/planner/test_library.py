"""The platform's library as operators change it: a file is looked at, and then written as it was looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from igny8.planner.v1 import planner_pb2
from igny8.planner.v1 import planner_service_pb2 as service

from chassis.errors import Fault, Kind
from chassis.ids import new_id
from chassis.passport import Passport, SectorClaim, SiteClaim
from chassis.testing.service import Caller, a_passport
from services.planner.exports import PIECE_LINES
from tests.integration.planner.conftest import Account, Planner
from tests.integration.planner.test_imports import at_once
from tests.integration.planner.test_keywords import refused

Sector = service.PreviewLibraryImportRequest.CatalogueSector
Outcome = planner_pb2.LibraryChangeLine.Outcome


@dataclass(frozen=True)
class Operator:
    """A member of the platform's staff who acts for no account, at a sector of the catalogue that nobody else uses."""

    planner: Planner
    caller: Caller
    industry: UUID = field(default_factory=new_id)
    sector: UUID = field(default_factory=new_id)

    @property
    def name(self) -> str:
        return self.caller.passport.actor

    @property
    def catalogue(self) -> list[Sector]:
        place = {"industry_id": str(self.industry), "industry_slug": "food", "industry_name": "Food & drink"}
        return [Sector(id=str(self.sector), slug="coffee", name="Coffee & tea", **place)]

    def call(self, method: str, request: Any) -> Any:
        return self.caller.call(getattr(self.planner.stub, method), request)

    def upload(self, text: str) -> str:
        key = f"imports/library/{new_id()}"
        self.planner.objects.put(key, text.encode())
        return key

    def preview(self, text: str, **more: Any) -> Any:
        request = {"object_key": self.upload(text), "filename": "library.csv", "catalogue": self.catalogue} | more
        return self.call("PreviewLibraryImport", service.PreviewLibraryImportRequest(**request))

    def apply(self, change: Any) -> Any:
        return self.call("ApplyLibraryChange", service.ApplyLibraryChangeRequest(library_change_id=change.id))

    def bring(self, text: str) -> Any:
        return self.apply(self.preview(text))

    def export(self, **query: str) -> str:
        """The sector's keywords as a file."""
        query = {"filter": f'industry_sector_id = "{self.sector}"'} | query
        text: str = ""
        token = ""
        while True:
            piece = self.call("ExportSeedKeywords", service.ExportSeedKeywordsRequest(page_token=token, **query))
            text, token = text + piece.csv, piece.next_page_token
            if not token:
                return text

    def lines(self, change: Any, outcome: str = "") -> Sequence[Any]:
        where = f'library_change_id = "{change.id}"' + (f' AND outcome = "{outcome}"' if outcome else "")
        request = service.ListLibraryChangeLinesRequest(filter=where, order_by="line", page_size=1000)
        return list(self.call("ListLibraryChangeLines", request).library_change_lines)

    def library(self) -> dict[str, Any]:
        """The sector's keywords as every account sees them."""
        request = service.ListSeedKeywordsRequest(filter=f'industry_sector_id = "{self.sector}"', page_size=1000)
        seen = self.planner.account().call("ListSeedKeywords", request)
        return {seed.text: seed for seed in seen.seed_keywords}

    def customer(self) -> Account:
        """An account whose site has the operator's sector."""
        site = SiteClaim(new_id(), self.industry, (SectorClaim(new_id(), self.sector, "Coffee"),), "Corner")
        return Account(self.planner, self.planner.running.caller(a_passport(site=site)))


def counts(change: Any) -> tuple[int, int, int, int]:
    return change.new_count, change.updated_count, change.unchanged_count, change.wrong_count


@pytest.fixture
def operator(planner: Planner) -> Operator:
    passport = Passport(frozenset({"operator"}), actor_kind="operator", actor_id=str(new_id()))
    return Operator(planner, planner.running.caller(passport))


HEAD = "keyword,volume,difficulty,intent,country,industry,sector\n"
FILE = HEAD + (
    "Moka Pot,700,12.5,commercial,US,Food & drink,Coffee & tea\n"
    "aeropress,500,,,,,coffee\n"
    "v60,many,,,,,coffee\n"
    "kettle,5,,,,,nowhere\n"
)


class TestPreview:
    def test_it_tells_what_would_be_done_and_does_nothing(self, operator: Operator) -> None:
        change = operator.preview(FILE)
        assert counts(change) == (2, 0, 0, 2)
        assert (change.kind, change.status, change.line_count) == (
            planner_pb2.LibraryChange.KIND_IMPORT,
            planner_pb2.LibraryChange.STATUS_PREVIEWED,
            4,
        )
        assert (change.filename, change.layout, change.created_by) == ("library.csv", "igny8_library", operator.name)
        assert not change.HasField("apply_time")
        assert operator.library() == {}

    def test_each_line_is_listed_with_old_and_new_figures(self, operator: Operator) -> None:
        operator.bring(FILE)
        change = operator.preview(HEAD + "moka pot,900,,,,,coffee\naeropress,500,,,,,coffee\nchemex,1,,,,,coffee\n")
        assert counts(change) == (1, 1, 1, 0)
        changed, same, new = operator.lines(change)
        assert [line.outcome for line in (changed, same, new)] == [
            *(Outcome.OUTCOME_UPDATED, Outcome.OUTCOME_UNCHANGED, Outcome.OUTCOME_NEW)
        ]
        assert (changed.old_volume, changed.volume) == (700, 900)
        assert (changed.old_difficulty, changed.difficulty) == (12.5, 12.5)
        assert changed.intent == changed.old_intent == planner_pb2.INTENT_COMMERCIAL
        assert changed.seed_keyword_id == operator.library()["Moka Pot"].id
        assert not new.HasField("old_volume")
        assert [line.text for line in operator.lines(change, "updated")] == ["moka pot"]

    def test_a_wrong_line_says_why(self, operator: Operator) -> None:
        number, place = operator.lines(operator.preview(FILE), "wrong")
        assert (number.line, number.reason, number.detail, number.text) == (4, "bad_number", "volume: many", "v60")
        assert (place.line, place.reason) == (5, "unknown_sector")
        assert "nowhere" in place.detail

    def test_a_sector_may_be_said_for_the_whole_file(self, operator: Operator) -> None:
        change = operator.preview("keyword\nmoka pot\naeropress\n", sector="Coffee & tea")
        assert counts(change) == (2, 0, 0, 0)
        fault = refused(operator.preview, "keyword\nmoka pot\naeropress\n")
        assert (fault.code, fault.violations[0].field) == (Kind.INVALID_ARGUMENT, "sector")

    def test_a_request_id_looks_once(self, operator: Operator) -> None:
        key = operator.upload(FILE)
        first = operator.preview("", object_key=key, request_id=f"r-{key}")
        assert operator.preview("", object_key=key, request_id=f"r-{key}") == first
        fault = refused(operator.preview, "", object_key=key, filename="other.csv", request_id=f"r-{key}")
        assert fault.reason == "REQUEST_ID_REUSED"

    @pytest.mark.parametrize(
        ("text", "reason"),
        [("", "EMPTY_FILE"), ("foo,bar\n1,2\n", "UNKNOWN_LAYOUT"), ("PK\x03\x04zip", "NOT_TEXT")],
    )
    def test_a_file_that_is_none_is_refused_whole(self, operator: Operator, text: str, reason: str) -> None:
        assert refused(operator.preview, text).reason == reason

    @pytest.mark.parametrize("key", ["imports/library/../x", "imports/library", "images/x"])
    def test_nothing_but_an_upload_for_the_library_is_read(self, operator: Operator, key: str) -> None:
        assert refused(operator.preview, "", object_key=key).violations[0].field == "object_key"
        gone = f"imports/library/{new_id()}"
        assert refused(operator.preview, "", object_key=gone).reason == "WRONG_STATE"


class TestApply:
    def test_what_was_looked_at_is_written(self, operator: Operator) -> None:
        change = operator.preview(FILE)
        done = operator.apply(change)
        assert (done.status, done.applied_by) == (planner_pb2.LibraryChange.STATUS_APPLIED, operator.name)
        library = operator.library()
        assert set(library) == {"Moka Pot", "aeropress"}
        moka = library["Moka Pot"]
        assert (moka.volume, moka.difficulty, moka.intent, moka.country) == (
            *(700, 12.5, planner_pb2.INTENT_COMMERCIAL, "US"),
        )
        assert (moka.industry_id, moka.industry_sector_id) == (str(operator.industry), str(operator.sector))
        assert next(line.seed_keyword_id for line in operator.lines(done, "new")) == moka.id

    def test_what_a_file_does_not_state_stays(self, operator: Operator) -> None:
        operator.bring(FILE)
        operator.bring(HEAD + "moka pot,900,,,,,coffee\n")
        moka = operator.library()["Moka Pot"]
        assert (moka.volume, moka.difficulty, moka.country) == (900, 12.5, "US")

    def test_the_same_file_twice_changes_nothing(self, operator: Operator) -> None:
        operator.bring(FILE)
        before = operator.library()
        again = operator.preview(FILE)
        assert counts(again) == (0, 0, 2, 2)
        operator.apply(again)
        assert operator.library() == before

    def test_applying_twice_is_once(self, operator: Operator) -> None:
        change = operator.preview(FILE)
        first = operator.apply(change)
        operator.bring(HEAD + "moka pot,900,,,,,coffee\n")
        assert operator.apply(change) == first
        assert operator.library()["Moka Pot"].volume == 900
        assert at_once(3, lambda: operator.apply(change)) == [first] * 3

    @pytest.mark.parametrize("meanwhile", ["moka pot,1,,,,,coffee\n", "Moka Pot,700,12.5,commercial,US,,coffee\n"])
    def test_a_library_that_has_changed_since_is_not_written_over(self, operator: Operator, meanwhile: str) -> None:
        change = operator.preview(FILE)  # both add the keyword meanwhile: it would not be new any more
        operator.bring(HEAD + meanwhile)
        before = operator.library()
        fault = refused(operator.apply, change)
        assert (fault.reason, fault.code, fault.metadata["lines"]) == (
            *("PREVIEW_OUTDATED", Kind.FAILED_PRECONDITION, "1"),
        )
        assert operator.library() == before

    def test_a_change_of_other_keywords_is_no_matter(self, operator: Operator) -> None:
        operator.bring(FILE)
        change = operator.preview(HEAD + "moka pot,900,,,,,coffee\n")
        operator.bring(HEAD + "aeropress,1,,,,,coffee\n")
        operator.apply(change)
        assert operator.library()["Moka Pot"].volume == 900

    def test_of_two_looked_at_together_one_is_written(self, operator: Operator) -> None:
        changes = [operator.preview(FILE), operator.preview(HEAD + "moka pot,1,,,,,coffee\n")]

        def write() -> str:
            try:
                operator.apply(changes.pop())
            except Fault as fault:
                return fault.reason
            return "written"

        assert sorted(at_once(2, write)) == ["PREVIEW_OUTDATED", "written"]

    def test_nothing_is_not_there(self, operator: Operator) -> None:
        request = service.ApplyLibraryChangeRequest(library_change_id=str(new_id()))
        assert refused(operator.call, "ApplyLibraryChange", request).code is Kind.NOT_FOUND

    def test_many_lines_are_one_change(self, operator: Operator) -> None:
        text = HEAD + "".join(f"keyword {number},{number},,,,,coffee\n" for number in range(3_000))
        assert counts(operator.bring(text)) == (3_000, 0, 0, 0)
        assert counts(operator.preview(text)) == (0, 0, 3_000, 0)


class TestWhatFollows:
    def test_keywords_without_figures_of_their_own_and_their_clusters_follow(self, operator: Operator) -> None:
        texts = ("moka pot", "moka pot gasket", "moka pot size", "moka pot steel", "moka pot cups")
        operator.bring(HEAD + "".join(f"{text},10,20,,,,coffee\n" for text in texts))
        customer = operator.customer()
        customer.add(*texts[:4], volume=None)
        customer.add(texts[4], volume=7, difficulty=50.0)  # his own, which stay
        customer.cluster()
        (cluster,) = customer.rows("Clusters")
        assert (cluster.volume, cluster.difficulty) == (47, 26)
        operator.bring(HEAD + "".join(f"{text},100,40,,,,coffee\n" for text in texts))
        (cluster,) = customer.rows("Clusters")
        assert (cluster.volume, cluster.difficulty) == (407, 42)
        figures = {keyword.text: (keyword.volume, keyword.difficulty) for keyword in customer.rows("Keywords")}
        assert figures == dict.fromkeys(texts[:4], (100, 40)) | {texts[4]: (7, 50)}


class TestExport:
    def test_what_is_written_is_read_again_as_it_is(self, operator: Operator) -> None:
        operator.bring(FILE + "=danger,5,,,,,coffee\n")
        operator.customer().add("grandma's coffee")  # his own, which is nobody else's business
        text = operator.export()
        assert text.startswith("keyword,volume,difficulty,intent,country,industry,sector\r\n")
        assert f"Moka Pot,700,12.5,commercial,US,{operator.industry},{operator.sector}\r\n" in text
        assert "grandma" not in text
        assert counts(operator.preview(text)) == (0, 0, 3, 0)

    def test_a_filter_and_an_order_are_honoured(self, operator: Operator) -> None:
        operator.bring(FILE)
        text = operator.export(filter=f'industry_sector_id = "{operator.sector}" AND volume < 700', order_by="volume")
        assert [line.split(",")[0] for line in text.splitlines()] == ["keyword", "aeropress"]
        assert refused(operator.export, filter="nonsense = 1").violations[0].field == "filter"

    def test_it_comes_in_pieces(self, operator: Operator) -> None:
        operator.bring(HEAD + "".join(f"keyword {number},,,,,,coffee\n" for number in range(PIECE_LINES + 5)))
        assert len(operator.export().splitlines()) == PIECE_LINES + 6


class TestAudit:
    def test_changes_are_listed_with_who_and_when(self, operator: Operator) -> None:
        done = operator.bring(FILE)
        looked = operator.preview(FILE)
        second = replace(
            operator, caller=replace(operator.caller, passport=replace(operator.caller.passport, actor_id="x"))
        )
        second.apply(looked)
        request = service.ListLibraryChangesRequest(filter=f'created_by = "{operator.name}" AND status = "applied"')
        first, other = operator.call("ListLibraryChanges", request).library_changes
        assert first == done
        assert (other.created_by, other.applied_by) == (operator.name, "operator:x")
        got = operator.call("GetLibraryChange", service.GetLibraryChangeRequest(library_change_id=done.id))
        assert got == done

    def test_a_preview_is_forgotten_after_a_week_and_what_was_written_never(self, operator: Operator) -> None:
        looked, done, fresh = operator.preview(FILE), operator.bring(FILE), operator.preview(FILE)
        owner = sa.create_engine(operator.planner.owner_url)
        with owner.begin() as connection:
            connection.execute(
                sa.text("UPDATE library_change SET create_time = now() - interval '8 days' WHERE id = ANY(:ids)"),
                {"ids": [UUID(looked.id), UUID(done.id)]},
            )
        owner.dispose()
        operator.preview(FILE)
        listed = operator.call("ListLibraryChanges", service.ListLibraryChangesRequest(page_size=1000)).library_changes
        assert {looked.id, done.id, fresh.id} & {change.id for change in listed} == {done.id, fresh.id}
        assert operator.lines(looked) == []
        assert len(operator.lines(done)) == 4

    def test_the_service_itself_writes_nothing_without_an_operators_role(self, planner: Planner) -> None:
        with planner.database.untenanted() as connection, pytest.raises(sa.exc.ProgrammingError, match="denied"):
            connection.execute(sa.text("UPDATE seed_keyword SET volume = 1"))
        with planner.database.untenanted() as connection, pytest.raises(sa.exc.ProgrammingError, match="denied"):
            connection.execute(sa.text("SELECT * FROM library_change"))

    def test_nobody_but_an_operator_sees_or_changes_it(self, operator: Operator) -> None:
        change = operator.preview(FILE)
        customer = replace(operator, caller=operator.customer().caller.allowed("read", "write", "manage"))
        assert refused(customer.apply, change).code is Kind.PERMISSION_DENIED
        assert refused(customer.lines, change).code is Kind.PERMISSION_DENIED
        assert refused(customer.preview, FILE).code is Kind.PERMISSION_DENIED
