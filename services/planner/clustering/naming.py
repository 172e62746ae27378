"""Names for clusters: the phrase of one to three words that a cluster's keywords have, that is near all of them, and
far from the clusters beside it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count

from services.planner.clustering.words import FUNCTION_WORDS, split_words, stem

WORDS_MAX = 3
NAME_CHARS_MAX = 80
_NUMBERED_CHARS_MAX = NAME_CHARS_MAX - 8  # leaves room for a space and a number
_LENGTH_BONUS = 0.2  # for each word beyond the first: "pour over" says more than "pour" at the same coverage
CANDIDATES = 12
"""Phrases of a cluster whose nearness is looked at; fewer where there are so many clusters that it would take long."""
CANDIDATES_OF_ALL = 60_000
_CANDIDATES_MIN = 3
COVERAGE_SHARE = 0.3
BESIDE_SHARE, BESIDE_LEAST = 0.4, 2
"""A word that stands beside a name in so many of the keywords that have it belongs to the name."""
BESIDE_AMONG = 1_000
"""So many of a cluster's keywords, the most searched, say what stands beside its name."""

Nearness = Callable[[Sequence[tuple[int, str]]], Sequence[float]]
"""Of (cluster's index, phrase): how near the phrase is to that cluster, and how much nearer than to others."""


@dataclass(frozen=True, slots=True)
class NamedText:
    """One keyword of a cluster for naming: its normalised text, and its volume, which breaks ties."""

    text: str
    volume: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A phrase as it is written, and the share of its cluster's keywords that have it."""

    spelling: str
    coverage: float


def name_clusters(clusters: Sequence[Sequence[NamedText]], nearness: Nearness) -> list[str]:
    """A name for each cluster, no two alike; earlier clusters choose first.

    Each cluster's first text is its primary one. A phrase scores by its nearness and 0.3 of the square root of its
    coverage; the phrases that are scored are those with the best harmonic mean of coverage and purity (the share of
    its keywords that are in the cluster).
    """
    everywhere = Counter(phrase for members in clusters for member in members for phrase in dict(_phrases(member.text)))
    kept = max(_CANDIDATES_MIN, min(CANDIDATES, CANDIDATES_OF_ALL // max(1, len(clusters))))
    candidates = [_candidates(members, everywhere, kept) for members in clusters]
    asked = [(index, each.spelling) for index, found in enumerate(candidates) for each in found]
    near = iter(nearness(asked))
    taken: set[str] = set()
    names = []
    for members, found in zip(clusters, candidates, strict=True):
        scored = [(next(near) + COVERAGE_SHARE * each.coverage**0.5, each.spelling) for each in found]
        best = [spelling for _, spelling in sorted(scored, key=lambda pair: (-pair[0], pair[1]))]
        whole = (_whole(spelling, members) for spelling in best)
        name = next(name for name in chain(chain.from_iterable(whole), _others(members[0].text)) if name not in taken)
        taken.add(name)
        names.append(name)
    return names


def _candidates(members: Sequence[NamedText], everywhere: Mapping[str, int], kept: int) -> list[_Candidate]:
    """The best phrases of a cluster, best first."""
    inside: dict[str, int] = {}
    spellings: dict[str, dict[tuple[str, ...], int]] = {}
    for member in members:
        for phrase, words in dict(_phrases(member.text)).items():
            inside[phrase] = inside.get(phrase, 0) + 1
            spelt = spellings.setdefault(phrase, {})
            spelt[words] = spelt.get(words, 0) + 1 + member.volume
    scored = [(_score(phrase, having, len(members), everywhere[phrase]), phrase) for phrase, having in inside.items()]
    best = sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:kept]
    return [
        _Candidate(
            _joined(max(spellings[phrase].items(), key=lambda pair: (pair[1], pair[0]))[0]),
            inside[phrase] / len(members),
        )
        for _, phrase in best
    ]


def _whole(phrase: str, members: Sequence[NamedText]) -> list[str]:
    """Return a phrase with the words that mostly stand beside it in the cluster, and then the shorter ones.

    What all keywords of a list are about says nothing of one cluster, so the best phrases leave it out: "waterproof" is
    chosen where people say "waterproof socks".
    """
    wholes = [phrase]
    while len(wholes[0].split(" ")) < WORDS_MAX:
        having, before, behind = _beside([stem(word) for word in wholes[0].split(" ")], members)
        word, times = max((before + behind).items(), key=lambda pair: (pair[1], pair[0]), default=("", 0))
        # "socks kids" is searched as often as "kids socks", and the latter is how one says it
        leads = before[word] > behind[word] * (1 if " " in wholes[0] else 2)
        whole = f"{word} {wholes[0]}" if leads else f"{wholes[0]} {word}"
        if times < max(BESIDE_LEAST, BESIDE_SHARE * having) or len(whole) > NAME_CHARS_MAX:
            break
        wholes.insert(0, whole)
    return wholes


def _beside(phrase: list[str], members: Sequence[NamedText]) -> tuple[int, Counter[str], Counter[str]]:
    """Return how many texts have a phrase of these stems, and in how many each word stands before and behind it."""
    having, before, behind = 0, Counter[str](), Counter[str]()
    for member in members[:BESIDE_AMONG]:
        words = split_words(member.text)
        stems = [stem(word) for word in words]
        start = next((n for n in range(len(stems)) if stems[n : n + len(phrase)] == phrase), None)
        if start is None:
            continue
        having += 1
        said = {*phrase, *map(stem, FUNCTION_WORDS)}
        before.update(word for word in words[max(0, start - 1) : start] if stem(word) not in said)
        behind.update(word for word in words[start + len(phrase) :][:1] if stem(word) not in said)
    return having, before, behind


def _others(primary: str) -> Iterator[str]:
    """Names where every good one is taken, without end: the beginning of the primary keyword, then with a number."""
    words = split_words(primary)
    yield _joined(words[:WORDS_MAX])
    start = _joined(words[: WORDS_MAX - 1])[:_NUMBERED_CHARS_MAX].rstrip()
    for number in count(2):
        yield f"{start} {number}"


def _score(phrase: str, inside: int, size: int, everywhere: int) -> float:
    coverage, purity = inside / size, inside / everywhere
    return 2 * coverage * purity / (coverage + purity) + _LENGTH_BONUS * phrase.count(" ") * coverage


def _phrases(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every phrase of a text, its stems and its words; none begins or ends with a function word."""
    words = tuple(split_words(text))
    stems = [stem(word) for word in words]
    ends = [place for place, word in enumerate(words) if word not in FUNCTION_WORDS]
    for start in ends:
        for last in ends:
            if start <= last < start + WORDS_MAX:
                yield " ".join(stems[start : last + 1]), words[start : last + 1]


def _joined(words: Iterable[str]) -> str:
    return " ".join(words)[:NAME_CHARS_MAX].rstrip()
