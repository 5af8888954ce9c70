"""Puts the files of a prepared tree where they are wanted: sharing their bytes where the file system can.

A file that is shared by a hard link is read-only, so that an editor cannot change what other projects have;
one that is cloned or copied is the project's own, to be written at will. What counts in a digest or a stamp
is the same either way.
"""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from monorepo.duniverse.stamp import stamp_line, stamp_of
from monorepo.errors import DuniverseError
from monorepo.fetch.tree import TIMES, write_all

_CHUNK = 1 << 20
_FICLONE = 0x40049409  # linux/fs.h
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
REFUSALS = frozenset(
    {
        errno.EXDEV,  # another file system
        errno.EOPNOTSUPP,  # a file system without it
        errno.ENOTSUP,
        errno.ENOTTY,
        errno.ENOSYS,
        errno.EINVAL,
        errno.EMLINK,  # as many names as a file can have
        errno.EPERM,  # not one's own file, on a careful system
        errno.EACCES,
    }
)


class LinkMode(Enum):
    """How a file comes to be in two places."""

    REFLINK = "reflink"
    HARDLINK = "hardlink"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Placing:
    """A way to place files; where one of them refuses and this ``falls_back``, it is copied."""

    mode: LinkMode
    falls_back: bool = True

    def tree(self, tree: Path, target: Path) -> str:
        """Have what ``tree`` holds at ``target``, which is absent, as well; the stamp of ``tree``.

        A file that may be written, which none in the cache may, changes the stamp here.

        Raises OSError where a file cannot be read, written or, if asked for, shared.
        """
        lines: list[str] = []
        self._folder(os.fspath(tree), os.fspath(target), "", lines)
        return stamp_of(lines)

    def _folder(self, folder: str, target: str, prefix: str, lines: list[str]) -> None:
        os.mkdir(target, 0o755)  # noqa: PTH102 (a path object for each costs as much as the call)
        with os.scandir(folder) as entries:
            for entry in entries:
                path, place = prefix + entry.name, f"{target}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    self._folder(entry.path, place, f"{path}/", lines)
                    continue
                about = entry.stat(follow_symlinks=False)
                if entry.is_symlink():
                    lines.append(stamp_line(path, about))
                    Path(place).symlink_to(Path(entry.path).readlink())
                    os.utime(place, ns=TIMES, follow_symlinks=False)
                else:
                    unsealed = " unsealed" if about.st_mode & 0o222 else ""
                    lines.append(f"{stamp_line(path, about)}{unsealed}")
                    self.file(entry.path, place, 0o755 if about.st_mode & 0o100 else 0o644)

    def file(self, source: str, target: str, mode: int) -> None:
        """Have the file ``source`` at ``target`` as well, with ``mode`` unless its bytes are one with it."""
        try:
            if self.mode is LinkMode.HARDLINK:
                os.link(source, target, follow_symlinks=False)
            elif self.mode is LinkMode.REFLINK:
                _clone(source, target, mode)
            else:
                _copy(source, target, mode)
        except OSError as error:
            if not self.falls_back or self.mode is LinkMode.COPY or error.errno not in REFUSALS:
                raise
            Path(target).unlink(missing_ok=True)
            _copy(source, target, mode)


KEEPING = Placing(LinkMode.HARDLINK)
"""How the new duniverse gets the directories that the old one has: their files by second names."""


def choose(asked: LinkMode | None, source: Path, target: Path, cache: Path) -> Placing:
    """The way from where ``source`` is, a file of ``cache``, to where ``target`` is not.

    It is as ``asked``, else the cheapest.

    Raises:
        DuniverseError: the one asked for cannot be had there.
        OSError: there is no writing ``target``.
    """
    refusal = None
    for mode in [asked] if asked else LinkMode:
        placing = Placing(mode, falls_back=asked is None)
        try:
            Placing(mode, falls_back=False).file(str(source), str(target), 0o644)
        except OSError as error:
            refusal = error
            if error.errno not in REFUSALS or mode is LinkMode.COPY:
                raise
        else:
            return placing
        finally:
            target.unlink(missing_ok=True)
    assert asked and refusal  # whatever else fails, a copy is made or raises
    raise cannot_be_had(asked, cache, target.parent, refusal)


def cannot_be_had(mode: LinkMode, cache: Path, folder: Path, error: OSError) -> DuniverseError:
    """What to say where files of ``cache`` are to be placed in ``folder`` in one way alone, and cannot."""
    apart = error.errno == errno.EXDEV
    return DuniverseError(
        f"files of the cache cannot be placed here by {mode.value}: {error.strerror}",
        place="" if folder.parent == Path() else str(folder.parent),
        hint="without --link-mode and MONO_LINK_MODE mono takes the cheapest way that there is"
        + ("; or have the cache on this file system, with MONO_CACHE" if apart else ""),
        details=(f"the cache is {cache.resolve()}" + (", on another file system" if apart else ""),),
    )


def _clone(source: str, target: str, mode: int) -> None:
    """A file of its own that shares its bytes on disk until one of the two is written."""
    if sys.platform == "darwin":
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        if library.clonefile(os.fsencode(source), os.fsencode(target), 0):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), target)
        Path(target).chmod(mode)
        os.utime(target, ns=TIMES)
        return
    import fcntl

    read = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        write = os.open(target, _WRITE, mode)
        try:
            fcntl.ioctl(write, _FICLONE, read)
            os.utime(write, ns=TIMES)
        finally:
            os.close(write)
    finally:
        os.close(read)


def _copy(source: str, target: str, mode: int) -> None:
    read = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        write = os.open(target, _WRITE, mode)
        try:
            while chunk := os.read(read, _CHUNK):
                write_all(write, chunk)
            os.utime(write, ns=TIMES)
        finally:
            os.close(write)
    finally:
        os.close(read)
