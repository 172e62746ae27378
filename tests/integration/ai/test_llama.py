"""llama.cpp's own server behind our service: what a stub would only claim."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from igny8.ai.v1 import ai_pb2

from chassis.errors import Fault
from chassis.testing.processes import free_address
from services.ai.domain import mismatch
from tests.integration.ai.conftest import IDEAS, SCHEMA, Account, Ai, Serve, a_job, refused
from tests.integration.ai.llama import CONTEXT_TOKENS, KEY


@pytest.fixture(scope="module")
def ai(serve: Serve, llama_url: str, llama_embedding_url: str) -> Iterator[Ai]:
    embedding = {"AI_EMBEDDING_MODEL": "tiny", "AI_EMBEDDING_BASE_URL": llama_embedding_url}
    with serve(AI_MODEL="tiny", AI_BASE_URL=llama_url, AI_API_KEY=KEY, AI_EMBEDDING_API_KEY=KEY, **embedding) as ai:
        yield ai


@pytest.fixture
def customer(ai: Ai) -> Account:
    return ai.account()


class TestComplete:
    def test_has_the_schema_enforced_by_the_server(self, customer: Account) -> None:
        for count in (3, 4, 5):
            answer = customer.complete(job=a_job(schema=SCHEMA, variables=IDEAS | {"count": count}))
            assert mismatch(json.loads(answer.text), SCHEMA, "answer") == ""
            assert answer.provenance.provider == "openai"

    def test_counts_what_the_server_counted(self, customer: Account) -> None:
        answer = customer.complete(job=a_job(schema=SCHEMA))
        record = customer.record()
        assert 1000 < answer.provenance.input_tokens < CONTEXT_TOKENS
        assert len(answer.text) / 2 < answer.provenance.output_tokens <= 400
        assert (record.input_tokens, record.output_tokens) == (
            answer.provenance.input_tokens,
            answer.provenance.output_tokens,
        )

    def test_sees_that_an_answer_was_cut_off(self, customer: Account) -> None:
        with refused("ANSWER_TRUNCATED", "after 6 tokens"):
            customer.complete(job=a_job(schema=SCHEMA, max_output_tokens=6))
        assert customer.record().output_tokens == 6

    def test_says_that_a_prompt_is_too_long_for_the_model(self, customer: Account) -> None:
        with refused("PROVIDER_REFUSED", "exceeds the available context size"):
            customer.complete(job=a_job(variables=IDEAS | {"existing_titles": ["A long title"] * 800}))

    def test_says_that_the_server_draws_no_pictures(self, serve: Serve, llama_url: str) -> None:
        with serve(AI_IMAGE_MODEL="tiny", AI_BASE_URL=llama_url, AI_API_KEY=KEY) as ai:
            with refused("PROVIDER_REFUSED", "Check AI_IMAGE_BASE_URL and AI_IMAGE_MODEL."):
                ai.account().draw()
            assert ai.account().complete().provenance.provider == "offline"  # a picture model alone writes nothing


class TestEmbed:
    def test_returns_a_vector_of_length_one_for_each_text(self, customer: Account) -> None:
        coffee, tea, again = customer.embed("moka pot", "green tea", "moka pot")
        assert len(coffee) == 32
        assert sum(part * part for part in coffee) == pytest.approx(1.0, abs=1e-5)
        assert coffee == pytest.approx(again, abs=1e-5)
        assert coffee != pytest.approx(tea, abs=1e-3)
        assert customer.record().input_tokens > 20


class TestWrongSettings:
    def test_a_wrong_key_is_named_and_not_shown(self, serve: Serve, llama_url: str) -> None:
        with serve(AI_MODEL="tiny", AI_BASE_URL=llama_url, AI_API_KEY="sk-wrong-one") as ai:
            account = ai.account()
            with refused("PROVIDER_REFUSED", "Check AI_API_KEY.") as failed:
                account.complete()
            assert "sk-wrong-one" not in failed.value.message + account.record().error

    @pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
    def test_a_server_that_is_not_there_is_unavailable_with_a_hint(
        self, serve: Serve, host: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        port = free_address().split(":")[1]
        with serve(AI_MODEL="tiny", AI_BASE_URL=f"http://user:pass-canary@{host}:{port}/v1") as ai:
            account = ai.account()
            with caplog.at_level("INFO"), refused("PROVIDER_UNAVAILABLE", "AI_BASE_URL") as failed:
                account.complete()
            record = account.record()
            assert (record.status, record.error_reason) == (ai_pb2.AiCall.STATUS_FAILED, "PROVIDER_UNAVAILABLE")
        assert isinstance(failed.value, Fault)
        for where in (failed.value.message, record.error, caplog.text):
            assert "pass-canary" not in where
            assert host not in where
