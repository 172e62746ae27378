"""Exported lines: what an import reads of them is what was written."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.planner.domain import Intent, display_text, keyword_problem
from services.planner.exports import KEYWORD_CELLS, csv_piece
from services.planner.imports import ImportReport, KeywordFile, KeywordRow

EMPTY = dict.fromkeys(
    (
        *("volume", "difficulty", "intent", "cpc_micros", "competition", "impressions", "clicks", "position"),
        *("derived_intent", "cluster", "volume_now", "difficulty_now"),
    )
) | {"country": "", "cpc_currency": "", "parent_keyword": "", "url": "", "status": "new", "disabled": False}

TEXTS = st.text(min_size=1, max_size=60).map(display_text).filter(lambda text: keyword_problem(text) is None)
COUNTS = st.none() | st.integers(0, 10**12)
SHARES = st.none() | st.floats(0, 1, allow_subnormal=False).filter(lambda share: share == 0 or share > 1e-9)


def row(text: str, **values: Any) -> dict[str, Any]:
    return EMPTY | {"text": text, "sector_id": "0199"} | values


def read(csv: str) -> tuple[KeywordFile, list[KeywordRow], ImportReport]:
    file, report = KeywordFile(io.BytesIO(csv.encode())), ImportReport()
    return file, list(file.rows(report)), report


@given(
    st.fixed_dictionaries(
        {
            "volume": COUNTS,
            "difficulty": st.none() | st.floats(0, 100).filter(lambda number: number == 0 or number > 1e-9),
            "intent": st.none() | st.sampled_from(Intent),
            "country": st.sampled_from(["", "US", "GB"]),
            "cpc_micros": st.none() | st.integers(0, 10**12),
            "competition": SHARES,
            "impressions": COUNTS,
            "clicks": COUNTS,
            "position": st.none() | st.floats(0.001, 1_000),
            "parent_keyword": st.just("") | TEXTS,
        }
    ),
    TEXTS,
)
def test_an_import_reads_what_was_written(values: dict[str, Any], text: str) -> None:
    csv = csv_piece([row(text, **values)], KEYWORD_CELLS, first=True)
    file, (found,), report = read(csv)
    assert (file.layout, report.note_counts.total(), found.text) == ("igny8", 0, text)
    assert {name: getattr(found, name) or None for name in values} == {
        name: value or None for name, value in values.items()
    }


@pytest.mark.parametrize(
    "text", ["=1+1", "-5 sleeping bag", "+49 170", "@home", 'the "best" pan', "a,b", '12" pan', "咖啡 ☕", "قهوة"]
)
def test_awkward_texts_come_back_as_they_are(text: str) -> None:
    _, (found,), _ = read(csv_piece([row(text)], KEYWORD_CELLS, first=True))
    assert found.text == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a"])
def test_nothing_is_a_formula(text: str) -> None:
    assert f"\n\t{text}," in csv_piece([row(text, parent_keyword=text, cluster=text)], KEYWORD_CELLS, first=True)


def test_what_the_library_and_the_rules_add_is_shown_and_not_read() -> None:
    added = {"derived_intent": "commercial", "volume_now": 700, "difficulty_now": 12.5, "cluster": "Coffee"}
    csv = csv_piece([row("best moka pot", **added)], KEYWORD_CELLS, first=True)
    assert csv.endswith(",commercial,700,12.5,Coffee,new,,0199\r\n")
    _, (found,), _ = read(csv)
    assert (found.intent, found.volume, found.difficulty) == (None, None, None)


def test_only_the_first_piece_has_a_header() -> None:
    assert csv_piece([], KEYWORD_CELLS, first=True).startswith("keyword,volume,difficulty,intent,country,cpc,currency,")
    assert csv_piece([], KEYWORD_CELLS, first=False) == ""
