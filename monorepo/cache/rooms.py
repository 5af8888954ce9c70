"""What is in the cache: its rooms, and the entries of each.

Everything in it can be had again, so nothing here is precious; but each entry is whole or absent, and tells
by a time of modification, which those who use it set, when it was used last.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from monorepo.cache.names import ABOUT, USED, clone_name
from monorepo.fetch.checksums import given_by, parse_checksums
from monorepo.fetch.places import folder_of, git_address, swhids_of
from monorepo.lock.model import Lock


class Room(StrEnum):
    """A folder of the cache by what it holds."""

    ARCHIVES = "archives"  # sources as they were released, in opam's layout
    TREES = "trees"  # sources prepared to be built
    GIT = "git"  # bare clones
    SNAPSHOTS = "snapshots"  # repositories of packages that are not in git
    METADATA = "metadata"  # what was parsed of opam files
    ANSWERS = "answers"  # what was solved before
    NOTES = "notes"  # what locks were made from, to see at a glance that they are fresh
    PARTS = "parts"  # what is on its way


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the cache.

    Args:
        name: what tells it from others in its room.
        path: the file or folder.
        size: bytes of all files in it.
        used: when it was used last, in seconds since the epoch.
        about: packages, or the url, that it belongs to; empty where that is not known.
    """

    room: Room
    name: str
    path: Path
    size: int
    used: float
    about: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """The entries of a cache by room and name, and ``leftovers``: what killed runs left of their work."""

    entries: tuple[Entry, ...]
    leftovers: tuple[Entry, ...]


def contents(cache: Path, lock: Lock | None = None) -> Contents:
    """Look through ``cache``; the packages of ``lock`` give names to what is theirs.

    What has a name that mono does not give is not its own, and is passed over.
    """
    names = {} if lock is None else _names(lock)
    entries: list[Entry] = []
    leftovers: list[Entry] = []
    for room, (folder, depth, pattern) in _LAYOUT.items():
        for path in _below(cache / folder, depth):
            name = path.relative_to(cache / folder).as_posix()
            with suppress(FileNotFoundError):  # another process may be at work
                entry = _entry(room, name, path, names)
                if re.fullmatch(pattern, name):
                    entries.append(entry)
                elif _is_left(room, path.name):
                    leftovers.append(entry)
    return Contents(tuple(entries), tuple(leftovers))


_DIGEST = r"[0-9a-f]{32,}"

_LAYOUT: Mapping[Room, tuple[str, int, str]] = {
    Room.ARCHIVES: ("archives", 3, r"(md5|sha256|sha512|swh|url)/([0-9a-f]{2})/\2[0-9a-f]+"),
    Room.TREES: ("trees", 2, r"([0-9a-f]{2})/\1[0-9a-f]{62}"),
    Room.GIT: ("git", 1, r"[0-9a-f]{40}(\.commits)?"),
    Room.SNAPSHOTS: ("repositories", 2, r"[0-9a-f]{64}\.snapshot|(downloads|folders)/[0-9a-f]{64}"),
    Room.METADATA: ("metadata", 1, r"[0-9a-f]+\.metadata"),
    Room.ANSWERS: ("answers", 1, r"[0-9a-f]+\.json"),
    Room.NOTES: ("fresh", 1, r"[0-9a-f]+\.json"),
    Room.PARTS: ("incoming", 1, r"(md5|sha256|sha512|swh|url)-[0-9a-f]+\.(part|from)"),
}
"""Each room's folder, how deep its entries lie in it, and what their paths are."""

_BESIDE = r"((md5|sha256|sha512|swh|url)-)?[0-9a-f]{16,}\..+"
"""What is made beside its place, and locks of places."""

_ASIDE: Mapping[Room, str] = {
    Room.ARCHIVES: r"swh-[a-z0-9_]{8}",
    Room.GIT: r"pack-[a-z0-9_]{8}",
    Room.SNAPSHOTS: r"new-[a-z0-9_]{8}",
    Room.PARTS: r"(tree|aside|bundle|swh)-[a-z0-9_]{8}",
}
"""What is made in a folder or file with a name of no meaning."""


def _is_left(room: Room, name: str) -> bool:
    """Whether mono gives such a name to what it is still at work on; a killed run leaves that behind."""
    aside = _ASIDE.get(room)
    return bool(re.fullmatch(_BESIDE, name) or (aside and re.fullmatch(aside, name)))


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """What lies ``depth`` folders deep, sorted, and files that lie higher."""
    try:
        found = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in found:
        if depth > 1 and path.is_dir() and not path.is_symlink():
            yield from _below(path, depth - 1)
        else:
            yield path


def _entry(room: Room, name: str, path: Path, names: Mapping[str, str]) -> Entry:
    marks = {Room.TREES: path / ABOUT, Room.GIT: path / USED}
    about = next((names[digest] for digest in re.findall(_DIGEST, name) if digest in names), "")
    if room is Room.TREES:
        about = ", ".join(tree_packages(path)) or about
    elif room is Room.GIT:
        about = about or _url(path)
        if name.endswith(".commits"):
            about = f"{about} (history)".lstrip()
    used = marks.get(room, path)
    if not used.exists():
        used = path
    return Entry(room, name, path, _size(path), used.lstat().st_mtime, about)


def read_about(tree: Path) -> Mapping[str, object]:
    """What is written beside a prepared tree; nothing where that is damaged."""
    try:
        about = json.loads((tree / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def tree_packages(tree: Path) -> tuple[str, ...]:
    """The packages that a prepared tree carries, as far as it tells."""
    packages = read_about(tree).get("packages")
    return tuple(map(str, packages)) if isinstance(packages, list) else ()


def _url(clone: Path) -> str:
    try:
        return (clone / "url").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _names(lock: Lock) -> dict[str, str]:
    """The packages of each file and clone that ``lock`` wants, by the last part of its path."""
    names: dict[str, str] = {}
    for source in lock.sources:
        packages = ", ".join(source.packages) or source.directory
        if source.commit:
            names[clone_name(git_address(source.url))] = packages
        elif source.checksums:
            names[parse_checksums(source.checksums)[0].digest] = packages
        else:
            names[given_by(source.url)[0].digest] = packages
        for folder in map(folder_of, swhids_of(source)):
            names |= {checksum.digest: packages for checksum in folder}
        for extra in source.extra_sources:
            names[parse_checksums(extra.checksums)[0].digest] = f"{packages} ({extra.file})"
    for repository in lock.repositories:
        if repository.content:
            names[repository.content.removeprefix("sha256:")] = f"repository {repository.name}"
    return names


def _size(path: Path) -> int:
    status = path.lstat()
    if not path.is_dir() or path.is_symlink():
        return status.st_size
    total = 0
    with suppress(FileNotFoundError), os.scandir(path) as entries:
        for entry in entries:
            total += _size(Path(entry.path))
    return total
