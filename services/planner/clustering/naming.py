"""Names for clusters: the phrase of one to three words that most of a cluster and little else has."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from services.planner.clustering.words import FUNCTION_WORDS, split_words, stem

WORDS_MAX = 3
NAME_CHARS_MAX = 80
_NUMBERED_CHARS_MAX = NAME_CHARS_MAX - 8  # leaves room for a space and a number
_LENGTH_BONUS = 0.2  # for each word beyond the first: "pour over" says more than "pour" at the same coverage


@dataclass(frozen=True, slots=True)
class NamedText:
    """One keyword of a cluster for naming: its normalised text, and its volume, which breaks ties."""

    text: str
    volume: int


def name_clusters(clusters: Sequence[Sequence[NamedText]]) -> list[str]:
    """A name for each cluster, no two alike; earlier clusters choose first.

    Each cluster's first text is its primary one. A phrase scores by the harmonic mean of its coverage (share
    of the cluster that has it) and its purity (share of its keywords that are in the cluster).
    """
    everywhere = Counter(phrase for members in clusters for member in members for phrase in _phrases(member.text))
    taken: set[str] = set()
    names = []
    for members in clusters:
        name = next(name for name in _candidates(members, everywhere) if name not in taken)
        taken.add(name)
        names.append(name)
    return names


def _candidates(members: Sequence[NamedText], everywhere: Mapping[str, int]) -> Iterator[str]:
    """Names in order of preference, without end."""
    inside: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = {}
    for member in members:
        for phrase, spelling in _phrases(member.text).items():
            inside[phrase] += 1
            spellings.setdefault(phrase, Counter())[spelling] += 1 + member.volume
    scored = [(_score(phrase, having, len(members), everywhere[phrase]), phrase) for phrase, having in inside.items()]
    for _, phrase in sorted(scored, key=lambda pair: (-pair[0], pair[1])):
        yield max(spellings[phrase].items(), key=lambda pair: (pair[1], pair[0]))[0]
    words = split_words(members[0].text)
    yield _joined(words[:WORDS_MAX])
    start = _joined(words[: WORDS_MAX - 1])[:_NUMBERED_CHARS_MAX].rstrip()
    for number in count(2):
        yield f"{start} {number}"


def _score(phrase: str, inside: int, size: int, everywhere: int) -> float:
    coverage, purity = inside / size, inside / everywhere
    return 2 * coverage * purity / (coverage + purity) + _LENGTH_BONUS * phrase.count(" ") * coverage


def _phrases(text: str) -> dict[str, str]:
    """Every phrase of a text as its stems -> as it is written; none begins or ends with a function word."""
    words = split_words(text)
    return {
        " ".join(map(stem, phrase)): _joined(phrase)
        for length in range(1, WORDS_MAX + 1)
        for phrase in _windows(words, length)
        if phrase[0] not in FUNCTION_WORDS and phrase[-1] not in FUNCTION_WORDS
    }


def _windows(words: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    return (words[start : start + length] for start in range(len(words) - length + 1))


def _joined(words: Iterable[str]) -> str:
    return " ".join(words)[:NAME_CHARS_MAX].rstrip()
