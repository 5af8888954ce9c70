"""The package files inside an archive of a repository, one after the other, whatever its form.

The archive may come from anywhere: names that climb, oversized members and damage of any kind are refused.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from overlays.stores.layout import PACKAGES

REPO = "repo"

_LARGEST_FILE = 8 << 20
_LARGEST_TOTAL = 2 << 30
_PIECE = 1 << 20

_COMPRESSIONS: tuple[tuple[bytes, type[gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]], ...] = (
    (b"\x1f\x8b", gzip.GzipFile),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\0", lzma.LZMAFile),
)
"""How an archive of each form begins, and what unpacks it."""


class BadArchive(Exception):  # noqa: N818 — it tells what is the case
    """The archive is damaged, of an unknown form, or means harm."""


def package_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Path below the top of the repository, and bytes, of all that belongs to a package, and of ``repo``.

    The repository may stand at the top of the archive or in its one top folder. Links are left out.

    Raises:
        BadArchive: see there; also in the middle, when some files have been given already.
        OSError: the archive itself cannot be read.
    """
    top: str | None = None
    total = 0
    try:
        for name, size, read in _members(path):
            total += size
            if total > _LARGEST_TOTAL:
                raise BadArchive(f"it unpacks to more than {_LARGEST_TOTAL >> 30} GiB")
            folder, wanted = _below_top(name)
            if not wanted:
                continue
            if size > _LARGEST_FILE:
                raise BadArchive(f"{name} is larger than {_LARGEST_FILE >> 20} MiB")
            if wanted != REPO:
                if top not in (None, folder):
                    raise BadArchive("it holds more than one repository")
                top = folder
            yield wanted, read()
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise BadArchive(f"it is damaged: {error}") from error
    except (gzip.BadGzipFile, RuntimeError, UnicodeError, ValueError) as error:
        raise BadArchive(f"it is damaged or of an unknown form: {error}") from error


def _below_top(name: str) -> tuple[str, str]:
    """The top folder and the path below it of a file that is wanted; the path is empty for any other."""
    parts = [part for part in name.split("/") if part != "."]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise BadArchive(f"{name!r} leads out of the archive")
    for depth in (0, 1):
        below = parts[depth:]
        if below == [REPO] or (below[:1] == [PACKAGES] and (below[-1] == "opam" or "files" in below)):
            return "/".join(parts[:depth]), "/".join(below)
    return "", ""


def _members(path: Path) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    """Name, size and a way to the bytes of each plain file, in the archive's order."""
    with path.open("rb") as file:
        magic = file.read(6)
    for start, form in _COMPRESSIONS:
        if magic.startswith(start):
            with form(path) as stream:
                yield from _tar_members(cast(BinaryIO, stream))
            return
    if not magic.startswith(b"PK"):
        raise BadArchive("it is none of .tar.gz, .tar.bz2, .tar.xz and .zip")
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                yield info.filename, info.file_size, partial(archive.read, info)


def _tar_members(stream: BinaryIO) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        while (member := archive.next()) is not None:
            if member.isfile():
                yield member.name, member.size, partial(_content, archive, member)
            archive.members.clear()  # type: ignore[attr-defined]  # they would fill the memory
        # tarfile takes a damaged header for the end; only zeros may follow the real one.
        assert archive.fileobj is not None
        while piece := archive.fileobj.read(_PIECE):
            if piece.strip(b"\0"):
                raise BadArchive("it is damaged: there is more after its end")


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    content = file.read() if file is not None else b""
    if len(content) != member.size:
        raise BadArchive(f"it is damaged: {member.name} is cut short")
    return content
