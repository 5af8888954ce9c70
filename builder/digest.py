"""The digest of a folder, part of the context format (docs/context-format.md, "Digests").

sha256 over one entry for every file and symbolic link below the folder, sorted by path as bytes::

    KIND SHA256 PATH NUL

KIND is ``f`` (a file), ``x`` (a file that its owner may execute) or ``l`` (a symbolic link); SHA256 is that
of the file's bytes, or of the link's target, in 64 hex digits; PATH is relative to the folder, with
``/`` between its parts. Folders count through what they hold, so an empty one does not count; neither
do times, owners and the rest of the permissions.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from builder.errors import InputsError

_CHUNK = 1 << 20


def tree_digest(folder: Path) -> str:
    """The digest of everything below ``folder``, as ``sha256:`` and 64 hex digits.

    Raises:
        InputsError: the folder cannot be read, or holds something that is neither file, folder nor link.
    """
    return bytes_digest(tree_listing(folder))


def tree_listing(folder: Path) -> bytes:
    """The entries that `tree_digest` is the sha256 of, as above: what a folder was, file by file.

    Raises:
        InputsError: as `tree_digest` does.
    """
    return listing_of(folder_entries(folder))


def listing_of(entries: Iterable[tuple[bytes, bytes, str]]) -> bytes:
    """The listing of a folder that holds these: path, kind and sha256 of each, in any order."""
    rows = (b"%s %s %s\0" % (kind, sha256.encode("ascii"), path) for path, kind, sha256 in sorted(entries))
    return b"".join(rows)


def file_digest(path: Path) -> str:
    """The digest of one file's bytes, as ``sha256:`` and 64 hex digits; OSError where it cannot be read."""
    return f"sha256:{sha256_of_file(os.fsencode(path))}"


def bytes_digest(content: bytes) -> str:
    """The digest of ``content``, as ``sha256:`` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def sha256_of_link(path: bytes) -> str:
    """The sha256 of where a symbolic link leads, in hex digits."""
    return hashlib.sha256(os.readlink(path)).hexdigest()  # noqa: PTH115 # bytes


def sha256_of_file(path: bytes) -> str:
    """The sha256 of a file's bytes, in hex digits."""
    total = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while chunk := os.read(descriptor, _CHUNK):
            total.update(chunk)
    finally:
        os.close(descriptor)
    return total.hexdigest()


def folder_entries(
    folder: Path, *, deep: bool = True, sha256: Callable[[bytes], str] = sha256_of_file
) -> Iterator[tuple[bytes, bytes, str]]:
    """Path, kind and sha256 of every file and link in ``folder``, if ``deep`` below it, in no order.

    Raises:
        InputsError: the folder cannot be read, or holds something that is neither file, folder nor link.
    """
    try:
        yield from _entries(os.fsencode(folder), b"", deep, sha256)
    except OSError as error:
        place = error.filename or folder
        raise InputsError(f"cannot be read ({error.strerror})", place=os.fsdecode(place)) from error


def _entries(
    folder: bytes, prefix: bytes, deep: bool, sha256: Callable[[bytes], str]
) -> Iterator[tuple[bytes, bytes, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            if entry.is_symlink():
                yield path, b"l", sha256_of_link(entry.path)
            elif entry.is_dir():
                if deep:
                    yield from _entries(entry.path, path + b"/", deep, sha256)
            elif entry.is_file():
                executable = entry.stat().st_mode & stat.S_IXUSR
                yield path, b"x" if executable else b"f", sha256(entry.path)
            else:
                raise InputsError(
                    "is neither a file, a folder nor a symbolic link", place=os.fsdecode(entry.path)
                )
