"""Reading files of a repository on disk, and telling whether they have changed."""

from __future__ import annotations

import os
from contextlib import suppress

from overlays.stores.layout import Stamp

_AT_ONCE = 1 << 16
"""More than any opam file has; a larger buffer would cost more than the reading."""


def read_bytes(path: str) -> bytes | None:
    """A whole file, None where there is none; a good deal cheaper than `open`, thousands of times."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        pieces = [os.read(descriptor, _AT_ONCE)]
        while len(pieces[-1]) == _AT_ONCE:
            pieces.append(os.read(descriptor, _AT_ONCE))
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def stamp_of(path: str) -> Stamp | None:
    """The state of a file or folder, None where it is absent.

    Beside size and time of modification it holds the time of the last change of the inode, which no program
    can set back.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 — thousands of times; a `Path` costs as much again
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def changed_at(stamp: Stamp) -> int:
    """When what has this stamp last changed, in nanoseconds since the epoch; 0 for what cannot change."""
    match stamp:
        case (_, int(modified), int(inode_changed), _):
            return max(modified, inode_changed)
    return 0


def touch(path: str | os.PathLike[str]) -> None:
    """Note in the cache that ``path`` is being used; one that cannot be written needs no such note."""
    with suppress(OSError):
        os.utime(path)
