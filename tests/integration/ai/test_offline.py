"""Calls without any model configured: recorded, answered again, kept apart."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from igny8.ai.v1 import ai_pb2, ai_service_pb2
from PIL import Image

from chassis.errors import Fault
from chassis.ids import new_id
from chassis.testing.service import a_site
from services.planner.ideas import ANSWER_SCHEMA
from tests.integration.ai.conftest import IDEAS, Account, Ai, a_job, a_picture, refused

OWN_TEXT = "# system\n\nBe brief.\n\n# user\n\nPropose {{count}} ideas. {{cluster}}"


class TestComplete:
    def test_answers_what_the_owner_of_the_function_asked_for(self, account: Account) -> None:
        answer = account.complete(job=a_job(schema=ANSWER_SCHEMA))
        assert len(json.loads(answer.text)["ideas"]) == 3
        assert (answer.provenance.provider, answer.provenance.model) == ("offline", "offline-1")
        assert answer.provenance.template == "generate_ideas"
        assert answer.provenance.template_version
        assert answer.provenance.output_tokens > 0

    def test_keeps_a_record_that_the_answer_points_at(self, account: Account) -> None:
        answer = account.complete("step:1")
        record = account.record()
        assert record.status == ai_pb2.AiCall.STATUS_SUCCEEDED
        assert (record.id, record.request_id) == (answer.provenance.call_id, "step:1")
        assert record.output_tokens == answer.provenance.output_tokens
        assert record.template_version == answer.provenance.template_version

    def test_answers_a_repeat_from_the_record(self, account: Account) -> None:
        first = account.complete("step:1")
        account.sql("UPDATE ai_call SET answer = jsonb_set(answer, '{text}', '\"as recorded\"')")
        assert account.complete("step:1").text == "as recorded"
        assert account.complete("step:2").text == first.text
        assert len(account.records()) == 2

    @pytest.mark.parametrize(
        "change",
        [
            {"variables": IDEAS | {"count": 4}},
            {"max_output_tokens": 401},
            {"schema": {"type": "object"}},
            {"prompt_override": OWN_TEXT},
            {"template": "generate_image_prompts"},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_refuses_a_request_id_with_another_body(self, account: Account, change: dict[str, Any]) -> None:
        account.complete("step:1")
        with refused("REQUEST_ID_REUSED"):
            account.complete("step:1", a_job(**change))
        assert account.record().status == ai_pb2.AiCall.STATUS_SUCCEEDED

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"template": "write_poem"}, "write_poem"),
            ({"variables": {"count": 3}}, "site"),
            ({"variables": IDEAS | {"cluster": 7}}, "variables_json"),
            ({"prompt_override": "no parts"}, "# system"),
        ],
    )
    def test_records_what_is_wrong_with_a_job(self, account: Account, change: dict[str, Any], says: str) -> None:
        for _ in range(2):  # asked, and answered from the record
            with refused("TEMPLATE_INVALID", says):
                account.complete("step:1", a_job(**change))
        assert account.record().status == ai_pb2.AiCall.STATUS_FAILED

    @pytest.mark.parametrize(
        "change",
        [
            {"variables_json": "[1]"},
            {"variables_json": "{"},
            {"variables_json": '{"a": "\\u0000"}'},
            {"variables_json": '{"a": "\\ud800"}'},
            {"variables_json": '{"a": NaN}'},
            {"variables_json": '{"a": 1e999}'},
            {"variables_json": "[" * 100_000},
            {"answer_schema_json": '{"type": "poem"}'},
            {"max_output_tokens": 0},
        ],
        ids=lambda change: repr(change)[:40],
    )
    def test_leaves_no_record_of_what_cannot_be_asked(self, account: Account, change: dict[str, Any]) -> None:
        job = a_job()
        for name, value in change.items():
            setattr(job, name, value)
        with refused("INVALID_ARGUMENT"):
            account.complete(job=job)
        assert account.records() == []

    @pytest.mark.parametrize("request_id", ["x" * 201, "two words", "line\nbreak", "Übung"])
    def test_refuses_a_request_id_that_no_header_could_carry(self, account: Account, request_id: str) -> None:
        with refused("INVALID_ARGUMENT"):
            account.complete(request_id)


class TestConcurrentCalls:
    def test_ask_once_and_agree(self, account: Account) -> None:
        with ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(account.complete, "step:1") for _ in range(8)]
        failures = [failure for call in calls if (failure := call.exception())]
        assert all(isinstance(failure, Fault) and failure.reason == "CALL_IN_FLIGHT" for failure in failures)
        assert len({call.result().text for call in calls if not call.exception()}) == 1
        assert account.record().status == ai_pb2.AiCall.STATUS_SUCCEEDED


class TestALeftRecord:
    """A process died in the middle of a call: its record is still in flight."""

    def leave(self, account: Account, *, seconds: int) -> None:
        account.complete("step:1")
        lease = "lease_until = now() + make_interval(secs => :seconds)"
        account.sql(f"UPDATE ai_call SET status = 'in_flight', answer = NULL, {lease}", seconds=seconds)  # noqa: S608 - both parts are constants

    def test_is_in_flight_until_its_lease_ends(self, account: Account) -> None:
        self.leave(account, seconds=60)
        with refused("CALL_IN_FLIGHT"):
            account.complete("step:1")

    def test_is_taken_over_after_its_lease(self, account: Account) -> None:
        self.leave(account, seconds=-1)
        assert json.loads(account.complete("step:1").text)["ideas"]
        assert account.record().status == ai_pb2.AiCall.STATUS_SUCCEEDED

    def test_is_not_taken_over_for_another_question(self, account: Account) -> None:
        self.leave(account, seconds=-1)
        with refused("REQUEST_ID_REUSED"):
            account.complete("step:1", a_job(max_output_tokens=401))
        assert account.record().status == ai_pb2.AiCall.STATUS_IN_FLIGHT


class TestDraw:
    def test_puts_a_whole_picture_where_the_answer_says(self, offline: Ai, account: Account) -> None:
        answer = account.draw("step:1")
        with Image.open(offline.objects / answer.object_key) as picture:
            picture.load()
            assert (picture.format, picture.size) == ("PNG", (320, 160))
        assert (answer.mime_type, answer.width, answer.height) == ("image/png", 320, 160)
        assert str(account.tenant.account_id) in answer.object_key

    def test_answers_a_repeat_from_the_record(self, offline: Ai, account: Account) -> None:
        key = account.draw("step:1").object_key
        (offline.objects / key).write_bytes(b"as it was left")
        assert account.draw("step:1").object_key == key
        assert (offline.objects / key).read_bytes() == b"as it was left"

    def test_fails_for_good_when_the_picture_cannot_be_stored(self, offline: Ai) -> None:
        account = offline.account()
        blocked = offline.objects / "images" / str(account.tenant.account_id)
        blocked.parent.mkdir(exist_ok=True)
        blocked.touch()  # a file where a folder has to be: fails under root too
        for _ in range(2):
            with refused("INTERNAL"):
                account.draw("step:1")
        record = account.record()
        assert (record.status, record.error_reason) == (ai_pb2.AiCall.STATUS_FAILED, "INTERNAL")
        assert record.provider == "offline"
        blocked.unlink()
        assert account.draw("step:2").object_key

    @pytest.mark.parametrize("change", [{"prompt": " "}, {"width": 63}, {"height": 4097}])
    def test_refuses_what_cannot_be_drawn(self, account: Account, change: dict[str, Any]) -> None:
        with refused("INVALID_ARGUMENT"):
            account.draw(job=a_picture(**change))


class TestEmbed:
    def test_says_which_setting_is_missing(self, account: Account) -> None:
        with refused("NO_MODEL", "AI_EMBEDDING_MODEL"):
            account.embed("moka pot")


class TestAnotherTenant:
    def test_uses_the_same_request_id_for_itself(self, offline: Ai, account: Account) -> None:
        other = offline.account()
        mine, theirs = account.complete("step:1"), other.complete("step:1")
        assert mine.provenance.call_id != theirs.provenance.call_id
        assert [record.id for record in other.records()] == [theirs.provenance.call_id]

    def test_sees_no_record_of_mine(self, offline: Ai, account: Account) -> None:
        call_id, other = account.complete().provenance.call_id, offline.account()
        for unknown in (call_id, str(new_id())):
            request = ai_service_pb2.GetAiCallRequest(site_id=str(other.tenant.site_id), ai_call_id=unknown)
            with refused("NOT_FOUND"):
                other.caller.call(offline.stub.GetAiCall, request)
        assert other.sql("SELECT 1 FROM ai_call") == []

    @pytest.mark.parametrize("seconds", [60, -60])
    def test_at_my_other_site_cannot_take_a_request_id_over(self, account: Account, seconds: int) -> None:
        TestALeftRecord().leave(account, seconds=seconds)
        elsewhere = account.at(a_site())
        with refused("REQUEST_ID_REUSED"):
            elsewhere.complete("step:1")
        assert elsewhere.records() == []


class TestWhoMayCall:
    @pytest.mark.parametrize("scopes", [("read",), ("write", "manage")])
    def test_only_the_engine_spends(self, account: Account, scopes: tuple[str, ...]) -> None:
        person = Account(account.ai, account.caller.allowed(*scopes))
        for ask in (person.complete, person.draw, lambda: person.embed("moka pot")):
            with refused("PERMISSION_DENIED"):
                ask()


class TestListAiModels:
    def test_names_what_the_platform_offers(self, account: Account) -> None:
        models = account.caller.call(account.ai.stub.ListAiModels, ai_service_pb2.ListAiModelsRequest()).ai_models
        assert {(model.provider, model.kind) for model in models} == {
            ("offline", ai_pb2.AiModel.KIND_TEXT),
            ("offline", ai_pb2.AiModel.KIND_IMAGE),
        }
