"""What git calls a folder: the identifier of its tree object, which Software Heritage's SWHIDs have as well.

Sources: Pro Git, "Git Objects"; the SWHID specification, "Directories" (empty folders count as well).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_FOLDER, _LINK, _PROGRAM, _FILE = b"40000", b"120000", b"100755", b"100644"


def git_tree(folder: Path) -> str:
    """The identifier (40 hex digits, SHA-1) of the tree object that is ``folder`` with everything in it."""
    return _tree(os.fsencode(folder)).hex()


def _tree(folder: bytes) -> bytes:
    with os.scandir(folder) as found:
        entries = sorted(found, key=_place)
    return _object(b"tree", b"".join(b"%b %b\0%b" % _entry(entry) for entry in entries))


def _place(entry: os.DirEntry[bytes]) -> bytes:
    """By what an entry is sorted: a folder as if its name ended in a slash."""
    return entry.name + b"/" if entry.is_dir(follow_symlinks=False) else entry.name


def _entry(entry: os.DirEntry[bytes]) -> tuple[bytes, bytes, bytes]:
    if entry.is_symlink():
        # Not by way of `Path`, which would tidy up what the link says.
        return _LINK, entry.name, _object(b"blob", os.readlink(entry.path))  # noqa: PTH115
    if entry.is_dir():
        return _FOLDER, entry.name, _tree(entry.path)
    mode = _PROGRAM if entry.stat().st_mode & 0o111 else _FILE
    return mode, entry.name, _object(b"blob", Path(os.fsdecode(entry.path)).read_bytes())


def _object(kind: bytes, content: bytes) -> bytes:
    return hashlib.sha1(b"%b %d\0%b" % (kind, len(content), content), usedforsecurity=False).digest()
