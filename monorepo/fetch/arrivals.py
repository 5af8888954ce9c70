"""Which sources are complete, as one document after the other comes in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from monorepo.fetch.checksums import Checksum
from monorepo.fetch.places import Document, documents_of, files_of
from monorepo.lock.model import LockedSource

Arrived = Callable[[LockedSource, Mapping[tuple[Checksum, ...], Path]], None]
"""Hears of a source that is complete in the cache, with the verified file of each set of its checksums.

One that nothing pinned is pinned now, by the checksum of what came.
Called once for each source, from the threads that fetch, one call at a time: it holds them up, so it only
hands the source on. A source of which something could not be had is never told.
"""


Part = tuple[Checksum, ...] | tuple[str, str]
"""One thing that a source is made of: a file, by its identity, or a commit, with the url that it is from."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought.

    ``paths`` has the cached file of each set of checksums; ``downloaded`` counts files that were not in the
    cache, ``received`` their bytes; ``notes`` tells of places that were passed over.
    """

    paths: Mapping[tuple[Checksum, ...], Path]
    downloaded: int = 0
    received: int = 0
    notes: tuple[str, ...] = ()


class Arrivals:
    """Tells ``arrived`` of each of ``sources`` as soon as everything that it needs is there."""

    def __init__(self, sources: Sequence[LockedSource], arrived: Arrived) -> None:
        self._arrived = arrived
        self._lock = Lock()
        self._paths: dict[tuple[Checksum, ...], Path] = {}
        self._found: dict[str, tuple[Checksum, ...]] = {}
        self._missing = {source.directory: set(_parts_of(source)) for source in sources}
        self._wanting: dict[Part, list[LockedSource]] = {}
        for source in sources:
            for part in self._missing[source.directory]:
                self._wanting.setdefault(part, []).append(source)

    def document(self, wanted: Document, checksums: tuple[Checksum, ...], path: Path) -> None:
        """``wanted`` is verified and at ``path``; it has these ``checksums``."""
        with self._lock:
            self._paths[checksums] = path
            if not wanted.checksums:
                self._found[wanted.url] = checksums
            self._have(wanted.identity)

    def commit(self, url: str, commit: str) -> None:
        """The commit of a git repository is in its bare clone."""
        with self._lock:
            self._have((url, commit))

    def _have(self, part: Part) -> None:
        for source in self._wanting.pop(part, ()):
            missing = self._missing[source.directory]
            missing.remove(part)
            if not missing:
                pinned = self._pinned(source)
                self._arrived(pinned, {file: self._paths[file] for file in files_of(pinned)})

    def _pinned(self, source: LockedSource) -> LockedSource:
        if source.checksums or source.commit:
            return source
        return replace(source, checksums=tuple(map(str, self._found[source.url])))


def _parts_of(source: LockedSource) -> list[Part]:
    commits = [(source.url, source.commit)] if source.commit else []
    return [*(document.identity for document in documents_of([source])), *commits]
