"""An OpenAI-compatible server as our service sees it: what it is asked, and every way it can answer."""

from __future__ import annotations

import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from igny8.ai.v1 import ai_pb2
from openai.types import CreateEmbeddingResponse, ImagesResponse
from openai.types.chat import ChatCompletion
from PIL import Image

from chassis.ids import new_id
from chassis.testing.model_server import ModelServer, Reply, chat, embeddings, failure, image
from chassis.testing.postgres import TemplateDatabases
from services.ai.offline.titlecard import draw
from tests.integration.ai.conftest import FITS, KEY, SCHEMA, Account, Serve, a_job, a_picture, refused

OWN_TEXT = "# system\n\nThe account's own words.\n\n# user\n\nPropose {{count}} ideas. {{cluster}}"
ITEM_TEXT = "# system\n\nThe item's own words.\n\n# user\n\nPropose {{count}} ideas. {{cluster}}"


def a_png(width: int, height: int) -> bytes:
    return draw("A moka pot", width, height, "Moka pots")


class TestTheStub:
    """It is held to the schema of the `openai` package."""

    def test_speaks_as_openai_does(self) -> None:
        for reply in (chat(FITS), chat(None, refusal="No."), chat("{", finish_reason="length")):
            assert ChatCompletion.model_validate_json(reply.body, strict=True).choices[0].message.role == "assistant"
        assert ImagesResponse.model_validate_json(image(a_png(64, 64)).body, strict=True).data
        assert len(CreateEmbeddingResponse.model_validate_json(embeddings([[1.0], [0.5]]).body, strict=True).data) == 2


class TestComplete:
    def test_asks_for_json_of_the_schema_under_our_key(self, customer: Account, stub: ModelServer) -> None:
        stub.will(chat(FITS))
        answer = customer.complete("step:1", a_job(schema=SCHEMA))
        (asked,) = stub.asked
        assert asked.path == "/v1/chat/completions"
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.headers["idempotency-key"] == "step:1"
        assert (asked.body["model"], asked.body["max_tokens"]) == ("stub-text", 400)
        assert asked.body["response_format"]["json_schema"]["schema"] == SCHEMA
        assert [message["role"] for message in asked.body["messages"]] == ["system", "user"]
        assert json.loads(answer.text) == json.loads(FITS)
        assert (answer.provenance.input_tokens, answer.provenance.output_tokens) == (11, 7)
        assert (answer.provenance.provider, answer.provenance.model) == ("openai", "stub-text-1")

    def test_prefers_the_items_words_to_the_accounts_to_the_platforms(
        self, customer: Account, stub: ModelServer
    ) -> None:
        stub.will(chat(FITS), chat(FITS), chat(FITS))
        customer.complete()
        customer.override(OWN_TEXT)
        customer.complete()
        customer.complete(job=a_job(prompt_override=ITEM_TEXT))
        said = [asked.body["messages"][0]["content"].split("\n")[0] for asked in stub.asked]
        assert said[0].startswith("You are the content strategist")
        assert said[1:] == ["The account's own words.", "The item's own words."]
        assert len({record.template_version for record in customer.records()}) == 3

    def test_answers_from_the_record_although_the_accounts_words_have_changed(
        self, customer: Account, stub: ModelServer
    ) -> None:
        stub.will(chat(FITS))
        first = customer.complete("step:1")
        customer.override("no template at all")
        assert customer.complete("step:1") == first

    @pytest.mark.parametrize(
        "text",
        [f"```json\n{FITS}\n```", f"Here you are:\n{FITS}\nEnjoy!", f"<think>Is {{this}} it?</think>\n{FITS}"],
    )
    def test_repairs_what_is_certain(self, customer: Account, stub: ModelServer, text: str) -> None:
        stub.will(chat(text))
        assert json.loads(customer.complete(job=a_job(schema=SCHEMA)).text) == json.loads(FITS)

    def test_two_at_once_under_one_request_id_ask_the_provider_once(self, customer: Account, stub: ModelServer) -> None:
        stub.will(replace(chat(FITS), after_s=0.3))
        with ThreadPoolExecutor(2) as pool:
            calls = [pool.submit(customer.complete, "step:1") for _ in range(2)]
            failures = [call.exception() for call in calls]
        assert [getattr(failed, "reason", None) for failed in sorted(failures, key=bool)] == [None, "CALL_IN_FLIGHT"]
        assert len(stub.asked) == 1
        assert customer.complete("step:1").text
        assert len(stub.asked) == 1


class TestASleepingProcess:
    """It wakes after its lease: another process has taken the record over and ended it."""

    @pytest.mark.parametrize(
        "late", [chat('{"title": "Late", "rank": 1}'), failure(500, "late")], ids=["answer", "failure"]
    )
    def test_answers_what_the_other_one_recorded(self, customer: Account, stub: ModelServer, late: Reply) -> None:
        stub.will(replace(late, after_s=0.5), chat(FITS))
        with ThreadPoolExecutor(1) as pool:
            sleeper = pool.submit(customer.complete, "step:1")
            wait_for(stub, requests=1)
            customer.sql("UPDATE ai_call SET lease_until = now() - interval '1 second'")
            answer = customer.complete("step:1")
            failed = sleeper.exception()
        # on a busy machine it may wake while the other one is still at it: then it says so, and is asked again
        assert failed is None or getattr(failed, "reason", "") == "CALL_IN_FLIGHT"
        assert (customer.complete("step:1") if failed else sleeper.result()) == answer
        assert json.loads(answer.text) == json.loads(FITS)
        assert customer.record().status == ai_pb2.AiCall.STATUS_SUCCEEDED
        first, second = stub.asked
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"], "a provider can tell a repeat"


class TestALostDatabase:
    def test_does_not_lose_what_was_paid_for(
        self, databases: TemplateDatabases, serve: Serve, stub: ModelServer
    ) -> None:
        stub.asked.clear()
        stub.will(replace(chat(FITS), after_s=0.3))
        with databases.fresh("ai") as urls, serve(urls, AI_MODEL="m", AI_BASE_URL=stub.base_url) as ai:
            customer = ai.account()
            with ThreadPoolExecutor(1) as pool:
                call = pool.submit(customer.complete, "step:1")
                wait_for(stub, requests=1)
                others = "datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
                assert customer.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")  # noqa: S608 - a constant
                assert json.loads(call.result().text) == json.loads(FITS)
            assert customer.record().status == ai_pb2.AiCall.STATUS_SUCCEEDED


def wait_for(stub: ModelServer, *, requests: int) -> None:
    until = time.monotonic() + 5
    while len(stub.asked) < requests:
        assert time.monotonic() < until, "the provider was not asked"
        time.sleep(0.01)


UNUSABLE: list[tuple[str, Reply, str, str]] = [
    ("cut off", chat('{"title": "Mo', finish_reason="length"), "ANSWER_TRUNCATED", "7 tokens"),
    ("refused", chat(None, refusal="I cannot."), "PROVIDER_REFUSED", "refused to answer"),
    ("filtered", chat("", finish_reason="content_filter"), "PROVIDER_REFUSED", "refused to answer"),
    ("broken", chat('{"title": "Mo'), "ANSWER_MALFORMED", "not JSON"),
    ("prose", chat("I would rather talk about tea."), "ANSWER_MALFORMED", "no JSON object"),
    ("silent", chat(None), "ANSWER_MALFORMED", "no JSON object"),
    ("two values", chat(f"{FITS}\n{FITS}"), "ANSWER_MALFORMED", "more than one"),
    ("a list", chat(f"[{FITS}]"), "ANSWER_MALFORMED", "more than one"),
    ("misfit", chat('{"title": "Moka pots"}'), "ANSWER_MALFORMED", "answer.rank is missing"),
    ("NUL", chat('{"title": "Moka\\u0000pots", "rank": 3}'), "ANSWER_MALFORMED", "NUL"),
    ("huge", chat('{"title": "' + "x" * 1_000_000 + '"}'), "ANSWER_MALFORMED", "1,000,"),
]


class TestAnUnusableAnswer:
    @pytest.mark.parametrize(("reply", "reason", "says"), [u[1:] for u in UNUSABLE], ids=[u[0] for u in UNUSABLE])
    def test_fails_for_good_and_is_booked_as_our_cost(
        self, customer: Account, stub: ModelServer, reply: Reply, reason: str, says: str
    ) -> None:
        stub.will(reply)
        for _ in range(2):  # asked, and answered from the record
            with refused(reason, says):
                customer.complete("step:1", a_job(schema=SCHEMA))
        record = customer.record()
        assert (record.status, record.error_reason) == (ai_pb2.AiCall.STATUS_FAILED, reason)
        assert (record.input_tokens, record.output_tokens, record.model) == (11, 7, "stub-text-1")
        assert customer.sql("SELECT answer FROM ai_call") == [(None,)]


HTML = Reply(b"<html>welcome</html>", headers={"Content-Type": "text/html"})
FAILED: list[tuple[str, Reply, str, str]] = [
    ("500 in prose", Reply(b"the model stumbled", 500), "PROVIDER_UNAVAILABLE", "failed with 500"),
    ("503", failure(503, "loading"), "PROVIDER_UNAVAILABLE", "failed with 503"),
    ("another page", HTML, "PROVIDER_UNAVAILABLE", "AI_BASE_URL"),
    ("a list", Reply(b"[]"), "PROVIDER_UNAVAILABLE", "not an object"),
    ("nothing", Reply(b"{}"), "PROVIDER_UNAVAILABLE", "choices[0].message"),
    ("no choice", Reply(b'{"choices": []}'), "PROVIDER_UNAVAILABLE", "choices[0].message"),
    ("odd choice", Reply(b'{"choices": ["x"]}'), "PROVIDER_UNAVAILABLE", "choices[0].message"),
    ("half an answer", Reply(chat(FITS).body[:60]), "PROVIDER_UNAVAILABLE", "not JSON"),
    ("deep", Reply(b"[" * 200_000), "PROVIDER_UNAVAILABLE", "not JSON"),
    ("elsewhere", Reply(b"", 307, {"Location": "http://127.0.0.1:9/v1"}), "PROVIDER_REFUSED", "307"),
    ("400", failure(400, "too long"), "PROVIDER_REFUSED", "too long"),
    ("401", failure(401, f"wrong key {KEY}"), "PROVIDER_REFUSED", "Check AI_API_KEY."),
    ("404", failure(404, "no such model"), "PROVIDER_REFUSED", "Check AI_BASE_URL and AI_MODEL."),
    ("400 with NUL", failure(400, "a\0b\nc"), "PROVIDER_REFUSED", "a b c"),
    ("no quota", failure(429, "pay", code="insufficient_quota"), "PROVIDER_REFUSED", "used up"),
    ("429", failure(429, "slow down"), "PROVIDER_RATE_LIMITED", "wait"),
    ("hang", Reply(chat(FITS).body, after_s=3), "PROVIDER_UNAVAILABLE", "in time"),
    ("drip", Reply(b" " * 100, every_s=0.1), "PROVIDER_UNAVAILABLE", "within 1 seconds"),
]


class TestAFailingServer:
    @pytest.mark.parametrize(("reply", "reason", "says"), [f[1:] for f in FAILED], ids=[f[0] for f in FAILED])
    def test_is_recorded_in_our_words_without_its_secrets(
        self,
        customer: Account,
        stub: ModelServer,
        caplog: pytest.LogCaptureFixture,
        reply: Reply,
        reason: str,
        says: str,
    ) -> None:
        stub.will(reply)
        with caplog.at_level("INFO"), refused(reason, says) as failed:
            customer.complete("step:1")
        record = customer.record()
        assert (record.status, record.error_reason) == (ai_pb2.AiCall.STATUS_FAILED, reason)
        stored = customer.sql("SELECT ai_call::text FROM ai_call")
        for where in (failed.value.message, record.error, caplog.text, str(stored)):
            assert KEY not in where
            assert stub.base_url not in where

    @pytest.mark.parametrize(("header", "wait_s"), [("7", 7), ("0.5", 0.5), ("9999", 300), ("nan", 5), ("soon", 5)])
    def test_that_is_busy_says_when_to_come_back(
        self, customer: Account, stub: ModelServer, header: str, wait_s: float
    ) -> None:
        stub.will(failure(429, "slow down", headers={"Retry-After": header}))
        with refused("PROVIDER_RATE_LIMITED") as failed:
            customer.complete()
        assert failed.value.retry_after_s == wait_s

    def test_is_asked_again_under_a_new_request_id(self, customer: Account, stub: ModelServer) -> None:
        stub.will(failure(503, "loading"), chat(FITS))
        with refused("PROVIDER_UNAVAILABLE"):
            customer.complete("step:1")
        assert customer.complete("step:2").text


class TestDraw:
    def test_cuts_the_picture_to_the_size_that_was_asked_for(self, customer: Account, stub: ModelServer) -> None:
        stub.will(image(a_png(300, 200)))
        answer = customer.draw("step:1", a_picture(width=200, height=100))
        (asked,) = stub.asked
        assert asked.path == "/v1/images/generations"
        assert (asked.body["model"], asked.body["size"], asked.body["n"]) == ("stub-image", "1536x1024", 1)
        with Image.open(customer.ai.objects / answer.object_key) as picture:
            assert (picture.format, picture.size) == ("PNG", (200, 100))
        assert answer.provenance.model == "stub-image"

    @pytest.mark.parametrize(
        ("model", "size", "form"),
        [("gpt-image-1", "1024x1536", None), ("dall-e-3", "1024x1792", "b64_json"), ("flux", "1024x1536", "b64_json")],
    )
    def test_asks_each_model_for_what_it_offers(
        self, serve: Serve, stub: ModelServer, model: str, size: str, form: str | None
    ) -> None:
        stub.asked.clear()
        stub.will(image(a_png(64, 64)))
        with serve(AI_IMAGE_MODEL=model, AI_BASE_URL=stub.base_url) as ai:
            ai.account().draw(job=a_picture(width=100, height=200))
        (asked,) = stub.asked
        assert (asked.body["size"], asked.body.get("response_format")) == (size, form)

    def test_takes_other_formats(self, customer: Account, stub: ModelServer) -> None:
        jpeg = io.BytesIO()
        Image.new("RGB", (64, 64), "teal").save(jpeg, "JPEG")
        stub.will(image(jpeg.getvalue()))
        answer = customer.draw()
        with Image.open(customer.ai.objects / answer.object_key) as picture:
            assert (picture.format, picture.size) == ("PNG", (320, 160))

    @pytest.mark.parametrize(
        "reply",
        [
            image(b"not a picture"),
            image(a_png(64, 64)[:-40]),
            image(b"GIF89a"),
            Reply(b'{"data": [{"b64_json": "*"}]}'),
            Reply(b'{"data": [{"url": "http://elsewhere.example/picture.png"}]}'),
            Reply(b'{"data": []}'),
        ],
        ids=["text", "half", "gif", "not base64", "an address", "nothing"],
    )
    def test_stores_nothing_that_is_no_whole_picture(self, customer: Account, stub: ModelServer, reply: Reply) -> None:
        stub.will(reply)
        with refused("PROVIDER_UNAVAILABLE"):
            customer.draw("step:1")
        assert customer.record().status == ai_pb2.AiCall.STATUS_FAILED
        assert not (customer.ai.objects / "images" / str(customer.tenant.account_id)).exists()


class TestEmbed:
    def test_returns_vectors_of_length_one_in_the_order_of_the_texts(
        self, customer: Account, stub: ModelServer
    ) -> None:
        stub.will(embeddings([[3.0, 4.0], [0.0, 2.0]]))
        first = customer.embed("moka pot", "tea", request_id="step:1")
        assert first == [pytest.approx([0.6, 0.8]), pytest.approx([0.0, 1.0])]
        assert customer.embed("moka pot", "tea", request_id="step:1") == first
        assert len(stub.asked) == 1
        assert customer.record().input_tokens == 5

    @pytest.mark.parametrize(
        ("reply", "reason"),
        [
            (embeddings([[1.0]]), "ANSWER_MALFORMED"),
            (embeddings([[1.0], [1.0, 2.0]]), "ANSWER_MALFORMED"),
            (embeddings([[0.0], [1.0]]), "ANSWER_MALFORMED"),
            (embeddings([[float("nan")], [1.0]]), "ANSWER_MALFORMED"),
            (Reply(b'{"data": [{"index": 0, "embedding": "AAAA"}]}'), "PROVIDER_UNAVAILABLE"),
            (Reply(b'{"data": 5}'), "PROVIDER_UNAVAILABLE"),
        ],
        ids=["too few", "unlike", "no direction", "NaN", "text", "a number"],
    )
    def test_refuses_vectors_that_cannot_be_compared(
        self, customer: Account, stub: ModelServer, reply: Reply, reason: str
    ) -> None:
        stub.will(reply)
        with refused(reason):
            customer.embed("moka pot", "tea")

    def test_refuses_too_many_texts(self, customer: Account) -> None:
        with refused("INVALID_ARGUMENT", "at most 256"):
            customer.embed(*["tea"] * 257)


class TestPrices:
    def test_a_call_costs_what_the_catalogue_says(
        self, customer: Account, stub: ModelServer, priced: dict[str, Any]
    ) -> None:
        stub.will(chat(FITS, model=priced["name"]), chat("{", model=priced["name"]))
        customer.complete()
        with refused("ANSWER_MALFORMED"):
            customer.complete()
        expected = -(-(11 * priced["input"] + 7 * priced["output"]) // 1_000_000)
        assert [record.cost_micros for record in customer.records()] == [expected, expected]

    def test_the_answer_says_so_each_time_it_is_given(
        self, customer: Account, stub: ModelServer, priced: dict[str, Any]
    ) -> None:
        stub.will(chat(FITS, model=priced["name"]))
        request_id = str(new_id())
        answers = [customer.complete(request_id) for _ in range(2)]
        expected = -(-(11 * priced["input"] + 7 * priced["output"]) // 1_000_000)
        assert [answer.cost_usd_micro for answer in answers] == [expected, expected]

    def test_a_model_without_a_price_says_nothing(self, customer: Account, stub: ModelServer) -> None:
        stub.will(chat(FITS))
        assert not customer.complete().HasField("cost_usd_micro")
