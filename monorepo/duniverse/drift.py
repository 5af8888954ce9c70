"""In what duniverse/ differs from what the lock says it is, told without touching or fetching anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from monorepo.duniverse import DUNIVERSE
from monorepo.duniverse.files import Comparison, compare, list_files, read_list
from monorepo.duniverse.nested import is_as_locked
from monorepo.duniverse.recording import comparable
from monorepo.duniverse.standing import Standing, own_files_changed, standing, strangers
from monorepo.duniverse.state import Vendored, read_state
from monorepo.lock.model import Lock, LockedSource

_SAME = Comparison((), (), ())


class What(StrEnum):
    """In what a directory differs."""

    ABSENT = "is missing"
    EDITED = "was changed by hand"
    UNLISTED = "was changed by hand, and the list of its files is missing"
    NO_FOLDER = "is no folder"
    OUTDATED = "was pulled for another lock"
    UNLOCKED = "is not in the lock any more"
    UNLIKE = "is not the tree that mono.lock records"
    STRANGER = "was not put there by mono"


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing right below duniverse/ that is not as it should be, and in which files if that is known."""

    name: str
    what: What
    files: Comparison = _SAME


def drifts(lock: Lock, project: Path, *, thorough: bool = True) -> tuple[Drift, ...]:
    """Everything in which ``project``/duniverse differs from ``lock``, by name.

    ``thorough`` reads every file; else only directories where sizes or times are not as they were left.

    Raises:
        DuniverseError: mono's notes on the duniverse, or files in it, cannot be read.
    """
    duniverse = project / DUNIVERSE
    if duniverse.is_symlink() or (duniverse.exists() and not duniverse.is_dir()):
        return (Drift("", What.NO_FOLDER),)
    state = read_state(duniverse) or {}
    found = [
        *_missing(lock, state, duniverse),
        *(drift for name in state for drift in _of_directory(name, state[name], lock, duniverse, thorough)),
        *(Drift(name, What.STRANGER) for name in strangers(duniverse, state)),
        *(
            Drift(name, What.EDITED if (duniverse / name).exists() else What.ABSENT)
            for name in (own_files_changed(duniverse) if state else ())
        ),
    ]
    return tuple(sorted(found, key=lambda drift: (drift.name, drift.what)))


def _missing(lock: Lock, state: Mapping[str, Vendored], duniverse: Path) -> Iterator[Drift]:
    for source in lock.sources:
        if source.directory not in state and not (duniverse / source.directory).exists():
            yield Drift(source.directory, What.ABSENT)


def _of_directory(
    name: str, vendored: Vendored, lock: Lock, duniverse: Path, thorough: bool
) -> Iterator[Drift]:
    source = next((source for source in lock.sources if source.directory == name), None)
    folder = duniverse / name
    found = standing(folder, vendored, thorough=thorough)
    if found is Standing.NO_FOLDER:
        yield Drift(name, What.NO_FOLDER)
        return
    if found is Standing.ABSENT:
        if source is not None:
            yield Drift(name, What.ABSENT)
        return
    if source is None:
        yield Drift(name, What.UNLOCKED)
    elif not is_as_locked(vendored, lock, source):
        yield Drift(name, What.OUTDATED)
    elif _recorded(source, lock) not in ("", vendored.recorded):
        yield Drift(name, What.UNLIKE)
    if found is Standing.CHANGED:
        before = read_list(duniverse, name, vendored.tree)
        if before is None:
            yield Drift(name, What.UNLISTED)
        else:
            yield Drift(name, What.EDITED, compare(before, list_files(folder)))


def _recorded(source: LockedSource, lock: Lock) -> str:
    return source.tree if comparable(lock) else ""
