"""Names: a phrase that is chosen is completed by what mostly stands beside it."""

from collections.abc import Sequence

import pytest

from services.planner.clustering.naming import NamedText, name_clusters


def of_equal_nearness(asked: Sequence[tuple[int, str]]) -> list[float]:
    """What all keywords have in common is near no cluster in particular."""
    return [0.0 if phrase == "socks" else 1.0 - 0.1 * phrase.count(" ") for _, phrase in asked]


def names(*clusters: Sequence[str]) -> list[str]:
    texts = [[NamedText(text, 10) for text in cluster] for cluster in clusters]
    return name_clusters(texts, of_equal_nearness)


class TestWholeNames:
    @pytest.mark.parametrize(
        ("texts", "name"),
        [
            (("waterproof socks", "best waterproof socks", "waterproof socks for running"), "waterproof socks"),
            (("socks kids", "kids socks", "cheap kids socks"), "kids socks"),
            (("search console", "google search console", "google search console api"), "google search console"),
            (("socks tesco", "socks tesco uk", "socks tesco men"), "socks tesco"),
            (("mug", "blue mug", "mug rack", "travel mug", "mug tree"), "mug"),
        ],
        ids=["behind", "either side", "before two words", "before", "nothing mostly"],
    )
    def test_are_completed_by_the_word_that_mostly_stands_beside_them(self, texts: Sequence[str], name: str) -> None:
        assert names(texts, ("walking boots", "walking boots men"))[0] == name

    def test_leave_out_a_word_that_says_how_somebody_asks(self) -> None:
        assert names(("grinder for espresso", "grinder for filter", "grinder for travel"))[0] == "grinder"

    def test_say_no_word_twice(self) -> None:
        assert names(("new york new york", "new york new york casino", "hotel new york new york"))[0] == "new york"

    def test_stay_short_where_the_whole_one_is_taken(self) -> None:
        first = ("merino socks", "merino socks men", "merino socks uk")
        assert names(first, first) == ["merino socks", "merino"]
