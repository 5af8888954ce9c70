"""What lies where in a bundle (docs/bundle.md)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from monorepo.errors import MonoError

ABOUT = "mono-bundle.json"
"""The first member: it tells the format, and by its name that this is a bundle."""

SUMS = "SHA256SUMS"
"""The last member: the checksum of every other file, as sha256sum prints and checks them."""

FORMAT = 1
PROJECT = "project"

_PLAIN = (".tar",)
_COMPRESSED = (".tar.gz", ".tgz")


def is_compressed(file: Path) -> bool:
    """Whether a bundle of that name is compressed with gzip.

    Raises:
        MonoError: the name is none that a bundle can have.
    """
    if file.name.endswith(_COMPRESSED):
        return True
    if file.name.endswith(_PLAIN):
        return False
    raise MonoError(
        "a bundle is named .tar or .tar.gz", str(file), f"name it {file.with_suffix('.tar.gz').name}"
    )


def pack_member(commit: str) -> str:
    """Where the pack with all of a commit (40 hex digits) lies."""
    return f"git/{commit}.pack"


def repository_archive_member(content: str) -> str:
    """Where the archive of a repository lies; ``content`` is its hash in the lock."""
    return f"repositories/archives/{content.removeprefix('sha256:')}"


def repository_folder_member(content: str) -> str:
    """Where the copy (see `overlays.copies`) of a folder repository lies."""
    return f"repositories/folders/{content.removeprefix('sha256:')}"


def sums_text(digests: Mapping[str, str]) -> str:
    """`SUMS` for the sha256 (64 hex digits) of each member."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
