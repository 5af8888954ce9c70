"""A repository in an archive file.

Unpacking one would make tens of thousands of small files. Instead its package files are packed once into a
snapshot in the cache: their bytes one after the other, an index that tells where each lies, and a trailer
that tells where the index is. A snapshot is named by the hash of its archive, written aside and renamed; one
that is damaged is written anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
import weakref
import zlib
from collections.abc import Iterable
from pathlib import Path

from overlays.errors import RepositoryUnreadable
from overlays.stores.files import touch
from overlays.stores.layout import Stamp, index_of
from overlays.stores.unpacking import BadArchive, package_files

_TRAILER = struct.Struct(">Q32s16s")
_MAGIC = b"mono repository1"


class _Snapshot:
    """An open snapshot; ``packages`` are the folders by name and version. It closes itself."""

    def __init__(self, place: Path) -> None:
        """Raises `FileNotFoundError`, or `ValueError` where the file is not a whole snapshot."""
        self._descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._descriptor)
        end = os.fstat(self._descriptor).st_size - _TRAILER.size
        if end < 0:
            raise ValueError("too short")
        start, digest, magic = _TRAILER.unpack(self._bytes(end, _TRAILER.size))
        index = self._bytes(start, end - start) if magic == _MAGIC and start <= end else b""
        if hashlib.sha256(index).digest() != digest:
            raise ValueError("damaged")
        self._places: dict[str, tuple[int, int, int]]
        self.packages: dict[str, dict[str, str]]
        self._places, self.packages = json.loads(index)

    def __contains__(self, path: str) -> bool:
        return path in self._places

    def paths(self) -> Iterable[str]:
        return self._places

    def read(self, path: str) -> bytes | None:
        """The bytes of a file that is in the snapshot, None where they are not what was written."""
        offset, length, checksum = self._places[path]
        content = self._bytes(offset, length)
        return content if zlib.crc32(content) == checksum else None

    def _bytes(self, offset: int, length: int) -> bytes:
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        return os.read(self._descriptor, length)


class ArchiveStore:
    """The repository in the archive at ``path``; its snapshot is kept in ``folder``.

    Raises:
        RepositoryUnreadable: the archive is absent, damaged, of an unknown form, or holds no repository.
    """

    def __init__(self, repository: str, path: Path, folder: Path) -> None:
        self._repository = repository
        self._path = path
        try:
            self._hash = _sha256_of(path)
            self._place = folder / f"{self._hash}.snapshot"
            self._snapshot = _opened(self._place) or self._written()
            touch(self._place)
        except OSError as error:
            raise self._unreadable(f"cannot be read: {error.strerror or error}") from error

    @property
    def key(self) -> str:
        return f"archive {self._hash}"

    def names(self) -> Iterable[str]:
        return self._snapshot.packages

    def folders(self, package: str) -> dict[str, str]:
        return self._snapshot.packages.get(package, {})

    def stamp(self, path: str) -> Stamp | None:
        return () if path in self._snapshot else None

    def read(self, path: str) -> bytes | None:
        if path not in self._snapshot:
            return None
        content = self._snapshot.read(path)
        if content is None:
            self._snapshot = self._written()
            content = self._snapshot.read(path)
        return content

    def identity(self) -> str | None:
        return f"sha256:{self._hash}"

    def _written(self) -> _Snapshot:
        try:
            _write(self._place, self._path, self._repository)
        except BadArchive as error:
            raise self._unreadable(str(error)) from error
        snapshot = _opened(self._place)
        if snapshot is None:
            raise self._unreadable(f"its snapshot {self._place} cannot be read back")
        return snapshot

    def _unreadable(self, reason: str) -> RepositoryUnreadable:
        return RepositoryUnreadable(self._repository, str(self._path), reason)


def is_whole(place: Path) -> bool:
    """Whether the snapshot at ``place`` is what was written; OSError where it cannot be read."""
    try:
        snapshot = _Snapshot(place)
    except ValueError:
        return False
    return all(snapshot.read(path) is not None for path in snapshot.paths())


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(place: Path) -> _Snapshot | None:
    """The snapshot at ``place``, None where there is none or where it is damaged."""
    try:
        return _Snapshot(place)
    except (FileNotFoundError, ValueError):
        return None


def _write(place: Path, archive: Path, repository: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    places: dict[str, tuple[int, int, int]] = {}  # offset, length and CRC-32
    handle, aside = tempfile.mkstemp(dir=place.parent, prefix=f"{place.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            for path, content in package_files(archive):
                places[path] = (file.tell(), len(content), zlib.crc32(content))
                file.write(content)
            packages = index_of(places, repository, str(archive))
            index = json.dumps([places, packages], separators=(",", ":")).encode("utf-8")
            start = file.tell()
            file.write(index)
            file.write(_TRAILER.pack(start, hashlib.sha256(index).digest(), _MAGIC))
        Path(aside).replace(place)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
