"""Reads tar archives: ustar, GNU and pax, as they come, without seeking.

Written for this one purpose, since tarfile's ways for the many things that a source never has take longer
than everything else in a pull together, and since a damaged or hostile header is to be refused, not worked
around.
Sources: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from monorepo.errors import FetchError
from monorepo.fetch.decompress import Readable

_BLOCK = 512
_CHUNK = 1 << 20
_LONGEST_HEADER = 1 << 20
_EMPTY = bytes(_BLOCK)
_USED = frozenset({b"path", b"linkpath", b"size"})
_SPARSE = "sparse"
_DIGITS = 20  # of any number that a header may hold in decimal
_DECOMPRESSORS = frozenset({"zlib", "_lzma"})


class Kind(Enum):
    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"


_KINDS = {
    b"\0": Kind.FILE,
    b"0": Kind.FILE,
    b"7": Kind.FILE,
    b"1": Kind.HARDLINK,
    b"2": Kind.SYMLINK,
    b"5": Kind.FOLDER,
}
_REFUSED = {b"3": "a device", b"4": "a device", b"6": "a named pipe", b"S": "a sparse file"}


@dataclass(slots=True)
class Member:
    """One entry. ``size`` counts the bytes of a file; ``target`` is that of a link."""

    name: str
    kind: Kind
    size: int
    executable: bool
    target: str


class TarReader:
    """The members of ``stream`` in order; read each file's `content` before going on, or it is passed over.

    Raises FetchError where the archive is damaged or has an entry that no source should have.
    """

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._left = 0  # bytes of the current member that are still to come, its padding included

    def __iter__(self) -> Iterator[Member]:
        long_name = long_target = None
        everywhere: dict[str, str] = {}
        here: dict[str, str] = {}
        while header := self._header():
            kind = header[156:157]
            size = _number(header[124:136])
            if kind in b"LKxg" and kind:
                text = self._extension(size)
                if kind == b"L":
                    long_name = text.rstrip(b"\0")
                elif kind == b"K":
                    long_target = text.rstrip(b"\0")
                else:
                    (here if kind == b"x" else everywhere).update(_pax(text))
                continue
            attributes = {**everywhere, **here} if everywhere or here else {}
            if _SPARSE in attributes:
                kind = b"S"
            if "size" in attributes:
                size = _decimal(attributes["size"])
            name = attributes.get("path") or os.fsdecode(long_name or _name(header))
            target = attributes.get("linkpath") or os.fsdecode(long_target or _text(header[157:257]))
            yield self._member(header, kind, name, target, size)
            long_name = long_target = None
            here = {}

    def content(self, member: Member) -> Iterator[bytes]:
        """The bytes of the file that was yielded last."""
        left = member.size
        while left:
            chunk = self._read(min(self._left, _CHUNK))  # with its padding, which need not be read by itself
            self._left -= len(chunk)
            yield chunk if len(chunk) <= left else chunk[:left]
            left = max(0, left - len(chunk))

    def _member(self, header: bytes, type_: bytes, name: str, target: str, size: int) -> Member:
        if type_ in _REFUSED:
            raise FetchError(f"{_REFUSED[type_]} is refused", place=name)
        kind = _KINDS.get(type_)
        if kind is None:
            raise FetchError(f"an entry of the unknown type {type_!r} is refused", place=name)
        if kind is Kind.FILE and name.endswith("/"):
            kind = Kind.FOLDER  # as before ustar
        if kind is not Kind.FILE:
            size = 0
        self._left = _padded(size)
        return Member(name, kind, size, bool(_number(header[100:108]) & 0o100), target)

    def _header(self) -> bytes | None:
        while self._left:
            self._left -= len(self._read(min(self._left, _CHUNK)))
        header = self._stream_read(_BLOCK)
        if not header or header == _EMPTY:
            return None
        if len(header) < _BLOCK:
            raise _damaged("it ends within an entry")
        expected = _number(header[148:156])
        if sum(header) - sum(header[148:156]) + 8 * 32 != expected:
            raise _damaged("a header has the wrong checksum")
        return header

    def _extension(self, size: int) -> bytes:
        if size > _LONGEST_HEADER:
            raise _damaged(f"a header of {size} bytes")
        return self._read(_padded(size))[:size]

    def _read(self, size: int) -> bytes:
        data = self._stream_read(size)
        if len(data) < size:
            raise _damaged("it ends within an entry")
        return data

    def _stream_read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (OSError, EOFError) as error:
            raise _damaged(str(error)) from error
        except Exception as error:
            if type(error).__module__ in _DECOMPRESSORS:  # not imported for what is not used
                raise _damaged(str(error)) from error
            raise


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _name(header: bytes) -> bytes:
    name = _text(header[:100])
    if header[257:263] == b"ustar\0" and header[345]:
        return _text(header[345:500]) + b"/" + name
    return name


def _number(field: bytes) -> int:
    if field[0] == 0x80:  # GNU's base 256
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not digits:
        return 0
    try:
        number = int(digits, 8)
    except ValueError:
        number = -1
    if number < 0:
        raise _damaged("a header holds what is no number")
    return number


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise _damaged("a header holds what is no number")
    return int(text)


def _pax(text: bytes) -> Iterator[tuple[str, str]]:
    """The records ``LENGTH KEY=VALUE newline`` of an extended header."""
    start = 0
    while start < len(text):
        blank = text.find(b" ", start, start + _DIGITS)
        length = text[start:blank]
        end = start + int(length) if blank > start and length.isdigit() else 0
        if not blank + 1 < end <= len(text):
            raise _damaged("an extended header is malformed")
        key, _, value = text[blank + 1 : end - 1].partition(b"=")
        if key in _USED:  # all the others together would only fill the memory
            yield os.fsdecode(key), os.fsdecode(value)
        elif key.startswith(b"GNU.sparse."):
            yield _SPARSE, ""
        start = end


def _damaged(how: str) -> FetchError:
    return FetchError(f"the archive is damaged: {how}")
