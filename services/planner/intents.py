"""What a searcher wants, told from the keyword's own words by rules that anybody can read.

For keywords whose file or person did not say. RULES are asked in their order and the first that fits decides; when none
fits the intent stays unknown, which is better than a guess. The words are English; the names of the site and of other
addresses are found in any language. `docs/intents.md` shows the same table to people, and a test holds it to this one.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.planner.domain import Intent, normalise

_NOT_WORDS = re.compile(r"[^\w]+")
_ADDRESS = re.compile(r"(?:www\.|https?://)\S|\w\.(?:com|org)\b")
_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gov", "net", "org"})
"""Labels that stand between a name and its country, as in `name.co.uk`."""
_NAME_CHARS_MIN = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table.

    why: what it stands for. words: any of them anywhere. phrases: several words in a row, anywhere. openers: any of
    them as the first word.
    """

    intent: Intent
    why: str
    words: frozenset[str] = frozenset()
    phrases: tuple[str, ...] = ()
    openers: frozenset[str] = frozenset()


RULES: Sequence[Rule] = (
    Rule(
        Intent.NAVIGATIONAL,
        "the way to a site that is known already",
        words=frozenset({"login", "signin", "website", "homepage", "webmail"}),
        phrases=("log in", "sign in", "official site", "official page", "customer service", "phone number"),
    ),
    Rule(
        Intent.TRANSACTIONAL,
        "where to get it",
        phrases=("where to buy", "where can i buy", "where to get", "near me", "near by"),
        words=frozenset({"nearby"}),
    ),
    Rule(
        Intent.COMMERCIAL,
        "weighing one against another",
        words=frozenset(
            {
                *("best", "top", "vs", "versus", "review", "reviews", "reviewed", "compare", "comparison"),
                *("alternative", "alternatives", "competitors", "rated", "ranking", "ranked"),
            }
        ),
        phrases=("worth it", "pros and cons", "better than", "which is better"),
    ),
    Rule(
        Intent.INFORMATIONAL,
        "a question",
        openers=frozenset(
            {
                *("how", "what", "whats", "why", "when", "where", "who", "which"),
                *("is", "are", "can", "could", "do", "does", "did", "should", "will"),
            }
        ),
        phrases=("how to", "difference between", "what is"),
    ),
    Rule(
        Intent.TRANSACTIONAL,
        "buying or doing",
        words=frozenset(
            {
                *("buy", "buying", "purchase", "order", "ordering", "coupon", "coupons", "voucher", "discount"),
                *("discounts", "deal", "deals", "sale", "cheap", "cheapest", "affordable", "clearance", "wholesale"),
                *("hire", "rent", "rental", "rentals", "booking", "subscription", "delivery", "download", "shipping"),
            }
        ),
        phrases=(
            "for sale",
            "promo code",
            "free trial",
            "book a",
            "book an",
            "online shop",
            "online store",
            "in stock",
        ),
    ),
    Rule(
        Intent.COMMERCIAL,
        "what it costs, and from whom",
        words=frozenset({"price", "prices", "pricing", "cost", "costs", "quote", "brand", "brands", "supplier"})
        | frozenset({"suppliers", "manufacturer", "manufacturers", "agency", "company", "companies", "services"}),
    ),
    Rule(
        Intent.INFORMATIONAL,
        "learning about it",
        words=frozenset(
            {
                *("guide", "guides", "tutorial", "tutorials", "tips", "ideas", "recipe", "recipes", "meaning"),
                *("definition", "definitions", "example", "examples", "benefits", "history", "facts", "symptoms"),
                *("causes", "calories", "ingredients", "instructions", "manual", "diagram", "checklist", "diy"),
                *("faq", "explained", "learn", "types", "statistics", "wiki", "inspiration"),
            }
        ),
        phrases=("step by step", "side effects", "for beginners"),
    ),
)
"""The table, after the rule of the site's own name: a keyword with that in it is navigational whatever else it says."""


@dataclass(frozen=True, slots=True)
class Brand:
    """What a site is searched by: its host name as it is typed, and the words it is called by."""

    host: str = ""
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, domain: str, trade: Sequence[str] = ()) -> "Brand":
        """Return how a site is searched for.

        Args:
            name: the site's; it counts when it has two words or more, as one alone is often a plain word.
            domain: its host name; its main label counts, and the whole of it.
            trade: the names of its industry and sectors. A name made of their words alone is what everybody calls the
                thing ("coffee" for coffee.example), so it does not count.
        """
        plain = {word for text in trade for word in _words(text)}
        host = domain.casefold().removeprefix("www.")
        label, called = _words(_main_label(host)), _words(name)
        wanted = [label, called if len(called) > 1 else []]
        names = {" ".join(words): None for words in wanted if words and not plain.issuperset(words)}
        return cls(host, tuple(text for text in names if len(text) >= _NAME_CHARS_MIN and not text.isdigit()))

    def is_in(self, normalised: str, padded: str) -> bool:
        """Whether a keyword names the site."""
        return bool(self.host and self.host in normalised) or any(f" {name} " in padded for name in self.names)


NO_BRAND = Brand()


def derive_intent(normalised: str, brand: Brand = NO_BRAND) -> Intent | None:
    """Return what a searcher wants by the rules, or None when no rule fits.

    Args:
        normalised: the keyword as `domain.normalise` returns it.
        brand: of the site that the keyword is for.
    """
    words = _split(normalised)
    if not words:
        return None
    padded = f" {' '.join(words)} "
    if brand.is_in(normalised, padded) or ("." in normalised and _ADDRESS.search(normalised)):
        return Intent.NAVIGATIONAL
    first = min(_fitting(words, padded), default=None)
    return None if first is None else RULES[first].intent


def _places(words: Callable[[Rule], Iterable[str]]) -> dict[str, int]:
    """The first rule, as its place in RULES, that has a word: an import asks 100,000 times, so a look-up answers."""
    return {word: place for place, rule in reversed(list(enumerate(RULES))) for word in words(rule)}


_BY_WORD, _BY_OPENER = _places(lambda rule: rule.words), _places(lambda rule: rule.openers)
_BY_PHRASE = _places(lambda rule: rule.phrases)
_PHRASES = {word: [p for p in _BY_PHRASE if p.split()[0] == word] for word in {p.split()[0] for p in _BY_PHRASE}}


def _fitting(words: Sequence[str], padded: str) -> Iterator[int]:
    """The places of rules that fit a keyword, the first of them among others, given its words and them joined."""
    if words[0] in _BY_OPENER:
        yield _BY_OPENER[words[0]]
    for word in words:
        if word in _BY_WORD:
            yield _BY_WORD[word]
        if word in _PHRASES:
            yield from (_BY_PHRASE[phrase] for phrase in _PHRASES[word] if f" {phrase} " in padded)


def _words(text: str) -> list[str]:
    return _split(normalise(text))


def _split(normalised: str) -> list[str]:
    """The words of a keyword; an apostrophe is left out, so that "what's" and "whats" are one."""
    if normalised.replace(" ", "").isalnum():  # nearly every keyword
        return normalised.split()
    return _NOT_WORDS.sub(" ", normalised.replace("'", "").replace("\u2019", "")).split()


def _main_label(host: str) -> str:
    """The label that a host name is known by: "name" of shop.name.co.uk."""
    labels = host.split(".")[:-1]
    if len(labels) > 1 and labels[-1] in _SECOND_LEVEL:
        labels.pop()
    return labels[-1] if labels else ""
