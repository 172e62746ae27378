"""The object store: pictures and uploaded files, which never travel through gRPC. A folder by default."""

import io
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlparse

_KEY = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*){0,7}\Z")


class ObjectMissing(Exception):
    """There is no object under this key."""


class ObjectStore(Protocol):
    """Where objects lie, by key: "images/0197.../0197....png"."""

    def put(self, key: str, data: bytes) -> None:
        """Store bytes under a key, whole or not at all; storing again replaces."""

    def put_file(self, key: str, source: BinaryIO) -> int:
        """Store a stream under a key, whole or not at all; return its size in bytes."""

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading. Raises ObjectMissing."""

    def read(self, key: str) -> bytes:
        """Return an object's bytes. Raises ObjectMissing."""

    def delete(self, key: str) -> None:
        """Remove an object; removing twice is harmless."""


class FolderStore:
    """Objects as files below one folder that all processes of this installation share."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, data: bytes) -> None:
        """Store bytes under a key, whole or not at all."""
        self.put_file(key, io.BytesIO(data))

    def put_file(self, key: str, source: BinaryIO) -> int:
        """Store a stream under a key, whole or not at all; return its size in bytes."""
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as file:
            try:
                shutil.copyfileobj(source, file, 1 << 20)
                size = file.tell()
                file.flush()
                os.fsync(file.fileno())
            except BaseException:  # what was begun is of no use to anybody
                Path(file.name).unlink()
                raise
        Path(file.name).replace(target)
        return size

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading."""
        try:
            return self._path(key).open("rb")
        except FileNotFoundError as error:
            raise ObjectMissing(f"There is no object {key!r}.") from error

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        with self.open(key) as file:
            return file.read()

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if not _KEY.match(key):
            raise ValueError(f"{key!r} is not an object key.")
        return self._root / key


def store_at(url: str) -> ObjectStore:
    """Return the store a URL names.

    Args:
        url: "file:///var/lib/igny8/objects".

    Raises:
        ValueError: no store of this kind is offered.
    """
    parts = urlparse(url)
    if parts.scheme == "file":
        return FolderStore(Path(unquote(parts.path)))
    raise ValueError(f"OBJECTS_URL {url!r} is not supported; use file:///a/folder that every process can reach.")
