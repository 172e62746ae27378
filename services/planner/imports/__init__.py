"""Reading keyword files that other tools exported: pure, no database. `reader` shows how it is used."""

from services.planner.imports.duplicates import best_rows
from services.planner.imports.errors import (
    EmptyFile,
    FileTooLarge,
    KeywordFileRefused,
    NotText,
    UnknownColumn,
    UnknownLayout,
)
from services.planner.imports.reader import KeywordFile, Limits
from services.planner.imports.rows import ImportReport, KeywordRow, Note, NoteReason, SkippedLine, SkipReason

__all__ = [
    "EmptyFile",
    "FileTooLarge",
    "ImportReport",
    "KeywordFile",
    "KeywordFileRefused",
    "KeywordRow",
    "Limits",
    "NotText",
    "Note",
    "NoteReason",
    "SkipReason",
    "SkippedLine",
    "UnknownColumn",
    "UnknownLayout",
    "best_rows",
]
