"""Text from elsewhere, made storable and short."""

import re
import unicodedata

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL stores no NUL, UTF-8 no half of a surrogate pair
_DANGLING = " ,;:-\u2013\u2014"


def storable(text: str) -> str:
    """Return the text without what no database can hold."""
    return _UNSTORABLE.sub("", text)


def one_line(text: str) -> str:
    """Return the text on one line: control characters and runs of space are one space each."""
    visible = "".join(" " if unicodedata.category(c) == "Cc" else c for c in storable(text))
    return " ".join(visible.split())


def shorten(text: str, most: int) -> str:
    """Return the text cut at a word, at most so many characters."""
    if len(text) <= most:
        return text
    cut = text[: most + 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut else text[:most]).rstrip(_DANGLING)
