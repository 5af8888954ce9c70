"""The stamp of a tree: names, kinds, sizes and times, which tell whether anything may have changed.

It costs microseconds per file, as no file is read. Whether a file may be written does not count, so that a
tree has one stamp in whatever way its files were placed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from builder.digest import bytes_digest, listing_of, sha256_of_file, sha256_of_link
from monorepo.fetch.tree import TIMES, refuse_leaving
from solver.values import dataclass


@dataclass(frozen=True, slots=True)
class Sealed:
    """A tree as it is to stay: what it holds (`builder.digest.tree_listing`), and its stamp."""

    listing: bytes
    stamp: str

    @property
    def tree(self) -> str:
        """As `builder.digest.tree_digest` has it."""
        return bytes_digest(self.listing)


def stamp(folder: Path) -> str:
    """The stamp of everything in ``folder`` but folders, as ``sha256:`` and 64 hex digits."""
    return stamp_of(stamp_line(path, entry.stat(follow_symlinks=False)) for path, entry in _walk(folder))


def stamp_line(path: str, about: os.stat_result) -> str:
    """What counts of the file or link at ``path``."""
    mode = about.st_mode
    kind = ("x" if mode & 0o100 else "f") if stat.S_ISREG(mode) else f"{stat.S_IFMT(mode):o}"
    return f"{path} {kind} {about.st_size} {about.st_mtime_ns}"


def stamp_of(lines: Iterable[str]) -> str:
    """The stamp of a tree of which these are the lines, in any order."""
    return f"sha256:{hashlib.sha256(os.fsencode(chr(0).join(sorted(lines)))).hexdigest()}"


def seal(folder: Path, unpacked: Mapping[str, str]) -> Sealed:
    """Give every file in ``folder`` the one time, and the mode 444, or 555 where its owner may execute it.

    Args:
        unpacked: the sha256 of files as they were unpacked, by path. Whatever was written after that has the
            time when it was, and is read.

    Raises:
        FetchError: a symbolic link leads out of ``folder``.
    """
    root = os.path.realpath(folder)
    os.chmod(root, 0o755)  # noqa: PTH101 (path objects would take as long as the calls)
    digests: list[tuple[bytes, bytes, str]] = []
    lines: list[str] = []
    for path, entry in _walk(Path(root)):
        about = entry.stat(follow_symlinks=False)
        digest = unpacked.get(path) if about.st_mtime_ns == TIMES[1] else None
        if stat.S_ISLNK(about.st_mode):
            refuse_leaving(root, path)
            kind, digest = b"l", sha256_of_link(os.fsencode(entry.path))
        else:
            mode, kind = (0o555, b"x") if about.st_mode & 0o100 else (0o444, b"f")
            digest = digest or sha256_of_file(os.fsencode(entry.path))
            if stat.S_IMODE(about.st_mode) != mode:
                os.chmod(entry.path, mode)  # noqa: PTH101
        if about.st_mtime_ns != TIMES[1]:
            os.utime(entry.path, ns=TIMES, follow_symlinks=False)
            about = os.lstat(entry.path)
        digests.append((os.fsencode(path), kind, digest))
        lines.append(stamp_line(path, about))
    return Sealed(listing_of(digests), stamp_of(lines))


def _walk(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file and link below ``folder`` with its path from there."""
    waiting = [(os.fspath(folder), "")]
    while waiting:
        place, prefix = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{path}/"))
                else:
                    yield path, entry
