"""What one commit holds, carried from one clone to another as a pack.

The pack has the same bytes whatever git, zlib and machine made it: objects whole, in the order of their ids,
not compressed (gitformat-pack; RFC 1950 and 1951 for blocks that are stored).
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from monorepo.adapters.git_clone import Clone
from monorepo.adapters.git_commands import GitRefusedError, run_git, stream_git
from monorepo.errors import RepositoryError

_KINDS = {b"commit": 1, b"tree": 2, b"blob": 3}
_STORED = 65_535  # the most that one stored block holds


def write_pack(clone: Clone, commit: str, file: BinaryIO) -> None:
    """Write the objects of ``commit``, which is in ``clone``: itself, its trees and its files.

    Raises:
        RepositoryError: the clone lacks some of them.
    """
    listing = clone.run("rev-list", "--objects", "--no-object-names", "--no-walk", "--end-of-options", commit)
    identifiers = sorted(listing.split())
    sink = _Hashing(file)
    sink.write(b"PACK" + (2).to_bytes(4, "big") + len(identifiers).to_bytes(4, "big"))
    with tempfile.TemporaryFile() as wanted, tempfile.TemporaryFile() as found:
        wanted.write("".join(f"{identifier}\n" for identifier in identifiers).encode("ascii"))
        wanted.seek(0)
        try:
            stream_git(clone.path, ("cat-file", "--batch", "--buffer"), clone.environment(), wanted, found)
        except GitRefusedError as error:
            raise RepositoryError(error.complaint[0], clone.url) from error
        found.seek(0)
        for identifier in identifiers:
            kind, size = _heading(found, identifier, clone)
            sink.write(_entry(_KINDS[kind], size))
            for piece in _stored(found, size):
                sink.write(piece)
            found.read(1)  # the line end after an object
    file.write(sink.digest())


def take_pack(clone: Clone, commit: str, pack: Path) -> None:
    """Fetch ``commit`` into ``clone`` from a repository that has ``pack`` and nothing else.

    git computes the id of each object from its bytes, and fetches only what leads from the commit: whatever
    else is in the pack stays out.

    Raises:
        RepositoryError: the pack is damaged, or does not have all of the commit.
    """
    with tempfile.TemporaryDirectory(dir=clone.path.parent, prefix="pack-") as folder:
        carrier = Clone(clone.url, Path(folder) / "carrier", offline=True)
        carrier.ensure()
        copy = carrier.path / "objects/pack/pack-carried.pack"
        try:
            shutil.copyfile(pack, copy)
            run_git(carrier.path, ("index-pack", str(copy)), carrier.environment())
            carrier.run("cat-file", "-e", commit)
            # Its history stays behind: so says this file (gitrepository-layout).
            (carrier.path / "shallow").write_text(f"{commit}\n", encoding="ascii")
            carrier.run("update-ref", "refs/heads/carried", commit)
        except (GitRefusedError, RepositoryError, FileNotFoundError) as error:
            raise RepositoryError(f"the pack does not have the commit {commit}", clone.url) from error
        with clone.alone():
            clone.run(
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--force",
                "--depth=1",
                "--",
                str(carrier.path),
                f"+refs/heads/carried:refs/mono/{commit}",
            )


def damage(clone: Clone) -> str:
    """What ``git fsck`` finds, in one line."""
    try:
        clone.run("fsck", "--full", "--no-dangling", "--no-progress")
    except RepositoryError as error:
        return error.reason
    return ""


class _Hashing:
    """Passes on what is written, and hashes it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha1(usedforsecurity=False)

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)

    def digest(self) -> bytes:
        return self._hash.digest()


def _heading(found: BinaryIO, identifier: str, clone: Clone) -> tuple[bytes, int]:
    """Kind and size of the object that ``git cat-file --batch`` gives next."""
    words = found.readline().split()
    if len(words) != 3 or words[0].decode("ascii") != identifier:
        raise RepositoryError(f"there is no object {identifier}", clone.url)
    return words[1], int(words[2])


def _entry(kind: int, size: int) -> bytes:
    """How an object begins: kind and size, seven bits a byte, the lowest first, four beside the kind."""
    first, size = kind << 4 | size & 15, size >> 4
    row = [first]
    while size:
        row[-1] |= 0x80
        row.append(size & 0x7F)
        size >>= 7
    return bytes(row)


def _stored(found: BinaryIO, size: int) -> Iterator[bytes]:
    """The next ``size`` bytes as a zlib stream of stored blocks."""
    yield b"\x78\x01"
    check = 1
    while True:
        block = found.read(min(size, _STORED))
        size -= len(block)
        check = zlib.adler32(block, check)
        length = len(block)
        yield bytes([not size]) + length.to_bytes(2, "little") + (length ^ 0xFFFF).to_bytes(2, "little")
        yield block
        if not size:
            break
    yield check.to_bytes(4, "big")
