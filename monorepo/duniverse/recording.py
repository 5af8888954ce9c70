"""Trees that were made are held against those that the lock records, and recorded where it has none."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from monorepo.duniverse import DUNIVERSE
from monorepo.duniverse.state import RULES
from monorepo.errors import DuniverseError, LockError, raise_together
from monorepo.fetch.places import packages_and
from monorepo.lock.format import FILE, REVISION
from monorepo.lock.model import Lock, LockedSource
from monorepo.lock.reader import load_lock
from monorepo.lock.trees import without_trees
from monorepo.lock.writer import replace_lock, writing


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many trees were recorded in mono.lock, and what is to be said about that."""

    trees: int = 0
    notes: tuple[str, ...] = ()


def comparable(lock: Lock) -> bool:
    """Whether trees that this mono makes can be held against those of ``lock``: the rules are the same."""
    return lock.preparation == RULES


def refuse_other_trees(lock: Lock, trees: Mapping[str, str]) -> None:
    """Refuse what is not as ``lock`` records it; ``trees`` are digests by directory.

    Raises:
        DuniverseError: a source became another tree than before.
    """
    if not comparable(lock):
        return
    raise_together(
        "sources are not what mono.lock records",
        [
            _other_tree(source, trees[source.directory])
            for source in lock.sources
            if source.tree and trees.get(source.directory, source.tree) != source.tree
        ],
    )


def unrecorded(lock: Lock) -> tuple[LockedSource, ...]:
    """The sources of ``lock`` whose tree it is still to record."""
    if lock.preparation > RULES:
        return ()
    return lock.sources if not comparable(lock) else tuple(one for one in lock.sources if not one.tree)


def record_trees(lock: Lock, project: Path, trees: Mapping[str, str]) -> Recorded:
    """Write into the mono.lock of ``project``, which was read as ``lock``, those of ``trees`` that it lacks.

    Trees that were prepared by older rules are recorded anew, those of newer ones left. Nothing is done
    where the project has no lock file, or none is missing.
    """
    if lock.preparation > RULES:
        return Recorded(
            notes=("the trees in mono.lock are a newer mono's: they were neither compared nor recorded",)
        )
    if not any(one.directory in trees for one in unrecorded(lock)) or not (project / FILE).exists():
        return Recorded()
    try:
        with writing(project):
            return _recorded(lock, project, trees)
    except (OSError, ValueError, LockError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return Recorded(notes=(f"what was pulled is not recorded in mono.lock: {why}",))


def _recorded(lock: Lock, project: Path, trees: Mapping[str, str]) -> Recorded:
    """The same, alone among all who write mono.lock."""
    text = (project / FILE).read_text(encoding="utf-8")
    if tomllib.loads(text).get("revision", 0) > REVISION:
        return Recorded(notes=("mono.lock is a newer mono's: what was pulled is not recorded in it",))
    now = load_lock(project)
    if without_trees(now) != without_trees(lock):
        return Recorded(notes=("mono.lock changed meanwhile: what was pulled is not recorded in it",))
    # Another pull may have recorded trees while this one waited for it: those stay.
    missing = {one.directory for one in unrecorded(now) if one.directory in trees}
    sources = (
        replace(one, tree=trees[one.directory]) if one.directory in missing else one for one in now.sources
    )
    if missing:
        replace_lock(replace(now, preparation=RULES, sources=tuple(sources)), project)
    notes = ("the trees in mono.lock were prepared by older rules: all are recorded anew",)
    return Recorded(len(missing), notes if now.preparation not in (0, RULES) else ())


def _other_tree(source: LockedSource, tree: str) -> DuniverseError:
    hint = (
        f"restore mono.lock and {DUNIVERSE}/ if either was changed; to accept what is there now, delete the "
        f"line tree of {source.directory} in mono.lock, and pull again"
    )
    return DuniverseError(
        "the prepared source is not what mono.lock records",
        place=packages_and(source),
        hint=hint,
        details=(
            f"{DUNIVERSE}/{source.directory} would be {tree}",
            f"mono.lock records {source.tree}",
            f"the source is {source.url}",
        ),
    )
