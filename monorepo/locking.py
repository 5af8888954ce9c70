"""`mono lock`: the lock of a project, made anew where it is not fresh.

What solving takes is imported when there is something to solve: most runs find the lock fresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monorepo.errors import LockError
from monorepo.lock.format import FILE, FILES_FOLDER
from monorepo.lock.freshness import Freshness
from monorepo.lock.model import Lock
from monorepo.lock.reader import load_lock
from monorepo.ports import Git, Http

if TYPE_CHECKING:
    from solver.certificate import Violation


@dataclass(frozen=True, slots=True)
class LockReport:
    """What `lock_project` did: the lock, what was there before, and whether anything changed."""

    lock: Lock
    before: Lock | None
    changed: bool


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The lock on disk, what would be locked now, and what the lock on disk breaks."""

    lock: Lock
    fresh: Lock
    violations: tuple[Violation, ...]

    @property
    def good(self) -> bool:
        return self.lock == self.fresh and not self.violations


def lock_project(folder: Path, *, cache: Path, http: Http, git: Git, upgrade: bool = False) -> LockReport:
    """Solve the project in ``folder`` and write its lock, unless the lock is fresh.

    The recorded state of git repositories and remote archives is kept, unless ``upgrade`` asks them again.

    Raises:
        MonoError: what is asked for is impossible, cannot be read, or has no answer; the old lock stays.
    """
    freshness = Freshness(folder, cache)
    before = _old_lock(folder)
    if before is not None and not upgrade and freshness.holds():
        return LockReport(before, before, changed=False)

    from monorepo.lock.answer import OpenProject
    from monorepo.lock.writer import save_lock
    from monorepo.manifest import load_manifest
    from monorepo.project import load_project

    manifest = load_manifest(folder)
    project = load_project(folder, manifest)
    open_project = OpenProject(project, cache, http, git, None if upgrade else before)
    lock, files = open_project.lock()
    changed = save_lock(lock, folder, files)
    own = [root.file for root in manifest.roots] + [f"{FILES_FOLDER}/{digest}" for digest in files]
    freshness.note(own, project.repositories, open_project.stack)
    return LockReport(lock, before, changed)


def check_lock(folder: Path, *, cache: Path, http: Http, git: Git) -> CheckReport:
    """Solve again from the recorded state of the repositories, and certify the lock as it stands.

    Raises:
        MonoError: there is no lock, or the project cannot be read or solved.
    """
    from monorepo.lock.answer import OpenProject
    from monorepo.manifest import load_manifest
    from monorepo.project import load_project

    lock = load_lock(folder)
    project = load_project(folder, load_manifest(folder))
    open_project = OpenProject(project, cache, http, git, lock)
    fresh, _ = open_project.lock()
    return CheckReport(lock, fresh, open_project.certify(lock))


def _old_lock(folder: Path) -> Lock | None:
    if not (folder / FILE).exists():
        return None
    try:
        return load_lock(folder)
    except LockError:
        return None  # it is about to be written anew
