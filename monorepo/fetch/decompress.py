"""What is compressed, read as it would be without: in large pieces, of which only one is held at a time.

The standard library's file objects come to the same through layers that take longer than the work itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol

_PIECE = 1 << 20


class Readable(Protocol):
    """Something to read from, in order."""

    def read(self, size: int, /) -> bytes:
        """The next ``size`` bytes, fewer only at the end."""


class Decompressor(Protocol):
    """One stream of a compressed file, as `bz2` and `lzma` have them."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes: ...


class Decompressed:
    """`Readable`: what ``file`` holds, which may be several streams of ``make`` after one another.

    Raises EOFError where a stream is cut, and whatever the decompressor does where it is damaged.
    """

    def __init__(self, file: BinaryIO, make: Callable[[], Decompressor]) -> None:
        self._file = file
        self._make = make
        self._stream = make()
        self._piece = b""
        self._at = 0

    def read(self, size: int, /) -> bytes:
        """See `Readable`."""
        end = self._at + size
        if end > len(self._piece):
            self._fill(size)
            end = min(size, len(self._piece))
        data = self._piece[self._at : end]
        self._at = end
        return data

    def _fill(self, size: int) -> None:
        """Have ``size`` bytes in the piece, from its start, unless there are fewer."""
        parts = [self._piece[self._at :]]
        have = len(parts[0])
        while have < size and (part := self._next()):
            parts.append(part)
            have += len(part)
        self._piece = b"".join(parts)
        self._at = 0

    def _next(self) -> bytes:
        """Some more bytes; none at the end."""
        rest = b""
        while True:
            if self._stream.eof:
                rest = (self._stream.unused_data or self._file.read(_PIECE)).lstrip(b"\0")  # padding
                if not rest:
                    return b""
                self._stream = self._make()
            elif self._stream.needs_input:
                rest = self._file.read(_PIECE)
                if not rest:
                    raise EOFError("the compressed data is cut short")
            part = self._stream.decompress(rest, _PIECE)
            if part:
                return part


class Gzip:
    """`Decompressor` of one member of a gzip file."""

    def __init__(self) -> None:
        import zlib

        self._inner = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, /, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(0, max_length))
