"""Takes out of the cache what nobody has used for long."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from monorepo.cache.rooms import Contents, Entry, Room, contents
from monorepo.cache.use import alone
from monorepo.errors import MonoError
from monorepo.fetch.tree import remove
from solver.values import dataclass

DAY = 24 * 3600.0
_DEAD = 7 * DAY
"""A part that nobody went on with for so long is not waited for any more."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was taken out, or would be; ``kept`` counts the entries that stay, ``kept_size`` their bytes."""

    removed: tuple[Entry, ...]
    kept: int
    kept_size: int


def prune(
    cache: Path, now: float, older_than: float, waiting: Callable[[], None], *, dry_run: bool = False
) -> Pruned:
    """Remove every entry that was not used for ``older_than`` seconds before ``now``, and all leftovers.

    It waits until no other mono uses the cache, and calls ``waiting`` before it does; ``dry_run`` waits for
    nobody, and removes nothing.

    Raises:
        MonoError: something cannot be removed.
    """
    if not cache.is_dir():
        return Pruned((), 0, 0)
    if dry_run:
        return _chosen(contents(cache), now, older_than)
    with alone(cache, waiting):
        pruned = _chosen(contents(cache), now, older_than)
        for entry in pruned.removed:
            take_out(entry, cache)
    return pruned


def take_out(entry: Entry, cache: Path) -> None:
    """Remove one entry, and the folders that are empty without it. Only while `alone`.

    Raises:
        MonoError: it cannot be removed.
    """
    try:
        if entry.path.is_dir() and not entry.path.is_symlink():
            # Out of its place at once, so that a kill leaves a leftover and not half an entry.
            aside = entry.path.with_name(f"{entry.path.name}.gone")
            remove(aside)
            remove(entry.path.rename(aside))
        else:
            entry.path.unlink(missing_ok=True)
        folder = entry.path.parent
        while folder != cache and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
    except OSError as error:
        raise MonoError(
            f"cannot be removed: {error.strerror or error}", str(error.filename or entry.path)
        ) from error


def _chosen(found: Contents, now: float, older_than: float) -> Pruned:
    removed: list[Entry] = []
    kept: list[Entry] = []
    for entry in found.entries:
        (removed if now - entry.used > _limit(entry, older_than) else kept).append(entry)
    return Pruned((*removed, *found.leftovers), len(kept), sum(entry.size for entry in kept))


def _limit(entry: Entry, older_than: float) -> float:
    return min(older_than, _DEAD) if entry.room is Room.PARTS else older_than
