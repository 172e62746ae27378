"""Intents by rule: a table of keywords, the names that sites are searched by, and the page that shows the rules."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.planner.domain import Intent, normalise
from services.planner.intents import RULES, Brand, Rule, derive_intent

PAGE = Path(__file__).parents[3] / "docs" / "intents.md"
BLUE = Brand.of("Blue Bottle Coffee", "www.bluebottle.co.uk", ["Food & drink", "Coffee equipment"])


@pytest.mark.parametrize(
    ("keyword", "intent"),
    [
        ("bluebottle beans", "navigational"),
        ("best blue bottle coffee", "navigational"),
        ("bluebottle.co.uk", "navigational"),
        ("starbucks.com menu", "navigational"),
        ("www.illy", "navigational"),
        ("coffee club login", "navigational"),
        ("nespresso customer service", "navigational"),
        ("where to buy moka pot", "transactional"),
        ("coffee beans near me", "transactional"),
        ("best coffee grinder", "commercial"),
        ("Moka Pot VS Aeropress", "commercial"),
        ("what is the best espresso machine", "commercial"),
        ("top 10 grinders", "commercial"),
        ("are burr grinders worth it", "commercial"),
        ("how to order coffee", "informational"),
        ("how much does a moka pot cost", "informational"),
        ("what's a moka pot", "informational"),
        ("difference between latte and cappuccino", "informational"),
        ("buy espresso machine", "transactional"),
        ("cheap coffee beans", "transactional"),
        ("espresso machine for sale", "transactional"),
        ("espresso machine price", "commercial"),
        ("cold brew recipe", "informational"),
        ("latte art for beginners", "informational"),
        ("moka pot", None),
        ("blue bottles", None),
        ("stop motion", None),  # "top" inside a word
        ("preorder", None),
        ("asp.net", None),
        ("咖啡", None),
        ("☕", None),
    ],
)
def test_the_first_rule_that_fits_decides(keyword: str, intent: str | None) -> None:
    assert derive_intent(normalise(keyword), BLUE) == (Intent(intent) if intent else None)


@pytest.mark.parametrize(
    ("name", "domain", "host", "names"),
    [
        ("Blue Bottle", "bluebottle.co.uk", "bluebottle.co.uk", ("bluebottle", "blue bottle")),
        ("Dunkin", "shop.dunkin.com", "shop.dunkin.com", ("dunkin",)),
        ("Coffee Equipment", "coffee.example", "coffee.example", ()),  # what everybody calls it
        ("Corner", "corner-shop.example", "corner-shop.example", ("corner shop",)),
        ("Café Zürich", "café-zürich.example", "café-zürich.example", ("café zürich",)),
        ("M", "x.co", "x.co", ()),
        ("365", "365.example", "365.example", ()),
        ("", "", "", ()),
    ],
)
def test_a_site_is_searched_by_what_is_its_own(name: str, domain: str, host: str, names: tuple[str, ...]) -> None:
    assert Brand.of(name, domain, ["Food & drink", "Coffee equipment"]) == Brand(host, names)


@given(st.text(max_size=80))
def test_any_text_has_an_intent_or_none(text: str) -> None:
    assert derive_intent(normalise(text), BLUE) in {None, *Intent}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.why)
def test_the_page_shows_every_rule(rule: Rule) -> None:
    row = next(line for line in PAGE.read_text().splitlines() if f"| {rule.why} " in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    shown = cells[2].replace("first: ", "").replace('"', "")
    assert cells[0] == f"`{rule.intent}`"
    assert {word.strip() for word in shown.replace(";", ",").split(",")} == {*rule.words, *rule.phrases, *rule.openers}


def test_the_page_shows_the_rules_in_their_order() -> None:
    page = PAGE.read_text()
    places = [page.index(f"| {rule.why} ") for rule in RULES]
    assert places == sorted(places)
