"""`igny8 cluster`: what it reads, what it writes, and what it says where it cannot."""

import csv
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from cli.cluster import HEADER, Asked, FileRefused, run_cluster
from cli.errors import CommandError

LINES = ("moka pot,90", "best moka pot,80", "moka pot sizes,70", "green tea,60", "green tea benefits,50", "oat milk,40")


def given(folder: Path, header: str, *lines: str) -> Path:
    file = folder / "keywords.csv"
    file.write_text("\n".join([header, *lines]), encoding="utf-8")
    return file


def said(asked: Asked) -> str:
    written = StringIO()
    run_cluster(asked, Console(file=written, width=200))
    return written.getvalue()


def test_every_keyword_is_written_once_with_its_cluster(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    said(Asked(given(tmp_path, "keyword,volume", *LINES), out=out))
    with out.open(encoding="utf-8", newline="") as source:
        header, *rows = list(csv.reader(source))
    assert tuple(header) == HEADER
    assert sorted(row[0] for row in rows) == sorted(line.split(",")[0] for line in LINES)
    assert rows[0][1:] == ["1", "moka pot"]


def test_a_column_of_any_file_can_be_named(tmp_path: Path) -> None:
    file = given(tmp_path, "id,phrase,note", *(f"{number},{line.split(',')[0]},x" for number, line in enumerate(LINES)))
    assert said(Asked(file, column="Phrase", out=tmp_path / "out.csv")).startswith("6 keywords in ")


@pytest.mark.parametrize(
    ("column", "header", "lines", "told"),
    [
        ("", "id,phrase,note", LINES, "--column NAME"),
        ("query", "id,phrase,note", LINES, "no column 'query'"),
        ("", "keyword,volume", LINES[:3], "at least 5 keywords"),
    ],
    ids=["unknown layout", "unknown column", "too few"],
)
def test_what_cannot_be_clustered_says_what_to_do(
    tmp_path: Path, column: str, header: str, lines: tuple[str, ...], told: str
) -> None:
    with pytest.raises(FileRefused, match=told):
        said(Asked(given(tmp_path, header, *lines), column=column))


def test_a_map_is_drawn_as_png_and_as_svg(tmp_path: Path) -> None:
    file = given(tmp_path, "keyword,volume", *LINES)
    for name in ("map.png", "map.svg"):
        said(Asked(file, out=tmp_path / "out.csv", plot=tmp_path / name))
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.width > 500
    assert "moka pot" in (tmp_path / "map.svg").read_text(encoding="utf-8")


def test_another_picture_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"\.png or \.svg"):
        said(Asked(tmp_path / "none.csv", plot=tmp_path / "map.gif"))
