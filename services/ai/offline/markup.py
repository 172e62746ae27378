"""HTML of the draft: a handful of builders, each of which escapes what it is given, and a count of words."""

import re
from collections.abc import Iterable, Sequence
from html import escape

_TAG = re.compile(r"<[^>]*>")


def _text(value: str) -> str:
    return escape(value, quote=False)


def paragraph(text: str) -> str:
    """A paragraph."""
    return f"<p>{_text(text)}</p>"


def heading(level: int, text: str) -> str:
    """A heading of level 2 or 3."""
    return f"<h{level}>{_text(text)}</h{level}>"


def bullets(items: Iterable[str], *, ordered: bool = False) -> str:
    """A list, numbered when the order matters."""
    tag = "ol" if ordered else "ul"
    return f"<{tag}>{''.join(f'<li>{_text(item)}</li>' for item in items)}</{tag}>"


def note(label: str, text: str) -> str:
    """A remark set apart from the running text."""
    return f"<blockquote><p><strong>{_text(label)}:</strong> {_text(text)}</p></blockquote>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with one heading row; the first cell of each row names the row."""
    top = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr><th>{_text(row[0])}</th>{''.join(f'<td>{_text(cell)}</td>' for cell in row[1:])}</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def words_in(html: str) -> int:
    """How many words the builders' output shows a reader."""
    return len(_TAG.sub(" ", html).split())
