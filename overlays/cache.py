"""What was parsed of opam files, kept between runs.

A repository has one file in the cache: for each name of a package its versions, each with the stamp that its
opam file had and with what the solver needs of it. A record counts only while the stamp is what it was. The
cache never changes an answer: what is damaged, or of another mono or Python, is as good as absent.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from overlays.formulas import Listed, listed, read_conflicts, read_filter, read_formula, read_listed
from overlays.opam_file import OpamFile
from overlays.stores.files import changed_at, touch
from overlays.stores.layout import Stamp
from solver.formula import ALWAYS, Formula
from solver.package import Package, Source
from solver.version import Version

_FORMAT = f"mono metadata 3, {sys.implementation.cache_tag}, marshal {marshal.version}\n".encode()
"""Raise the number with every change of what a record holds or of how one is read."""

_DIGEST_SIZE = 16

_COARSEST_CLOCK = 2_000_000_000
"""Two seconds, in nanoseconds: no file system in use tells times apart less well."""

Record = tuple[Any, ...]
"""Formulas as texts or taken apart, and plain values, in the order of `_record_of`: what marshal takes."""


class MetadataCache:
    """All caches of metadata, in one folder."""

    def __init__(self, folder: Path, clock: Callable[[], int] = time.time_ns) -> None:
        """``clock`` gives nanoseconds since the epoch; it decides what is kept, never what is answered."""
        self._folder = folder
        self._clock = clock

    def open(self, key: str) -> Metadata:
        """The metadata of the repository that ``key`` names."""
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        return Metadata(self._folder / f"{name}.metadata", self._clock)


class Metadata:
    """The metadata of one repository, read from ``place`` at once and package by package."""

    def __init__(self, place: Path, clock: Callable[[], int]) -> None:
        self._place = place
        self._clock = clock
        self._chunks = _load(place)
        self._records: dict[str, dict[str, tuple[Stamp, Record]]] = {}
        self._changed: set[str] = set()

    def get(self, name: str, version: str, stamp: Stamp | None, repository: str) -> Package | None:
        """The package as it was parsed, None where that is not known for ``stamp``."""
        found = self._of(name).get(version)
        if found is None or found[0] != stamp:
            return None
        return _package_of(found[1], name, version, repository)

    def put(self, version: str, stamp: Stamp | None, file: OpamFile, package: Package) -> None:
        """Keep ``package``, which was read from ``file`` after that had ``stamp``.

        A file that changed a moment ago is not kept: it could change again without a new stamp, as the clocks
        of file systems are coarse.
        """
        if stamp is not None and self._clock() - changed_at(stamp) > _COARSEST_CLOCK:
            self._of(package.name)[version] = (stamp, _record_of(file, package))
            self._changed.add(package.name)

    def save(self) -> None:
        """Write the cache, if anything was put; a cache that cannot be written is done without."""
        if not self._changed:
            return
        chunks = _load(self._place)  # another process may have written since
        for name in self._changed:
            chunks[name] = marshal.dumps(self._records[name])
        try:
            _store(self._place, marshal.dumps(chunks))
        except OSError:
            return
        self._changed.clear()

    def _of(self, name: str) -> dict[str, tuple[Stamp, Record]]:
        if name not in self._records:
            chunk = self._chunks.get(name)
            self._records[name] = marshal.loads(chunk) if chunk is not None else {}
        return self._records[name]


def _load(place: Path) -> dict[str, bytes]:
    """What `_store` wrote at ``place``; nothing where that is absent or of no use."""
    try:
        content = place.read_bytes()
    except OSError:
        return {}
    touch(place)
    head = len(_FORMAT) + _DIGEST_SIZE
    payload = memoryview(content)[head:]
    if content[:head] != _FORMAT + _digest(payload):
        return {}
    chunks: dict[str, bytes] = marshal.loads(payload)
    return chunks


def _store(place: Path, payload: bytes) -> None:
    import tempfile  # most runs find all they need and write nothing

    place.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=place.parent, prefix=f"{place.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_FORMAT + _digest(payload))
            file.write(payload)
        Path(aside).replace(place)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def _digest(payload: bytes | memoryview) -> bytes:
    return hashlib.blake2b(payload, digest_size=_DIGEST_SIZE).digest()


def _record_of(file: OpamFile, package: Package) -> Record:
    source, depends = package.source, file.raw("depends")
    return (
        None if depends is None else listed(depends) or depends,
        file.raw("conflicts"),
        package.conflict_class,
        file.raw("available"),
        tuple(sorted(package.flags)),
        package.has_build,
        package.has_install,
        source and (source.url, source.mirrors, source.checksums, source.subpath),
        package.dev_repo,
        package.metadata_hash,
    )


def _package_of(record: Record, name: str, version: str, repository: str) -> Package:
    (
        depends,
        conflicts,
        conflict_class,
        available,
        flags,
        has_build,
        has_install,
        source,
        dev_repo,
        metadata_hash,
    ) = record
    return Package(
        name,
        Version.parse(version),
        _formula_of(depends),
        () if conflicts is None else read_conflicts(conflicts),
        conflict_class,
        None if available is None else read_filter(available),
        frozenset(flags),
        has_build,
        has_install,
        None if source is None else Source(*source),
        dev_repo,
        repository,
        metadata_hash,
    )


def _formula_of(depends: str | Listed | None) -> Formula:
    if depends is None:
        return ALWAYS
    return read_formula(depends) if isinstance(depends, str) else read_listed(depends)
