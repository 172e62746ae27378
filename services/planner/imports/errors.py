"""Why a whole file is refused. A single bad line never raises: it is reported and skipped.

KeywordFileRefused
├── EmptyFile          empty_file         no line with a keyword in it
├── FileTooLarge       file_too_large     more bytes or lines than one import takes
├── NotText            not_text           a spreadsheet, an archive, a picture, or an unknown encoding
├── UnknownColumn      unknown_layout     text, but without the column that was asked for
└── UnknownLayout      unknown_layout     text, but no header we know and not a plain list either
"""

from collections.abc import Sequence


class KeywordFileRefused(Exception):
    """A whole keyword file cannot be imported; nothing of it was read.

    `reason` is stable and machine-readable, `message` says what is wrong, `hint` what to do next.
    """

    reason = "keyword_file_refused"

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}")


class EmptyFile(KeywordFileRefused):
    """The file has no line with a keyword in it."""

    reason = "empty_file"

    def __init__(self) -> None:
        super().__init__(
            "The file has no keywords in it.",
            "Export again, and check that the list is not filtered to nothing.",
        )


class FileTooLarge(KeywordFileRefused):
    """The file has more bytes or more lines than one import takes."""

    reason = "file_too_large"

    def __init__(self, what: str, limit: int) -> None:
        self.limit = limit
        super().__init__(
            f"The file has more than {limit:,} {what}.",
            "Split it into smaller files and import them one by one.",
        )


class NotText(KeywordFileRefused):
    """The file is a spreadsheet, an archive or another binary, or its encoding cannot be told."""

    reason = "not_text"

    def __init__(self, kind: str = "a binary file or text in an unknown encoding") -> None:
        super().__init__(
            f"The file is not a text export: it looks like {kind}.",
            "Export as CSV with UTF-8 encoding, and upload that file.",
        )


class UnknownLayout(KeywordFileRefused):
    """The file is text, but its columns are of no layout we know.

    `headers` are the cells of its first line, `layouts` the names of the layouts that are known.
    """

    reason = "unknown_layout"

    def __init__(self, headers: Sequence[str], layouts: Sequence[str]) -> None:
        self.headers = tuple(headers)
        self.layouts = tuple(layouts)
        super().__init__(
            f"The columns are not of a known layout. The file has: {', '.join(self.headers)}.",
            f"Known layouts: {', '.join(self.layouts)}. "
            "Export from one of these, or upload a list with one keyword per line.",
        )


class UnknownColumn(KeywordFileRefused):
    """The file has no column of the name that was asked for; `headers` are the cells of its first line."""

    reason = "unknown_layout"

    def __init__(self, column: str, headers: Sequence[str]) -> None:
        self.headers = tuple(headers)
        super().__init__(
            f"The file has no column {column!r}. It has: {', '.join(self.headers)}.",
            "Name one of these.",
        )
