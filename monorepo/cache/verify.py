"""Holds what is in the cache against what it should be.

Metadata, answers and notes are not looked at: each is checked whenever it is read, and done without where it
is damaged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from builder.digest import file_digest, tree_digest
from builder.errors import BuilderError
from monorepo.cache.names import TREE
from monorepo.cache.prune import take_out
from monorepo.cache.rooms import Entry, Room, contents, read_about
from monorepo.cache.use import alone, in_use
from monorepo.errors import FetchError, MonoError
from monorepo.fetch.checksums import GIVEN, parse_checksum, verify_file
from monorepo.fetch.heritage import holds
from monorepo.fetch.parallel import Stop, in_parallel
from monorepo.fetch.places import HERITAGE
from monorepo.fetch.progress import Progress
from monorepo.lock.model import Lock
from monorepo.ports import Git
from overlays.copies import damage_of_copy
from overlays.stores.archive import is_whole

_THREADS = 2


@dataclass(frozen=True, slots=True)
class Bad:
    """An entry that is not what it should be, and why."""

    entry: Entry
    reason: str


@dataclass(frozen=True, slots=True)
class Verified:
    """How many entries were looked at, the bytes of them, and those that are ``bad``."""

    count: int
    size: int
    bad: tuple[Bad, ...]


def verify(
    cache: Path,
    git: Git,
    progress: Progress,
    *,
    lock: Lock | None = None,
    dry_run: bool = False,
) -> Verified:
    """Check every archive, tree, clone and snapshot; bad ones are removed unless ``dry_run``.

    Other monos may go on using the cache, but for the moment of removing. ``lock`` gives names to entries.

    Raises:
        MonoError: an entry cannot be read or removed.
    """

    def waiting() -> None:
        progress.noted("waiting for another mono that uses the cache")

    def check(entry: Entry, stop: Stop) -> Bad | None:
        reason = _damage(entry, git)
        progress.finished(entry.name)
        return Bad(entry, reason) if reason else None

    if not cache.is_dir():
        return Verified(0, 0, ())
    with in_use(cache, waiting):
        entries = [entry for entry in contents(cache, lock).entries if entry.room in _CHECKED]
        progress.started("verifying", len(entries))
        bad = [one for one in in_parallel(check, entries, _THREADS) if one is not None]
    for one in bad:
        if isinstance(one, MonoError):
            raise one
    found = tuple(one for one in bad if isinstance(one, Bad))
    if found and not dry_run:
        with alone(cache, waiting):
            for one in found:
                if _damage(one.entry, git):  # nobody has brought it anew meanwhile
                    take_out(one.entry, cache)
    return Verified(len(entries), sum(entry.size for entry in entries), found)


def _damage(entry: Entry, git: Git) -> str:
    """What is wrong with an entry; empty where nothing is, and where it is gone."""
    try:
        return _CHECKED[entry.room](entry, git)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _damage_of_archive(entry: Entry, git: Git) -> str:
    algorithm, _, digest = entry.name.split("/")
    if algorithm == HERITAGE:
        return "" if holds(entry.path, digest, entry.path.parent) else "it holds another folder"
    try:
        if algorithm == GIVEN:
            parse_checksum(entry.path.read_text(encoding="utf-8", errors="replace"))
            return ""
        mismatches = verify_file(entry.path, [parse_checksum(f"{algorithm}={digest}")])
    except FetchError as error:
        return error.reason
    return f"its checksum is {mismatches[0].actual}" if mismatches else ""


def _damage_of_tree(entry: Entry, git: Git) -> str:
    expected = read_about(entry.path).get("digest")
    if not isinstance(expected, str):
        return "what it is cannot be read"
    try:
        found = tree_digest(entry.path / TREE)
    except BuilderError as error:
        return str(error)
    return "" if found == expected else f"its digest is {found}, not {expected}"


def _damage_of_clone(entry: Entry, git: Git) -> str:
    return git.damage(entry.path)


def _damage_of_snapshot(entry: Entry, git: Git) -> str:
    kind, _, digest = entry.name.rpartition("/")
    if not kind:
        return "" if is_whole(entry.path) else "it is damaged"
    if kind == "folders":
        return damage_of_copy(entry.path, digest)
    found = file_digest(entry.path)
    return "" if found == f"sha256:{digest}" else f"its checksum is {found.replace(':', '=')}"


_CHECKED: dict[Room, Callable[[Entry, Git], str]] = {
    Room.ARCHIVES: _damage_of_archive,
    Room.TREES: _damage_of_tree,
    Room.GIT: _damage_of_clone,
    Room.SNAPSHOTS: _damage_of_snapshot,
}
