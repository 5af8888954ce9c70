"""The cache of archives: content-addressed, in opam's layout, shared by every project of a user.

Invariants: an entry appears complete or not at all (written aside, renamed); it is named by one listed
checksum and verified against all of them whenever it is used, so a damaged one is never believed; one process
at a time brings one entry. What is cut off half-way stays aside, to be gone on with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from monorepo.alone import alone_at
from monorepo.cache.use import unusable
from monorepo.errors import FetchError, without_logins
from monorepo.fetch.checksums import (
    Checksum,
    Verifier,
    feed_file,
    given_by,
    parse_checksum,
    verify_file,
)
from overlays.stores.files import touch


class ArchiveCache:
    """Archives below ``folder``/archives, what is still coming in below ``folder``/incoming."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._archives = folder / "archives"
        self._incoming = folder / "incoming"

    def path(self, checksums: Sequence[Checksum]) -> Path:
        """Where the archive with ``checksums`` lies, if it is there."""
        return self._archives / checksums[0].path

    def find(self, checksums: Sequence[Checksum]) -> Path | None:
        """The archive with all of ``checksums``; None where it is absent or damaged."""
        path = self.path(checksums)
        try:
            if verify_file(path, checksums):
                return None
            touch(path)
            return path
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable(self._folder, error, FetchError) from error

    def remember(self, url: str, checksum: Checksum) -> None:
        """``url`` gave, though nothing says that it always will, the archive with ``checksum``."""
        with self.bringing(given_by(url)) as entry:
            entry.begin(url, "")
            with entry.adding() as add:
                add(str(checksum).encode("ascii"))
            entry.keep(self.path(given_by(url)))

    def given_last(self, url: str) -> Checksum | None:
        """The checksum of what ``url`` gave last, where that is here."""
        remembered = self.path(given_by(url))
        try:
            checksum = parse_checksum(remembered.read_text(encoding="ascii", errors="replace"))
        except (FileNotFoundError, FetchError):
            return None
        if self.find((checksum,)) is None:
            return None
        touch(remembered)
        return checksum

    @contextmanager
    def bringing(self, checksums: Sequence[Checksum]) -> Iterator[Entry]:
        """Alone among all processes, see to the entry with ``checksums``."""
        name = f"{checksums[0].algorithm}-{checksums[0].digest}"
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            with alone_at(self._incoming / f"{name}.lock"):
                yield Entry(self._incoming / name)
        except OSError as error:
            raise unusable(self._folder, error, FetchError) from error


class Entry:
    """An entry of the cache that is being brought.

    What came so far is in ``incoming``.part and survives whatever ends the process; ``incoming``.from says of
    which state of which document it is a part, where the server gave that a name.
    """

    def __init__(self, incoming: Path) -> None:
        self._part = incoming.with_name(f"{incoming.name}.part")
        self._from = incoming.with_name(f"{incoming.name}.from")

    def read_into(self, verifier: Verifier) -> int:
        """Feed ``verifier`` all that came so far; the count of bytes."""
        try:
            return feed_file(self._part, verifier)
        except FileNotFoundError:
            return 0

    def validator(self, url: str) -> str:
        """What was noted when the part was begun, where it was from ``url``; else empty."""
        try:
            begun_from, _, validator = self._from.read_text(encoding="utf-8").partition("\n")
        except (FileNotFoundError, UnicodeDecodeError):
            return ""
        return validator if begun_from == without_logins(url) else ""

    def begin(self, url: str, validator: str) -> None:
        """Forget what came so far: what comes now is the document at ``url`` from its start."""
        self.discard()
        if validator:
            self._from.write_text(f"{without_logins(url)}\n{validator}", encoding="utf-8", newline="")

    @contextmanager
    def adding(self) -> Iterator[Callable[[bytes], None]]:
        """Adds to what came so far, at once, so that nothing is lost with the process."""
        with self._part.open("ab") as file:

            def add(chunk: bytes) -> None:
                file.write(chunk)
                file.flush()

            yield add

    def discard(self) -> None:
        """Forget what came so far."""
        self._part.unlink(missing_ok=True)
        self._from.unlink(missing_ok=True)

    @property
    def part(self) -> Path:
        """The file with what came so far."""
        return self._part

    def keep(self, path: Path) -> Path:
        """All came, and it is right: put it at ``path``, where the cache has it (`ArchiveCache.path`)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part.replace(path)
        self._from.unlink(missing_ok=True)
        return path
