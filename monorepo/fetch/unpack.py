"""Unpacks an archive, whatever its name says it is, into a folder that nothing leaves."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, BinaryIO

from monorepo.errors import FetchError
from monorepo.fetch.decompress import Decompressed, Gzip, Readable
from monorepo.fetch.tar import Kind, TarReader
from monorepo.fetch.tree import Limits, TreeWriter

_CHUNK = 1 << 20
_LONGEST_LINK = 4096
_USTAR = slice(257, 262)


def unpack(archive: Path, folder: Path, limits: Limits | None = None) -> Mapping[str, str]:
    """Unpack ``archive`` (tar, plain or with gzip, bzip2 or xz; or zip) into ``folder``, absent or empty.

    Files get the mode 444, or 555 where their owner may execute them, and one fixed time.

    Returns:
        The sha256 of every file, in hex digits, by its path in ``folder``.

    Raises:
        FetchError: the format is unknown, the archive damaged or too big, or an entry would leave the folder,
            is a device or the like. The folder then holds a part.
    """
    with archive.open("rb") as file:
        start = file.read(512)
        file.seek(0)
        writer = TreeWriter(folder, limits)
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            _unpack_zip(file, writer)
        else:
            _unpack_tar(_decompressed(file, start), writer)
        writer.close()
        return writer.digests


def single_folder(folder: Path) -> Path:
    """What an archive was made of: the only folder in ``folder`` where there is nothing else, or itself."""
    entries = list(folder.iterdir())
    if len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink():
        return entries[0]
    return folder


def _decompressed(file: BinaryIO, start: bytes) -> Readable:
    if start.startswith(b"\x1f\x8b"):
        return Decompressed(file, Gzip)
    if start.startswith(b"BZh"):
        import bz2

        return Decompressed(file, bz2.BZ2Decompressor)
    if start.startswith(b"\xfd7zXZ\0"):
        import lzma

        return Decompressed(file, lzma.LZMADecompressor)
    if start[_USTAR] == b"ustar":
        return file
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        raise FetchError(
            "archives with zstandard are not supported", hint="opam knows gzip, bzip2, xz and zip"
        )
    raise FetchError(
        "this is no archive that mono knows", hint="tar, plain or with gzip, bzip2 or xz, and zip are known"
    )


def _unpack_tar(stream: Readable, writer: TreeWriter) -> None:
    reader = TarReader(stream)
    for member in reader:
        if member.kind is Kind.FILE:
            writer.file(
                member.name, reader.content(member), executable=member.executable, announced=member.size
            )
        elif member.kind is Kind.FOLDER:
            writer.folder(member.name)
        elif member.kind is Kind.SYMLINK:
            writer.symlink(member.name, member.target)
        else:
            writer.hardlink(member.name, member.target)


def _unpack_zip(file: BinaryIO, writer: TreeWriter) -> None:
    import zipfile
    import zlib

    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                mode = member.external_attr >> 16
                if member.flag_bits & 1:
                    raise FetchError("an encrypted entry is refused", place=member.filename)
                if member.is_dir():
                    writer.folder(member.filename)
                elif stat.S_ISLNK(mode):
                    with archive.open(member) as content:
                        writer.symlink(member.filename, os.fsdecode(content.read(_LONGEST_LINK)))
                elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                    raise FetchError("a device or the like is refused", place=member.filename)
                else:
                    with archive.open(member) as content:
                        writer.file(
                            member.filename,
                            _chunks(content),
                            executable=bool(mode & 0o100),
                            announced=member.file_size,
                        )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise FetchError(f"the archive is damaged: {error}") from error


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(_CHUNK):
        yield chunk
