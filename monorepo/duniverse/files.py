"""What each directory of the duniverse holds, file by file, in duniverse/.mono.files/DIRECTORY.

The text is the one that the digest of the tree is the sha256 of (`builder.digest`), so it vouches for itself.
A pull writes it and never reads it; it tells which files differ where the digest tells only that some do,
in a fresh clone as well, where nothing else knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from builder.digest import bytes_digest, tree_listing
from builder.errors import BuilderError
from monorepo.errors import DuniverseError
from solver.values import dataclass

LISTS = ".mono.files"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Paths in a directory that differ from what was there, as text, sorted."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]


def list_files(folder: Path) -> bytes:
    """The list for what ``folder`` holds now.

    Raises:
        DuniverseError: it cannot be read, or has something that is neither file, folder nor link.
    """
    try:
        return tree_listing(folder)
    except BuilderError as error:
        raise DuniverseError(error.reason, place=error.place, hint=error.hint) from error


def read_list(duniverse: Path, directory: str, tree: str) -> bytes | None:
    """The list of what ``directory`` held when its digest was ``tree``; None where there is none of that."""
    try:
        listing = (duniverse / LISTS / directory).read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    return listing if bytes_digest(listing) == tree else None


def has_list(duniverse: Path, directory: str) -> bool:
    """Whether there is a list for ``directory``; what it says is not looked at."""
    return (duniverse / LISTS / directory).is_file()


def make_lists(duniverse: Path) -> None:
    """Make the folder for the lists of a new duniverse."""
    folder = duniverse / LISTS
    folder.mkdir()
    folder.chmod(0o755)


def write_list(duniverse: Path, directory: str, listing: bytes) -> None:
    """Keep ``listing`` for ``directory``."""
    path = duniverse / LISTS / directory
    path.unlink(missing_ok=True)  # it may be another's as well, by a hard link
    path.write_bytes(listing)
    path.chmod(0o644)


def compare(before: bytes, after: bytes) -> Comparison:
    """What became of the files of one list in another."""
    old, new = _entries(before), _entries(after)
    return Comparison(
        changed=_sorted(path for path in old.keys() & new.keys() if old[path] != new[path]),
        missing=_sorted(old.keys() - new.keys()),
        extra=_sorted(new.keys() - old.keys()),
    )


def _entries(listing: bytes) -> Mapping[bytes, bytes]:
    """Kind and sha256 of each file, by path."""
    rows = (line.split(b" ", 2) for line in listing.split(b"\0") if line)
    return {path: kind + digest for kind, digest, path in rows}


def _sorted(paths: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(path.decode("utf-8", "backslashreplace") for path in sorted(paths))
