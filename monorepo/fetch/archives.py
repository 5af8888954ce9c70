"""The cache of archives: content-addressed, in opam's layout, shared by every project of a user.

Invariants: an entry appears complete or not at all (written aside, renamed); it is named by one listed
checksum and verified against all of them whenever it is used, so a damaged one is never believed; one process
at a time brings one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from monorepo.errors import FetchError
from monorepo.fetch.checksums import Checksum, verify_file


class ArchiveCache:
    """Archives below ``folder``/archives, what is still coming in below ``folder``/incoming."""

    def __init__(self, folder: Path) -> None:
        self._archives = folder / "archives"
        self._incoming = folder / "incoming"

    def path(self, checksums: Sequence[Checksum]) -> Path:
        """Where the archive with ``checksums`` lies, if it is there."""
        return self._archives / checksums[0].path

    def find(self, checksums: Sequence[Checksum]) -> Path | None:
        """The archive with all of ``checksums``; None where it is absent or damaged."""
        path = self.path(checksums)
        try:
            return None if verify_file(path, checksums) else path
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable(path, error) from error

    @contextmanager
    def bringing(self, checksums: Sequence[Checksum]) -> Iterator[Entry]:
        """Alone among all processes, see to the entry with ``checksums``."""
        from filelock import FileLock

        name = f"{checksums[0].algorithm}-{checksums[0].digest}"
        part = self._incoming / name
        lock = self._incoming / f"{name}.lock"
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            with FileLock(lock, thread_local=False):
                try:
                    yield Entry(part, self.path(checksums))
                finally:
                    part.unlink(missing_ok=True)
                # Whoever waits for this lock finds the entry in its place, so the file has served.
                lock.unlink(missing_ok=True)
        except OSError as error:
            raise unusable(self._incoming, error) from error


class Entry:
    """An entry of the cache that is being brought."""

    def __init__(self, part: Path, path: Path) -> None:
        self._part = part
        self._path = path

    def write(self, fill: Callable[[BinaryIO], None]) -> None:
        """Have ``fill`` write the bytes aside; they count only once `keep` is called."""
        with self._part.open("wb") as file:
            fill(file)

    def keep(self) -> Path:
        """The bytes that were written are right: put them where `ArchiveCache.find` looks."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._part.replace(self._path)
        return self._path


def unusable(path: Path, error: OSError) -> FetchError:
    """What to say where something in the cache, if nothing else then ``path``, cannot be read or written."""
    return FetchError(
        f"the cache cannot be used: {error.strerror or error}",
        place=str(error.filename or path),
        hint="make it readable and writable, free some space, or set MONO_CACHE to another folder",
    )
