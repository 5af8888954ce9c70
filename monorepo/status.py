"""`mono status`: whether lock, duniverse and contexts are what the project asks for, quickly and offline."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from monorepo.contexts.emit import has_context, stale_contexts
from monorepo.duniverse import DUNIVERSE
from monorepo.duniverse.drift import Drift, What, drifts
from monorepo.duniverse.state import read_state
from monorepo.errors import DuniverseError, LockError
from monorepo.lock.compose import inputs_digest
from monorepo.lock.format import FILE, FILES_FOLDER
from monorepo.lock.freshness import Freshness
from monorepo.lock.itself import certify_itself
from monorepo.lock.model import Lock
from monorepo.lock.reader import load_lock
from monorepo.manifest import load_manifest
from monorepo.project import load_project
from monorepo.repository_url import RepositoryKind
from solver.values import dataclass


class State(StrEnum):
    """How something that mono writes stands to what it is written from."""

    GOOD = "good"
    STALE = "stale"
    ABSENT = "missing"
    BROKEN = "cannot be read"


@dataclass(frozen=True, slots=True)
class Status:
    """Where a project stands.

    Args:
        lock: and ``why`` it is not good; ``unseen`` are repositories in folders and archives of this machine,
            which only `mono lock` looks into.
        duniverse: good where ``drifts`` is empty; ``sources`` of the lock are in it.
        contexts: of each target of the lock.
    """

    lock: State
    why: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    duniverse: State = State.ABSENT
    problem: str = ""
    drifts: tuple[Drift, ...] = ()
    sources: int = 0
    contexts: Mapping[str, State] | None = None

    @property
    def good(self) -> bool:
        """Whether there is nothing to do; contexts that nobody has made yet are nothing that is missed."""
        contexts = set((self.contexts or {}).values())
        return self.lock is self.duniverse is State.GOOD and contexts in ({State.GOOD}, {State.ABSENT})


def status(folder: Path, cache: Path) -> Status:
    """Where the project in ``folder`` stands; nothing is solved, fetched or written.

    Files of the duniverse are read only where sizes or times are not as they were left.

    Raises:
        ManifestError: what the project asks for cannot be read.
    """
    try:
        lock = load_lock(folder)
        why, unseen = _lock_state(lock, folder, cache)
    except LockError as error:
        if not (folder / FILE).exists():
            return Status(State.ABSENT)
        return Status(State.BROKEN, (str(error),))
    state = State.STALE if why else State.GOOD
    try:
        found = drifts(lock, folder, thorough=False)
        contexts = _contexts(lock, folder, found)
    except DuniverseError as error:
        return Status(state, why, unseen, State.BROKEN, str(error), sources=len(lock.sources))
    duniverse = State.GOOD
    if found:
        duniverse = State.STALE if (folder / DUNIVERSE).exists() else State.ABSENT
    return Status(state, why, unseen, duniverse, "", found, len(lock.sources), contexts)


def _lock_state(lock: Lock, folder: Path, cache: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Why the lock is not what would be locked, and the repositories that were not asked about that."""
    why = tuple(_faults(lock, folder))
    freshness = Freshness(folder, cache)
    if why or freshness.holds():
        return why, ()
    project = load_project(folder, load_manifest(folder))
    if inputs_digest(project, lock.repositories) != lock.inputs:
        changed = freshness.changed()
        return (f"{', '.join(changed)} changed" if changed else "the project asks for something else",), ()
    here = (RepositoryKind.FOLDER, RepositoryKind.ARCHIVE)
    unseen = (one.name for one in project.repositories if one.kind in here and one.path is not None)
    return (), tuple(unseen)


def _faults(lock: Lock, folder: Path) -> Iterator[str]:
    if certify_itself(lock):
        yield "it breaks what it says of its own packages"
    for name in sorted({file.sha256 for source in lock.sources for file in source.extra_files}):
        path = folder / FILES_FOLDER / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != name:
            yield f"{FILES_FOLDER}/{name} is missing or damaged"


def _contexts(lock: Lock, folder: Path, found: tuple[Drift, ...]) -> Mapping[str, State]:
    """The context of each target; where duniverse/ is not that of the lock, there is no good one."""
    written = [target.name for target in lock.targets if has_context(folder, target.name)]
    if all(drift.what in (What.EDITED, What.UNLISTED) for drift in found):
        edited = {drift.name for drift in found}
        pulled = read_state(folder / DUNIVERSE) or {}
        trees = {name: one.tree for name, one in pulled.items() if name not in edited}
        stale = set(stale_contexts(lock, folder, trees)) if written else set()
    else:
        stale = set(written)
    states = {target.name: State.ABSENT for target in lock.targets}
    states |= {name: State.STALE if name in stale else State.GOOD for name in written}
    return dict(sorted(states.items()))
