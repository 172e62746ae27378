"""From a keyword file to ideas in one go: what is said of it, and what is written down."""

import csv
from pathlib import Path
from typing import Any

from cli.planning import told, write_ideas

CLUSTERS = [
    {"id": "a", "name": "moka pot", "volume": 900, "keyword_count": 9},
    {"id": "b", "name": "green tea", "volume": 100, "keyword_count": 4},
]


def idea(title: str, cluster: str, verdict: str = "write") -> dict[str, Any]:
    return {
        "title": title,
        "cluster_id": cluster,
        "verdict": verdict,
        "overlap_reason": "" if verdict == "write" else "'Tea' is planned for the same search.",
        "content_type": "post",
        "content_structure": "guide",
        "estimated_word_count": 900,
        "primary_keyword": title.lower(),
        "keywords": [title.lower(), "more"],
    }


IDEAS = [idea("Tea", "b"), idea("Teas", "b", "merge"), idea("Moka", "a"), idea("Tea Guide", "gone", "link_only")]


def test_what_is_held_back_is_said_with_what_should_become_of_it() -> None:
    assert told(CLUSTERS, IDEAS) == [
        "2 clusters, 4 ideas, 2 of them to be written.",
        "2 are held back beside pages that there are or will be (1 to link only, 1 to merge); you may overrule each.",
    ]


def test_when_all_are_to_be_written_nothing_more_is_said() -> None:
    assert told(CLUSTERS, IDEAS[:1]) == ["2 clusters, 1 ideas, 1 of them to be written."]


def test_every_idea_has_a_line_and_the_most_searched_clusters_come_first(tmp_path: Path) -> None:
    write_ideas(tmp_path / "ideas.csv", CLUSTERS, IDEAS)
    with (tmp_path / "ideas.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["title"] for line in lines] == ["Moka", "Tea", "Teas", "Tea Guide"]
    assert (lines[0]["cluster"], lines[0]["cluster_volume"], lines[0]["keywords"]) == ("moka pot", "900", "moka; more")
    assert lines[2]["reason"] == "'Tea' is planned for the same search."
    assert lines[3]["cluster"] == ""
