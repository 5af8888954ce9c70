"""Copies that a source vendors itself of packages that are locked from elsewhere: hidden, so those serve.

dune wants a package once in a workspace. The lock decided on a version of it, for all that need it; the copy
is one that nobody decided on. This depends on what else is in the lock, so it comes after a source was
prepared, to the directory that was placed: what the cache has, and the lock records, is without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from builder.digest import bytes_digest
from monorepo.duniverse.expose import hide_copies
from monorepo.duniverse.files import list_files, write_list
from monorepo.duniverse.stamp import stamp
from monorepo.duniverse.state import Vendored, source_digest
from monorepo.fetch.tree import settle
from monorepo.lock.model import Lock, LockedSource


def copies_to_hide(lock: Lock, source: LockedSource, nested: Sequence[str]) -> tuple[str, ...]:
    """Those of ``nested``, which ``source`` vendors itself, that its targets have from elsewhere."""
    if not nested:
        return ()
    elsewhere = {
        name
        for other in lock.sources
        if other is not source and _seen_together(source, other)
        for name in other.packages
    }
    return tuple(sorted({*elsewhere, *lock.roots}.intersection(nested)))


def is_as_locked(vendored: Vendored, lock: Lock, source: LockedSource) -> bool:
    """Whether a directory was made of ``source`` as it is locked, and of what is locked beside it."""
    return vendored.source == source_digest(source) and vendored.without == copies_to_hide(
        lock, source, vendored.shown.nested
    )


def hidden_in(duniverse: Path, vendored: Vendored, source: LockedSource, names: Sequence[str]) -> Vendored:
    """Hide the copies of ``names`` in the directory of ``source``, which is as the cache had it."""
    folder = duniverse / source.directory
    shown = hide_copies(folder, source.packages, names)
    settle(folder)
    listing = list_files(folder)
    write_list(duniverse, source.directory, listing)
    return replace(
        vendored,
        tree=bytes_digest(listing),
        stamp=stamp(folder),
        shown=replace(shown, nested=vendored.shown.nested),
        without=tuple(names),
        prepared=vendored.tree,
    )


def _seen_together(one: LockedSource, other: LockedSource) -> bool:
    return not one.targets or not other.targets or not set(one.targets).isdisjoint(other.targets)
