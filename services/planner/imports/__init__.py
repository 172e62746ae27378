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
from services.planner.imports.layouts import LAYOUTS, LIBRARY_LAYOUTS, Layout
from services.planner.imports.reader import KeywordFile, Limits
from services.planner.imports.rows import ImportReport, KeywordRow, Note, NoteReason, SkippedLine, SkipReason

__all__ = [
    "LAYOUTS",
    "LIBRARY_LAYOUTS",
    "EmptyFile",
    "FileTooLarge",
    "ImportReport",
    "KeywordFile",
    "KeywordFileRefused",
    "KeywordRow",
    "Layout",
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
