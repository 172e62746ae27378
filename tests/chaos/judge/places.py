"""What was published, where it was published to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from tests.chaos.judge.evidence import Evidence, Place
from tests.chaos.judge.finding import Finding


def findings(evidence: Evidence) -> list[Finding]:
    """Return contents that are at a destination twice, and those that should be there and are not."""
    twice = [*_of_two(evidence), *(what for place in evidence.places for what in _in_place(place))]
    lost = _missing(evidence)
    return [*(Finding("published_twice", what) for what in twice), *(Finding("lost", what) for what in lost)]


def _of_two(evidence: Evidence) -> Iterator[str]:
    places: defaultdict[tuple[Any, str], list[Any]] = defaultdict(list)
    for row in evidence["publications"]:
        if row["external_id"]:
            places[row["site_integration_id"], row["external_id"]].append(row["content_id"])
    for (_, external), contents in places.items():
        if len(contents) > 1:
            yield f"{external} stands for {len(contents)} contents: {contents}"


def _in_place(place: Place) -> Iterator[str]:
    for content, count in Counter(content for content, _ in place.listed).items():
        for _ in range(count - 1):
            yield f"site {place.site} lists content {content} {count} times"
    for address, count in Counter(address for _, address in place.listed).items():
        for _ in range(count - 1):
            yield f"site {place.site} has {count} contents at {address}"
    for page in sorted(set(place.pages) - {address for _, address in place.listed}):
        yield f"site {place.site} has a page at {page} that it does not list"


def _missing(evidence: Evidence) -> Iterator[str]:
    shown = {place.site: place for place in evidence.places}
    for row in evidence["publications"]:
        if row["platform"] != "sites" or row["status"] != "published":
            continue
        place = shown.get(str(row["site_id"]))
        address = dict(place.listed).get(str(row["content_id"])) if place else None
        if place is None or address is None or address not in place.pages:
            yield f"content {row['content_id']} is published and its page is not there"
    sent = {str(row["content_id"]) for row in evidence["publications"] if row["status"] == "published"}
    for place in evidence.places:
        for content, address in place.listed:
            if content not in sent:
                yield f"site {place.site} shows content {content} at {address}, which nobody has published"
