"""Keyword files where uploads lie."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from chassis.objects import ObjectMissing, ObjectStore
from services.planner.errors import FileRefused, UploadMissing
from services.planner.imports import LAYOUTS, KeywordFile, KeywordFileRefused, Layout, Limits


@contextmanager
def opened(
    objects: ObjectStore, key: str, filename: str, limits: Limits, layouts: Sequence[Layout] = LAYOUTS
) -> Iterator[KeywordFile]:
    """Open an uploaded keyword file.

    Args:
        objects: where it lies.
        key: under which.
        filename: what it is called, for people.
        limits: how much it may hold.
        layouts: which it may have.

    Raises:
        FileRefused: the file as a whole cannot be read.
        UploadMissing: the upload is gone.
    """
    try:
        with objects.open(key) as source:
            yield KeywordFile(source, limits, layouts=layouts)
    except ObjectMissing as error:
        raise UploadMissing(filename) from error
    except KeywordFileRefused as refusal:
        raise FileRefused(refusal.reason.upper(), str(refusal)) from refusal
