"""The moody model provider: what a caller sees of each mood, and that everything is counted under its key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from chassis.testing.model_provider import ModelProvider, Rates, model_provider
from chassis.testing.model_server import Asked, Reply, chat


def answer(asked: Asked) -> Reply:
    return chat(f'{{"to": "{asked.headers["idempotency-key"]}"}}')


def ask(provider: ModelProvider, key: str = "step:0") -> requests.Response:
    url = f"{provider.base_url}/chat/completions"
    return requests.post(url, json={"model": "m"}, headers={"Idempotency-Key": key}, timeout=5)


def moody(**rates: float) -> Iterator[ModelProvider]:
    with model_provider(answer, Rates(**rates), seed=1, slow_s=(0.0, 0.01)) as provider:
        yield provider


@pytest.mark.parametrize(
    ("mood", "status", "says"),
    [
        ("slow", 200, '{\\"to\\": \\"step:0\\"}'),
        ("limited", 429, "Too many requests"),
        ("failed", 500, "not there just now"),
        ("truncated", 200, '"finish_reason": "length"'),
        ("broken", 200, "half of it"),
    ],
)
def test_an_answer_in_a_mood(mood: str, status: int, says: str) -> None:
    for provider in moody(**{mood: 1.0}):
        said = ask(provider)
        assert (said.status_code, says in said.text) == (status, True), said.text
        assert provider.counted.moods == {"step:0": [mood]}


def test_who_is_limited_is_told_when_to_come_back() -> None:
    for provider in moody(limited=1.0):
        assert ask(provider).headers["Retry-After"] == "1"


@pytest.mark.parametrize("mood", ["dropped", "cut"])
def test_a_connection_that_ends_too_early(mood: str) -> None:
    for provider in moody(**{mood: 1.0}):
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            ask(provider)


def test_a_repeated_answer_is_somebody_elses() -> None:
    with model_provider(answer, Rates(repeated=0.5), seed=3) as provider:
        answers = [ask(provider, f"step:{n}").json()["choices"][0]["message"]["content"] for n in range(40)]
    moods = [provider.counted.moods[f"step:{n}"] for n in range(40)]
    assert {mood for (mood,) in moods} == {"well", "repeated"}
    last = ""
    for number in range(40):
        if moods[number] == ["well"]:
            last = f'{{"to": "step:{number}"}}'
        assert answers[number] == last


def test_requests_are_counted_by_their_keys() -> None:
    for provider in moody():
        for key in ("step:0", "step:1", "step:0"):
            assert ask(provider, key).ok
        assert (provider.counted.requests, provider.counted.repeats) == (3, 1)
        assert provider.counted.by_mood == {"well": 3}


@pytest.mark.parametrize("wrong", [{"slow": -0.1}, {"slow": 0.6, "cut": 0.6}])
def test_rates_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at most 1"):
        Rates(**wrong)


def test_a_seed_draws_the_same_moods() -> None:
    def moods(seed: int) -> list[str]:
        with model_provider(answer, Rates(failed=0.5), seed=seed) as provider:
            for number in range(20):
                ask(provider, str(number))
        return [mood for (mood,) in provider.counted.moods.values()]

    assert moods(5) == moods(5) != moods(6)
