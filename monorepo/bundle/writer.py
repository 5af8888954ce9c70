"""Writes the tar archive of a bundle: the same members give the same bytes, and it appears whole."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from monorepo.bundle.layout import SUMS, is_compressed, sums_text
from monorepo.errors import MonoError
from monorepo.fetch.tree import EPOCH


class BundleWriter:
    """Adds members one after the other; each has one of two modes and one fixed time, and no owner."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._digests: dict[str, str] = {}

    def content(self, name: str, content: bytes) -> None:
        """Add a file of these bytes."""
        self._file(name, io.BytesIO(content), len(content), executable=False)

    def file(self, name: str, path: Path) -> None:
        """Add a file as it is on disk.

        Raises:
            MonoError: it was cut short while it was read.
        """
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            try:
                self._file(name, file, status.st_size, executable=bool(status.st_mode & 0o100))
            except tarfile.ReadError as error:
                raise MonoError("it changed while it was read", str(path)) from error

    def folder(self, name: str) -> None:
        self._archive.addfile(_member(name, tarfile.DIRTYPE, 0o755))

    def link(self, name: str, target: str) -> None:
        member = _member(name, tarfile.SYMTYPE, 0o777)
        member.linkname = target
        self._archive.addfile(member)

    def sums(self) -> None:
        """Add the checksums of all files so far."""
        self.content(SUMS, sums_text(self._digests).encode("utf-8", "surrogateescape"))

    def _file(self, name: str, file: BinaryIO, size: int, *, executable: bool) -> None:
        member = _member(name, tarfile.REGTYPE, 0o755 if executable else 0o644)
        member.size = size
        hashing = _Hashing(file)
        self._archive.addfile(member, cast("IO[bytes]", hashing))
        self._digests[name] = hashing.digest()


class _Hashing:
    """Reads a file, and hashes what was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def digest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def writing(file: Path) -> Iterator[BundleWriter]:
    """A writer of the bundle ``file``, which takes its place, or that of an older one, at the end.

    Raises:
        MonoError: it cannot be written.
    """
    compressed = is_compressed(file)
    try:
        handle, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
        aside = Path(name)
        try:
            with os.fdopen(handle, "wb") as raw:
                # Without a name and a time in it, the same content gives the same bytes.
                packed = gzip.GzipFile("", "wb", 6, raw, mtime=0) if compressed else None
                with tarfile.open(
                    fileobj=packed or raw,
                    mode="w",
                    format=tarfile.PAX_FORMAT,
                    encoding="utf-8",
                    errors="surrogateescape",
                ) as archive:
                    writer = BundleWriter(archive)
                    yield writer
                    writer.sums()
                if packed is not None:
                    packed.close()
            umask = os.umask(0)
            os.umask(umask)
            aside.chmod(0o666 & ~umask)
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise MonoError(
            f"the bundle cannot be written: {error.strerror or error}", str(error.filename or file)
        ) from error


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.mode = mode
    member.mtime = EPOCH
    return member
