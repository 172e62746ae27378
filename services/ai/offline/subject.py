"""What a search phrase asks for, and the forms in which a sentence can use it.

"how to clean a burr grinder" is an activity: a sentence speaks of "cleaning a burr grinder". "best burr
grinder for espresso" is a choice among things: "burr grinders for espresso", "a burr grinder for espresso".
"is oat milk good in espresso" fits no noun's place, so sentences speak of "this question" and headings show
the question.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.ai.offline import english


class Kind(StrEnum):
    """What the person who types the phrase wants."""

    ACTIVITY = "activity"
    QUESTION = "question"
    COMPARISON = "comparison"
    BEST = "best"
    REVIEW = "review"
    COST = "cost"
    BUY = "buy"
    LOCAL = "local"
    PROBLEM = "problem"
    TOPIC = "topic"


@dataclass(frozen=True)
class Subject:
    """One search phrase, read.

    `topic` is the form for the subject of a sentence, `single` the form after "choose" or "need"; `plural`
    says how verbs agree with `topic`; `options` are the two sides of a comparison; `question` is a full
    question where the phrase is one.
    """

    phrase: str
    kind: Kind
    topic: str
    single: str
    plural: bool
    options: tuple[str, ...] = ()
    question: str = ""

    @property
    def stems(self) -> frozenset[str]:
        """The words that say what the phrase is about, in a comparable form."""
        told = (w for w in self.phrase.lower().split() if w not in english.words()["empty"])
        return frozenset(english.stem(w) for w in told) - {""}

    @property
    def is_thing(self) -> bool:
        """Whether the subject is something one can choose and own rather than something one does or asks."""
        return self.kind not in {Kind.ACTIVITY, Kind.QUESTION, Kind.PROBLEM}


_BEST = re.compile(r"^(?:the )?(?:(?:top|best|greatest|recommended)(?: rated)? )+(?:\d+ )?")
_BUY = re.compile(
    r"^(?:buy|shop|order|cheap(?:est)?|affordable|budget|discount(?:ed)?) |"
    r" (?:for sale|sale|deals?|discount|coupons?|online|free shipping)$"
)
_COST = re.compile(
    r"^(?:how much (?:does|do|is|are) (?:an? |the )?)|^(?:price|cost)s? of (?:an? |the )?"
    r"| costs?(?: .*)?$| prices?$| pricing$"
)
_REVIEW = re.compile(r" reviews?$")
_LOCAL = re.compile(r" (?:near me|nearby|near you|in my area|open now)$")
_VERSUS = re.compile(
    r"^(?:(?:what(?:'s| is) the )?difference between )(.+?) and (.+)$"
    r"|^(.+?) (?:vs\.?|versus|compared to|or) (.+)$"
)
_PROBLEM = re.compile(
    r"\b(?:not|no|won't|wont|keeps?|too|leaks?|leaking|broken|stuck|needs?|coming out|without it|tastes)\b"
)
_LOOSE_END = re.compile(r" (?:explained|basics|101|meaning|definition|step by step)$")
_SIZE_AT_END = re.compile(r"^(.+) (\d+ ?[a-z]+)$")
_DEFINITION = re.compile(r"^(what(?:'s| is| are)) (an? |the )?(?P<noun>[^?]+)$")
_WH_TO = re.compile(r"^(?:what|when|where|which \w+|how (?:much|many|often|long|fine|hot|strong)) to \w+")
_QUESTION = re.compile(
    r"^(?:how|what|why|when|where|which|who|can|could|do|does|did|is|are|should|will|would|has|have)\b"
)
_YEAR = re.compile(r"\b20\d\d\b")
_ABBREVIATION_CHARS = 5
_BARE_OBJECT_WORDS = 4
_ARTICLE = re.compile(r"^(?:an?|the|my|your) ")
_SAYING_MORE = re.compile(r"\b(?:best|better|worth|good|safe|bad)\b")


def normalise(keyword: str) -> str:
    """A search phrase in one line, without quotes, years and closing marks; capitals only as it brought
    them.
    """
    text = re.sub(r"[\"\u201c\u201d<>{}\[\]|\\^`]+", " ", keyword)
    text = " ".join(_YEAR.sub(" ", text).split()).strip(" ?!.,;:-")
    return text.lower() if text.isupper() and len(text) > _ABBREVIATION_CHARS else text


def endings(phrases: Iterable[str]) -> dict[str, int]:
    """How many phrases share each last one to three words, where at least two do: "moka pot", "burr
    grinder".
    """
    counts = Counter(ending for phrase in phrases for ending in _endings(phrase.lower().split(), 0))
    return {ending: count for ending, count in counts.items() if count > 1}


def _endings(words: Sequence[str], kept: int = 1) -> list[str]:
    """The last three, two and one words, leaving at least `kept` before them."""
    return [" ".join(words[-size:]) for size in (3, 2, 1) if size + kept <= len(words)]


def read(keyword: str, context: Mapping[str, int] | None = None) -> Subject:
    """Read a search phrase.

    `context` holds the `endings` of the other phrases of the same page or cluster: it tells that "burr vs
    blade grinder" compares two grinders.
    """
    text = normalise(keyword)
    lower = text.lower()
    for reader in (_comparison, _activity, _definition, _question, _problem):
        found = reader(text, lower, context or {})
        if found is not None:
            return found
    return _thing(text, lower)


def _activity(text: str, lower: str, context: Mapping[str, int]) -> Subject | None:
    del context
    words = lower.split()
    rest = re.match(r"^(?:how (?:do (?:you|i) |can (?:you|i) |to )|(?:ways|tips) (?:to|for) )(.+)$", lower)
    if rest and "ways" not in words[0] and " for " not in words[:2]:
        doing = rest[1]
    elif words and words[0] in english.words()["openers"] and len(words) > 1 and not _is_noun_use(words):
        doing = lower
    else:
        return None
    verb, _, thing = doing.partition(" ")
    form = verb if verb.endswith("ing") else english.gerund(verb)
    done = english.proper(f"{form} {thing}".strip())
    ask = f"How do you {english.proper(doing)}?"
    return Subject(english.proper(text), Kind.ACTIVITY, done, done, plural=False, question=ask)


def _is_noun_use(words: list[str]) -> bool:
    """Whether the first word is a noun that could be a verb ("roast level chart"): few verbs take a bare
    object.
    """
    followers = {"a", "an", "the", "your", "my", "at", "with", "without", "in", "to", "from", "better", "and"}
    return len(words) < _BARE_OBJECT_WORDS and not followers.intersection(words[1:])


def _comparison(text: str, lower: str, context: Mapping[str, int]) -> Subject | None:
    found = _VERSUS.match(lower)
    if not found:
        return None
    left, right = (_ARTICLE.sub("", side) for side in found.groups() if side)
    if _QUESTION.match(left):
        return None
    shared = max(_endings(right.split()), key=lambda e: context.get(e, 0), default="")
    if shared in context and len(left.split()) < len(right.split()) and not left.endswith(shared.split()[-1]):
        left = f"{left} {shared}"
    sides = tuple(_noun_forms(side)[0] for side in (left, right))
    both = english.join(sides)
    ask = f"{english.sentence_case(sides[0])} or {sides[1]}?"
    return Subject(
        english.proper(text),
        Kind.COMPARISON,
        both,
        f"between {both}",
        plural=True,
        options=sides,
        question=ask,
    )


def _definition(text: str, lower: str, context: Mapping[str, int]) -> Subject | None:
    del context
    found = _DEFINITION.match(lower)
    if not found or _SAYING_MORE.search(found["noun"]) or _has_verb_at_end(found["noun"]):
        return None
    if found["noun"].startswith(("best ", "difference ")):
        return None
    many, one, plural = _noun_forms(found["noun"])
    ask = english.sentence_case(english.proper(lower)) + "?"
    return Subject(english.proper(text), Kind.TOPIC, many, one, plural, question=ask)


def _has_verb_at_end(noun: str) -> bool:
    return bool(re.search(r" (?:made of|called|used for|like|mean)$", noun))


def _question(text: str, lower: str, context: Mapping[str, int]) -> Subject | None:
    del context
    if not _QUESTION.match(lower) or _COST.match(lower):
        return None
    shown = english.proper(lower)
    ask = english.sentence_case(shown) + "?"
    if _WH_TO.match(lower):
        return Subject(english.proper(text), Kind.ACTIVITY, shown, shown, plural=False, question=ask)
    return Subject(english.proper(text), Kind.QUESTION, "this question", "this question", plural=False, question=ask)


def _problem(text: str, lower: str, context: Mapping[str, int]) -> Subject | None:
    del context
    if not _PROBLEM.search(lower):
        return None
    return Subject(english.proper(text), Kind.PROBLEM, "this problem", "this problem", plural=False)


_MARKS = (
    (Kind.LOCAL, _LOCAL),
    (Kind.COST, _COST),
    (Kind.REVIEW, _REVIEW),
    (Kind.BEST, _BEST),
    (Kind.BUY, _BUY),
)


def _thing(text: str, lower: str) -> Subject:
    kind = Kind.TOPIC
    noun = lower
    for mark, pattern in _MARKS:
        bare = pattern.sub("", noun).strip()
        if bare and bare != noun:
            kind = mark if kind is Kind.TOPIC else kind
            noun = bare
    noun = _LOOSE_END.sub("", noun)
    noun = _SIZE_AT_END.sub(r"\2 \1", noun)
    if noun.split(" ", 1)[0] in english.words()["prepositions"]:
        noun = f"options {noun}"
    many, one, plural = _noun_forms(noun)
    if kind is Kind.REVIEW:  # a review is of one named product: "Baratza Encore", not "Baratza Encores"
        many = one = english.title_case(noun)
        plural = False
    return Subject(english.proper(text), kind, many, one, plural)


def _noun_forms(noun: str) -> tuple[str, str, bool]:
    """The generic form, the singular form with its article, and whether the generic form is plural."""
    parts = _ARTICLE.sub("", noun).split() or ["topic"]
    at = english.head_index(parts)
    head = parts[at]
    if not head.isascii() or not head.isalpha() or english.is_mass(head):
        shown = english.proper(" ".join(parts))
        return shown, shown, False
    if english.is_plural(head):
        shown = english.proper(" ".join(parts))
        return shown, shown, True
    many = [*parts[:at], english.plural(english.proper(head)), *parts[at + 1 :]]
    if many[at + 1 : at + 3] == ["that", "is"]:
        many[at + 2] = "are"
    return english.proper(" ".join(many)), english.with_article(english.proper(" ".join(parts))), True
