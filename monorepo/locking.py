"""`mono lock`: the lock of a project, made anew where it is not fresh.

What solving takes is imported when there is something to solve: most runs find the lock fresh.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from monorepo.errors import LockError
from monorepo.lock.format import FILE, FILES_FOLDER, FORMAT
from monorepo.lock.freshness import Freshness
from monorepo.lock.model import Lock
from monorepo.lock.notices import Notice, Timeless
from monorepo.lock.reader import UnmergedError, load_lock
from monorepo.ports import Git, Http
from monorepo.renewal import AS_LOCKED, Renewal

if TYPE_CHECKING:
    from monorepo.lock.answer import Answer, NoAnswerError, OpenProject
    from monorepo.lock.keeping import Keeping
    from monorepo.mirage import Unikernel
    from monorepo.project import Project
    from monorepo.states import ChosenStates
    from solver.certificate import Violation


@dataclass(frozen=True, slots=True)
class LockReport:
    """What `lock_project` did: the lock, what was there before, and whether anything changed.

    ``notices`` are what there is to know of it; ``apart`` tells, where some packages have several versions,
    why one will not do; ``states`` are those of the repositories that were asked for; ``unikernel`` is what
    mirage configured.
    """

    lock: Lock
    before: Lock | None
    changed: bool
    notices: tuple[Notice, ...] = ()
    apart: NoAnswerError | None = None
    states: ChosenStates | None = None
    unikernel: Unikernel | None = None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The lock on disk, what would be locked now, and what the lock on disk breaks.

    ``damaged`` are the files of mono.lock.files that are missing, or not what their names say.
    """

    lock: Lock
    fresh: Lock
    violations: tuple[Violation, ...]
    damaged: tuple[str, ...]

    @property
    def good(self) -> bool:
        from monorepo.lock.trees import without_trees

        same = without_trees(self.lock) == without_trees(self.fresh)
        return same and not self.violations and not self.damaged


def lock_project(
    folder: Path, renewal: Renewal = AS_LOCKED, *, cache: Path, http: Http, git: Git
) -> LockReport:
    """Solve the project in ``folder`` and write its lock, unless nothing is wished and the lock is fresh.

    Raises:
        MonoError: what is asked for is impossible, cannot be read, or has no answer; the old lock stays.
    """
    freshness = Freshness(folder, cache)
    since = _content(folder)
    before = old_lock(folder, upgrade=renewal.upgrade)
    if before is not None and renewal == AS_LOCKED:
        told = freshness.told()
        if told is not None:
            return LockReport(before, before, False, told)

    from monorepo.manifest import load_manifest
    from monorepo.project import load_project

    manifest = load_manifest(folder)
    begun = freshness.begin(manifest.consulted, manifest.repositories, deep=manifest.searched)
    project = load_project(folder, manifest)
    open_project, states = open_for(renewal, project, before, cache=cache, http=http, git=git)
    answer = open_project.lock()
    try:
        lock, changed = _save(answer, folder, since)
    except OSError as error:
        reason = f"cannot be written: {error.strerror or error}"
        raise LockError(reason, FILE, "the old lock, if any, is still there") from error
    carried = [f"{FILES_FOLDER}/{digest}" for digest in answer.files]
    freshness.note(begun, carried, project.repositories, open_project.stack, answer.notices)
    timeless = map(Timeless, states.timeless if states is not None else ())
    notices = (*timeless, *answer.notices)
    return LockReport(lock, before, changed, notices, answer.apart, states, manifest.unikernel)


def _save(answer: Answer, folder: Path, since: bytes | None) -> tuple[Lock, bool]:
    """Write what was locked in place of the text ``since``; the lock as it is then, and whether it changed.

    Raises:
        LockError: somebody else wrote another lock meanwhile.
    """
    from monorepo.lock.trees import text_without_trees, trees_of
    from monorepo.lock.writer import save_lock, write_lock, writing

    lock, text = answer.lock, answer.text
    with writing(folder):
        now = _content(folder)
        if now != since:
            asked = text_without_trees(text.encode("utf-8"))
            if now is None or text_without_trees(now) not in (asked, since and text_without_trees(since)):
                raise LockError(
                    "somebody else wrote it while this one was made", FILE, "run mono lock again if need be"
                )
            lock = trees_of(load_lock(folder)).put_into(lock)  # which a pull has recorded
            text = write_lock(lock)
        return lock, save_lock(lock, folder, answer.files, text=text)


def open_for(
    renewal: Renewal, project: Project, before: Lock | None, *, cache: Path, http: Http, git: Git
) -> tuple[OpenProject, ChosenStates | None]:
    """``project`` with what ``renewal`` leaves of the lock ``before``, and the states that it asks for.

    Raises:
        MonoError: it names what is not in the lock, or a state that there is not; or a repository cannot be
            opened.
    """
    from monorepo.lock.answer import OpenProject
    from monorepo.lock.keeping import in_states
    from monorepo.states import choose_states

    keeping, chosen = _kept(before, renewal), None
    if renewal.states is not None:
        chosen = choose_states(renewal.states, project.repositories, git)
        keeping = in_states(keeping, project.repositories, chosen.commits)
    return OpenProject(project, cache, http, git, keeping), chosen


def _kept(before: Lock | None, renewal: Renewal) -> Keeping:
    from monorepo.lock.keeping import Keeping, keep_all, keep_all_but
    from monorepo.lock.trees import trees_of

    if renewal.update:
        if before is None:
            raise LockError("there is no lock to update", FILE, "run mono lock")
        return keep_all_but(before, renewal.update)
    if before is None:
        kept = Keeping()
    else:
        kept = Keeping(trees=trees_of(before, verified=True)) if renewal.upgrade else keep_all(before)
    return replace(kept, versions=(), lowest=renewal.lowest) if renewal.lowest or renewal.states else kept


def check_lock(folder: Path, *, cache: Path, http: Http, git: Git) -> CheckReport:
    """Solve again from the recorded state of the repositories, and certify the lock as it stands.

    Raises:
        MonoError: there is no lock, or the project cannot be read or solved.
    """
    return open_checked(folder, cache=cache, http=http, git=git)[0]


def open_checked(folder: Path, *, cache: Path, http: Http, git: Git) -> tuple[CheckReport, OpenProject]:
    """What `check_lock` finds, and the project as it was opened for that."""
    from monorepo.lock.answer import OpenProject
    from monorepo.lock.keeping import keep_all
    from monorepo.manifest import load_manifest
    from monorepo.project import load_project

    lock = load_lock(folder)
    project = load_project(folder, load_manifest(folder))
    open_project = OpenProject(project, cache, http, git, keep_all(lock))
    answer = open_project.lock()
    damaged = tuple(name for name, content in answer.files.items() if _carried(folder, name) != content)
    violations = (*open_project.certify(lock), *open_project.absent_commits(lock))
    return CheckReport(lock, answer.lock, violations, damaged), open_project


def _carried(folder: Path, name: str) -> bytes | None:
    path = folder / FILES_FOLDER / name
    return path.read_bytes() if path.is_file() else None


def _content(folder: Path) -> bytes | None:
    """The bytes of the lock, None where there is none."""
    try:
        return (folder / FILE).read_bytes()
    except FileNotFoundError:
        return None


def old_lock(folder: Path, *, upgrade: bool = False) -> Lock | None:
    """The lock that is there, None where there is none: what it says is kept.

    So one that cannot be read is no reason to choose all anew in silence; ``upgrade``, which does so anyway,
    takes it for none, unless a newer mono wrote it.

    Raises:
        LockError: it is damaged, or of another format.
    """
    if not (folder / FILE).exists():
        return None
    try:
        return load_lock(folder)
    except LockError as error:
        if _is_newer(folder / FILE):
            raise LockError(
                "a newer mono wrote this lock", FILE, "update mono, or delete the lock to begin anew"
            ) from error
        if upgrade:
            return None
        if isinstance(error, UnmergedError):
            raise
        hint = "restore it, from version control say; or let mono lock --upgrade choose all anew"
        raise LockError(error.reason, error.place, hint, error.details) from error


def _is_newer(path: Path) -> bool:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("format")
    except (OSError, ValueError):
        return False
    return isinstance(found, int) and found > FORMAT
