"""Which pages are about the same, and what becomes of an idea beside them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chassis.ids import new_id
from services.planner.domain import Verdict
from services.planner.overlap import Page, judge, subject

A, B, C, D, E = (new_id() for _ in range(5))


def page(about: str = "moka pot", *, covered: tuple[object, ...] = (), written: bool = True, url: str = "") -> Page:
    return Page(new_id(), f"All of {about}", subject(about), frozenset(covered), written, url)  # type: ignore[arg-type]  # ids


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("best moka pot", "The best MOKA pots!"),
        ("best moka pot", "top moka pots 2026"),
        ("moka pot vs aeropress", "aeropress versus moka pot"),
        ("how to clean a moka pot", "cleaning moka pots"),
        ("what is espresso", "espresso"),
        ("silver earrings", "silver earring"),
        ("cafetière", "CAFETIÈRE"),
        ("咖啡机", "咖啡机"),
        ("is it", "it is"),
    ],
)
def test_the_same_search_in_other_words(one: str, other: str) -> None:
    assert subject(one) == subject(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("moka pot", "best moka pot"),
        ("moka pot", "moka pot gasket"),
        ("moka pot with induction", "moka pot without induction"),
        ("coffee shop near me", "coffee shop"),
        ("windows 95", "windows 98"),
        ("moka pot price", "moka pot review"),
    ],
)
def test_another_search(one: str, other: str) -> None:
    assert subject(one) != subject(other)


@given(st.text())
@example("00?S")
@example("earrings")
def test_every_text_is_about_something_and_saying_it_again_changes_nothing(text: str) -> None:
    about = subject(text)
    assert subject(about) == about
    assert bool(about) == bool(subject(text.upper()))


class TestVerdicts:
    def test_nothing_alike_is_written(self) -> None:
        found = judge(subject("drip bag"), [A], [])
        assert (found.verdict, found.score, found.page) == (Verdict.WRITE, 0.0, None)

    def test_what_is_written_already_is_refreshed(self) -> None:
        there = page(url="https://coffee.example/moka")
        found = judge(subject("moka pots"), [A], [page(written=False), there])
        assert (found.verdict, found.score, found.page) == (Verdict.REFRESH, 1.0, there)
        assert "https://coffee.example/moka" in found.reason

    def test_what_is_planned_already_is_merged(self) -> None:
        planned = page(written=False)
        found = judge(subject("moka pots"), [A], [planned])
        assert (found.verdict, found.page) == (Verdict.MERGE, planned)

    @pytest.mark.parametrize(
        ("covered", "written", "verdict", "score"),
        [
            ((A, B, C, D), True, Verdict.LINK_ONLY, 0.8),
            ((A, B, C, D, E), True, Verdict.LINK_ONLY, 1.0),
            ((A, B, C), True, Verdict.WRITE, 0.6),
            ((A, B, C, D, E), False, Verdict.WRITE, 1.0),
        ],
        ids=["nearly all of it", "all of it", "half of it", "all of it, but not written yet"],
    )
    def test_what_another_page_covers_is_linked_to(
        self, covered: tuple[object, ...], written: bool, verdict: Verdict, score: float
    ) -> None:
        there = page("drip bag", covered=covered, written=written)
        found = judge(subject("moka pot"), [A, B, C, D, E], [there])
        assert (found.verdict, found.score, found.page) == (verdict, score, there)

    def test_a_planned_page_that_covers_more_does_not_hide_a_written_one_that_covers_enough(self) -> None:
        planned = page("coffee makers", covered=(A, B, C, D, E), written=False)
        written = page("coffee machines", covered=(A, B, C, D))
        found = judge("moka pot", [A, B, C, D, E], [planned, written])
        assert (found.verdict, found.page) == (Verdict.LINK_ONLY, written)
