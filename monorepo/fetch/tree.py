"""A folder filled from something that is not trusted: nothing is ever written outside it.

How that is kept: a name is relative and has no ``..``; symbolic links are made last, so that no file is
written through one; and a link counts only if what it leads to, every other link followed, is inside.
Everything gets the same time, and files are read-only with one of two modes, less what the umask takes away.
Names that are one where upper and lower case are, as on macOS, are refused, so that a source is the same tree
everywhere.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from monorepo.errors import FetchError

EPOCH = 315_532_800  # 1980-01-01, the earliest time that every archive format can tell
TIMES = (EPOCH * 10**9, EPOCH * 10**9)
"""The one time of everything, as `os.utime` takes it."""
_DEEPEST = 256
_LONGEST_TARGET = 4095  # PATH_MAX of Linux, without the zero at the end
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Limits:
    """What one source may unpack to, far above any real one: entries, and bytes in all."""

    entries: int = 200_000
    bytes: int = 4 << 30


class Tally:
    """What one source holds: refuses more than ``limits`` allow, and two names that are one on some systems.

    Every method raises FetchError for what is refused.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._entries = 0
        self._bytes = 0
        self._names: dict[str, str] = {}

    def entry(self, name: str) -> None:
        """There is one more."""
        self._entries += 1
        if self._entries > self._limits.entries:
            raise FetchError(f"it has more than {self._limits.entries} entries", place=name)

    def add(self, count: int, name: str) -> None:
        """There are ``count`` bytes more."""
        self.refuse_too_much(count, name)
        self._bytes += count

    def refuse_too_much(self, announced: int, name: str) -> None:
        """As `add`, of what is not there yet."""
        if self._bytes + announced > self._limits.bytes:
            raise FetchError(f"it unpacks to more than {self._limits.bytes} bytes", place=name)

    def claim(self, path: str) -> None:
        """Refuse a name that another one would be taken for (Unicode, 3.13: canonical caseless matching)."""
        folded = path.casefold()
        if not path.isascii():
            folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())
        other = self._names.setdefault(folded, path)
        if other != path:
            raise FetchError(
                f"it and {other} would be one name where upper and lower case are one", place=path
            )


def recheck(folder: Path, limits: Limits | None = None) -> None:
    """Refuse what `TreeWriter` would have refused of what was added to ``folder`` since.

    Raises:
        FetchError: there are too many entries or bytes, or two names that are one on some systems.
    """
    _count(os.fspath(folder), "", Tally(limits))


def _count(folder: str, prefix: str, tally: Tally) -> None:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = prefix + entry.name
        tally.entry(path)
        tally.claim(path)
        if entry.is_dir(follow_symlinks=False):
            _count(entry.path, f"{path}/", tally)
        else:
            tally.add(entry.stat(follow_symlinks=False).st_size, path)


def safe_path(name: str) -> str:
    """``name`` as a relative path without empty and ``.`` parts; ``""`` is the folder itself.

    Raises:
        FetchError: it is absolute, has a ``..``, is absurdly deep, or cannot be a file's name.
    """
    if name.startswith("/"):
        raise FetchError("an absolute path is refused", place=name)
    if "\0" in name:
        raise FetchError("a name with a zero byte is refused", place=repr(name))
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise FetchError("a path that leaves its folder is refused", place=name)
    if len(parts) > _DEEPEST:
        raise FetchError(f"a path more than {_DEEPEST} folders deep is refused", place=f"{name[:80]}…")
    return "/".join(parts)


class TreeWriter:
    """Fills ``folder``, which must be absent or empty; `close` makes the links and ends it.

    Every method raises FetchError for what is refused. Where two entries have one name the later one
    counts, as with tar.
    """

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._root = os.path.realpath(folder)
        self._tally = Tally(limits)
        self._folders = {""}
        self.digests: dict[str, str] = {}
        """The sha256 of every file, in hex digits, by its path."""
        self._links: dict[str, str] = {}

    def folder(self, name: str) -> None:
        path = self._count(name)
        if path:
            self._links.pop(path, None)
            self._make_folders(path)

    def file(self, name: str, chunks: Iterable[bytes], *, executable: bool, announced: int = 0) -> None:
        """``announced`` bytes, where that is known, are refused before any of them is written."""
        path = self._place(name)
        self._tally.refuse_too_much(announced, name)
        if path in self.digests:
            Path(self._root, path).unlink()
        digest = hashlib.sha256()
        descriptor = os.open(f"{self._root}/{path}", _WRITE, 0o555 if executable else 0o444)
        try:
            for chunk in chunks:
                self._tally.add(len(chunk), name)
                digest.update(chunk)
                write_all(descriptor, chunk)
            os.utime(descriptor, ns=TIMES)
        finally:
            os.close(descriptor)
        self.digests[path] = digest.hexdigest()

    def hardlink(self, name: str, target: str) -> None:
        """A second name for a file that is there already; made as a copy."""
        source = safe_path(target)
        if source not in self.digests:
            raise FetchError(f"a link to {target!r}, which is no file of this source, is refused", place=name)
        if source == safe_path(name):
            return
        with Path(self._root, source).open("rb") as file:
            executable = bool(os.fstat(file.fileno()).st_mode & 0o100)
            self.file(name, iter(lambda: file.read(1 << 20), b""), executable=executable)

    def symlink(self, name: str, target: str) -> None:
        if target.startswith("/") or "\0" in target or not target:
            raise FetchError(f"a link to {target!r} leaves its folder and is refused", place=name)
        if len(target) > _LONGEST_TARGET:
            raise FetchError("a link whose target is too long is refused", place=name)
        path = self._place(name)
        if path in self.digests:
            Path(self._root, path).unlink()
            del self.digests[path]
        self._links[path] = target

    def close(self) -> None:
        """Make the symbolic links, and refuse any that leads outside."""
        for path, target in self._links.items():
            if path in self._folders:
                raise FetchError("is both a link and a folder", place=path)
            link = f"{self._root}/{path}"
            Path(link).symlink_to(target)
            os.utime(link, ns=TIMES, follow_symlinks=False)
        for path in self._links:
            refuse_leaving(self._root, path)

    def _count(self, name: str) -> str:
        self._tally.entry(name)
        return safe_path(name)

    def _place(self, name: str) -> str:
        path = self._count(name)
        if not path or path in self._folders:
            raise FetchError("is both a file and a folder", place=name)
        self._links.pop(path, None)
        self._make_folders(path.rpartition("/")[0])
        self._tally.claim(path)
        return path

    def _make_folders(self, path: str) -> None:
        if path in self._folders:
            return
        if path in self.digests or path in self._links:
            raise FetchError("is both a folder and something else", place=path)
        self._make_folders(path.rpartition("/")[0])
        self._tally.claim(path)
        os.mkdir(f"{self._root}/{path}", 0o755)  # noqa: PTH102 (a path object for each costs as much as the call)
        self._folders.add(path)


def refuse_leaving(root: str, path: str) -> None:
    """Raise FetchError where the symbolic link ``root``/``path`` leads out of ``root`` (a real path)."""
    end = os.path.realpath(f"{root}/{path}")
    if end != root and not end.startswith(f"{root}/"):
        raise FetchError(
            f"a link to {str(Path(root, path).readlink())!r} leaves its folder and is refused", place=path
        )


def settle(folder: Path) -> None:
    """Give everything in ``folder`` its plain mode, and every file the one time; check every link.

    What is read-only stays so.

    Raises:
        FetchError: a symbolic link leads out of ``folder``.
    """
    root = os.path.realpath(folder)
    _set_mode(root, os.lstat(root), 0o755)
    _settle(root, "")


def _settle(root: str, prefix: str) -> None:
    with os.scandir(f"{root}/{prefix}") as entries:
        for entry in entries:
            path = prefix + entry.name
            about = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                _set_mode(entry.path, about, 0o755)
                _settle(root, f"{path}/")
                continue
            if entry.is_symlink():
                refuse_leaving(root, path)
            else:
                mode = 0o755 if about.st_mode & 0o100 else 0o644
                _set_mode(entry.path, about, mode if about.st_mode & 0o200 else mode & 0o555)
            if about.st_mtime_ns != TIMES[1]:
                os.utime(entry.path, ns=TIMES, follow_symlinks=False)


def _set_mode(path: str, about: os.stat_result, mode: int) -> None:
    if stat.S_IMODE(about.st_mode) != mode:
        Path(path).chmod(mode)


def inside(folder: Path, name: str) -> Path:
    """The file ``name`` of ``folder``, to be read or written.

    Raises:
        FetchError: the name leaves the folder, by itself or through a symbolic link.
    """
    path = safe_path(name)
    root = os.path.realpath(folder)
    end = os.path.realpath(f"{root}/{path}")
    if not path or not end.startswith(f"{root}/"):
        raise FetchError("a path that leaves its folder is refused", place=name)
    return Path(end)


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all that it holds; nothing where there is none."""
    try:
        kind = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(kind):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_all(descriptor: int, chunk: bytes) -> None:
    """Write ``chunk``, however many calls it takes."""
    written = os.write(descriptor, chunk)
    while written < len(chunk):
        written += os.write(descriptor, chunk[written:])
