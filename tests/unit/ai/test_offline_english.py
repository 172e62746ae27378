"""How search phrases become English."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ai.offline import english
from services.ai.offline.subject import Kind, endings, read


class TestTitleCase:
    @pytest.mark.parametrize(
        ("phrase", "title"),
        [
            ("best burr grinder for espresso", "Best Burr Grinder for Espresso"),
            ("how to use a french press", "How to Use a French Press"),
            ("aeropress vs v60", "AeroPress vs V60"),
            ("diy coffee bar", "DIY Coffee Bar"),
            ("what it is for", "What It Is For"),
            ("moka pots: a guide", "Moka Pots: A Guide"),
            ("built-in grinder", "Built-in Grinder"),
            ("6 cup moka pot", "6 Cup Moka Pot"),
        ],
    )
    def test_capitals_as_in_a_headline(self, phrase: str, title: str) -> None:
        assert english.title_case(phrase) == title


class TestArticle:
    @pytest.mark.parametrize(
        ("phrase", "expected"),
        [
            ("espresso machine", "an espresso machine"),
            ("burr grinder", "a burr grinder"),
            ("unusual cup", "an unusual cup"),
            ("universal lid", "a universal lid"),
            ("used grinder", "a used grinder"),
            ("European roast", "a European roast"),
            ("hourly rate", "an hourly rate"),
            ("one cup dripper", "a one cup dripper"),
            ("LED lamp", "an LED lamp"),
            ("USB cable", "a USB cable"),
        ],
    )
    def test_follows_the_sound(self, phrase: str, expected: str) -> None:
        assert english.with_article(phrase) == expected


class TestInflection:
    @pytest.mark.parametrize(("noun", "mass"), [("seo", True), ("csv", True), ("coffee", True), ("pot", False)])
    def test_what_has_no_plural(self, noun: str, mass: bool) -> None:
        assert english.is_mass(noun) is mass

    @pytest.mark.parametrize(
        ("verb", "expected"),
        [("make", "making"), ("cut", "cutting"), ("clean", "cleaning"), ("tie", "tying"), ("fix", "fixing"),
         ("see", "seeing"), ("begin", "beginning"), ("store", "storing"), ("brew", "brewing")],
    )  # fmt: skip
    def test_gerund(self, verb: str, expected: str) -> None:
        assert english.gerund(verb) == expected

    @pytest.mark.parametrize(
        ("one", "many"),
        [("press", "presses"), ("accessory", "accessories"), ("shelf", "shelves"), ("tray", "trays"),
         ("brush", "brushes"), ("grinder", "grinders"), ("child", "children")],
    )  # fmt: skip
    def test_plural_and_back(self, one: str, many: str) -> None:
        assert english.plural(one) == many
        assert english.singular(many) == one

    def test_shorten_cuts_at_a_word_and_keeps_the_limit(self) -> None:
        assert english.shorten("the quick brown fox", 12) == "the quick\u2026"
        assert english.shorten("short", 12) == "short"


class TestRead:
    @pytest.mark.parametrize(
        ("phrase", "kind", "topic", "single"),
        [
            ("burr grinder", Kind.TOPIC, "burr grinders", "a burr grinder"),
            ("cold brew coffee", Kind.TOPIC, "cold brew coffee", "cold brew coffee"),
            (
                "best burr grinder for espresso",
                Kind.BEST,
                "burr grinders for espresso",
                "a burr grinder for espresso",
            ),
            ("top 10 milk frothers 2025", Kind.BEST, "milk frothers", "milk frothers"),
            (
                "how to clean a burr grinder",
                Kind.ACTIVITY,
                "cleaning a burr grinder",
                "cleaning a burr grinder",
            ),
            ("descale coffee maker with vinegar", Kind.ACTIVITY, "descaling coffee maker with vinegar", None),
            ("what is a ristretto", Kind.TOPIC, "ristrettos", "a ristretto"),
            ("is oat milk good in espresso", Kind.QUESTION, "this question", "this question"),
            ("espresso machine leaking from group head", Kind.PROBLEM, "this problem", "this problem"),
            ("espresso machine repair near me", Kind.LOCAL, "espresso machine repairs", None),
            ("burr grinder price", Kind.COST, "burr grinders", "a burr grinder"),
            ("how much does a burr grinder cost", Kind.COST, "burr grinders", "a burr grinder"),
            ("buy coffee beans online", Kind.BUY, "coffee beans", "coffee beans"),
            ("baratza encore review", Kind.REVIEW, "Baratza Encore", "Baratza Encore"),
            ("pour over coffee ratio", Kind.TOPIC, "pour over coffee ratios", "a pour over coffee ratio"),
            ("large french press 12 cup", Kind.TOPIC, "12 cup large French presses", None),
            ("coffee roast level chart", Kind.TOPIC, "coffee roast level charts", None),
        ],
    )
    def test_kind_and_forms(self, phrase: str, kind: Kind, topic: str, single: str | None) -> None:
        subject = read(phrase)
        assert (subject.kind, subject.topic) == (kind, topic)
        assert single is None or subject.single == single

    def test_sides_of_a_comparison_share_what_the_cluster_shares(self) -> None:
        shared = endings(["burr vs blade grinder", "manual grinder", "hand grinder"])
        assert read("burr vs blade grinder", shared).options == ("burr grinders", "blade grinders")

    def test_a_side_that_is_complete_is_left_alone(self) -> None:
        assert read("latte vs flat white").options == ("lattes", "flat whites")

    def test_difference_between_is_a_comparison(self) -> None:
        assert read("difference between cappuccino and latte").options == ("cappuccinos", "lattes")

    @given(st.text(max_size=60))
    def test_any_text_is_read_without_failing_and_the_same_twice(self, text: str) -> None:
        assert read(text) == read(text)
        assert read(text).topic
