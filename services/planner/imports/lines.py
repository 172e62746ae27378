"""From the bytes of a file to numbered physical lines of text, whatever the encoding, in bounded memory."""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from services.planner.imports.errors import EmptyFile, FileTooLarge, NotText

HEAD_BYTES = 65_536
LINE_CHARS_MAX = 32_768
"""A longer physical line is cut into pieces of this size, so that one line cannot fill the memory."""
_STRETCH_CHARS = 65_536

_MAGIC = (
    (b"PK\x03\x04", "an Excel or ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
# What Windows-1252 text has beside letters: quotes, dashes, ellipsis, bullet, currencies, signs.
_CP1252_SIGNS = frozenset(
    b"\x80\x84\x85\x91\x92\x93\x94\x95\x96\x97\x99\xa0\xa1\xa3\xa5\xa7\xa9\xaa\xab\xae"
    b"\xb0\xb2\xb3\xb4\xb7\xba\xbb\xbc\xbd\xbe\xbf\xd7".decode("cp1252")
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd\ufffe\uffff]")
_UNDECODED = re.compile("[\ud800-\udfff\ufffd]")
_CP1252_SHARE_MAX = 0.5  # of a line's characters that may be outside ASCII before it reads as a blob
_BLOB_SHARE_MAX = 0.2  # of a file's lines that may be binary before the file is


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the bytes are decoded. `errors` keeps undecodable bytes visible as characters that no text
    contains.
    """

    name: str
    errors: str = "surrogateescape"


@dataclass(slots=True)
class _Scan:
    """What one pass over a file that is not UTF-16 saw, line by line."""

    lines: int = 0
    utf8: int = 0
    cp1252: int = 0
    blobs: int = 0

    def add_stretch(self, stretch: str) -> None:
        """Take in several lines; nearly every file has nothing but plain ones, and those are only counted."""
        if stretch.isascii() and not has_control_characters(stretch):
            self.lines += stretch.count("\n") + (not stretch.endswith("\n"))
            return
        for line in stretch.removesuffix("\n").split("\n"):
            self.add(line)

    def add(self, line: str) -> None:
        self.lines += 1
        if line.isascii():
            self.blobs += has_control_characters(line)
        elif not _UNDECODED.search(line):
            self.utf8 += 1
        elif _is_cp1252_text(line):
            self.cp1252 += 1
        else:
            self.blobs += 1

    @property
    def is_binary(self) -> bool:
        """Whether too much of the file is not text; a single blob is a bad line, not a binary file."""
        return self.blobs == self.lines or self.blobs > max(1, self.lines * _BLOB_SHARE_MAX)


def detect_encoding(source: BinaryIO, *, bytes_max: int, lines_max: int) -> Encoding:
    """Read `source` (seekable) once from its start, and tell its encoding.

    UTF-16 is told by its mark, or by zero bytes in every second place at the start. Otherwise it is UTF-8,
    unless lines that are not UTF-8 read as Windows-1252 text and no line outside ASCII is UTF-8: then it is
    cp1252.

    Raises:
        EmptyFile: nothing but white space.
        FileTooLarge: more than `bytes_max` bytes or `lines_max` lines.
        NotText: a known binary format, or too much of it is not text.
    """
    source.seek(0)
    head = source.read(HEAD_BYTES)
    if source.seek(0, io.SEEK_END) > bytes_max:
        raise FileTooLarge("bytes", bytes_max)
    _refuse_known_binaries(head)
    encoding = _utf16(head) or Encoding("utf-8-sig")
    scan, ended = _Scan(), 0
    with _decoded(source, encoding) as wrapper:
        for stretch in _stretches(wrapper):
            ended += stretch.count("\n")
            if ended + (not stretch.endswith("\n")) > lines_max:
                raise FileTooLarge("lines", lines_max)
            scan.add_stretch(stretch)
    if scan.is_binary:
        raise NotText
    if encoding.name == "utf-8-sig" and scan.cp1252 and not scan.utf8:
        return Encoding("cp1252", errors="replace")
    return encoding


def _refuse_known_binaries(head: bytes) -> None:
    if not head.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise EmptyFile
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            raise NotText(kind)


@contextmanager
def text_lines(source: BinaryIO, encoding: Encoding) -> Iterator[Iterator[tuple[int, str]]]:
    """Numbered lines of `source` from its start, without their line ends; `source` stays open.

    A line longer than LINE_CHARS_MAX comes in pieces with one number.
    """
    with _decoded(source, encoding) as wrapper:
        yield _numbered(wrapper)


@contextmanager
def _decoded(source: BinaryIO, encoding: Encoding) -> Iterator[io.TextIOWrapper]:
    source.seek(0)
    # newline=None: Unix, Windows and old Macintosh line ends alike.
    wrapper = io.TextIOWrapper(source, encoding.name, encoding.errors, newline=None)
    try:
        yield wrapper
    finally:
        wrapper.detach()


def has_control_characters(line: str) -> bool:
    """Whether `line` has a character that no text has: a control other than tab and newline, or an
    undecodable byte.
    """
    return _CONTROL.search(line) is not None


def _numbered(wrapper: io.TextIOWrapper) -> Iterator[tuple[int, str]]:
    number = 1
    for stretch in _stretches(wrapper):
        *lines, rest = stretch.split("\n")
        for line in lines:
            if len(line) < LINE_CHARS_MAX:
                yield number, line
            else:
                for start in range(0, len(line) + 1, LINE_CHARS_MAX):
                    yield number, line[start : start + LINE_CHARS_MAX]
            number += 1
        if rest:
            yield number, rest


def _stretches(wrapper: io.TextIOWrapper) -> Iterator[str]:
    """The text in stretches of whole lines; of a line that is too long to be held, a piece; and what has no line end.

    One line at a time would cost twice as much.
    """
    rest = ""
    while block := wrapper.read(_STRETCH_CHARS):
        whole, end, tail = block.rpartition("\n")
        if end:
            yield rest + whole + end
            rest = tail
        else:
            rest += block
        while len(rest) >= LINE_CHARS_MAX:
            yield rest[:LINE_CHARS_MAX]
            rest = rest[LINE_CHARS_MAX:]
    if rest:
        yield rest


def _utf16(head: bytes) -> Encoding | None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Encoding("utf-16", errors="replace")
    even, odd = head[0:4:2], head[1:4:2]  # a header begins with at least two ASCII letters
    for name, zeros, letters in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros and not any(zeros) and all(letters):
            return Encoding(name, errors="replace")
    return None


def _is_cp1252_text(line: str) -> bool:
    """Whether a line that is not UTF-8 is certainly Windows-1252 text: letters and signs, no controls, not
    too dense.
    """
    try:
        text = line.encode("utf-8", "surrogateescape").decode("cp1252")
    except UnicodeDecodeError:
        return False
    foreign = [character for character in text if not character.isascii()]
    return (
        not has_control_characters(text)
        and len(foreign) <= len(text) * _CP1252_SHARE_MAX
        and all(character.isalpha() or character in _CP1252_SIGNS for character in foreign)
    )
