"""`mono bisect`: the commit of a git repository that changed what is chosen, or left nothing to choose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from monorepo.document import nearest_hint
from monorepo.errors import RepositoryError
from monorepo.lock.answer import NoAnswerError, OpenProject
from monorepo.lock.format import FILE
from monorepo.lock.keeping import NOTHING_KEPT, in_states, keep_all
from monorepo.lock.model import Lock
from monorepo.lock.reader import load_lock
from monorepo.manifest import load_manifest
from monorepo.ports import Commit, Git, Http
from monorepo.project import Project, load_project, with_questions
from monorepo.repository_url import RepositoryKind, RepositorySetting
from monorepo.states import git_repository, newest_until
from overlays.stores.layout import PACKAGES
from solver.formula import Dependency
from solver.solution import Solution

Revision: TypeAlias = str | int
"""A commit, abbreviation, tag or branch; or a moment, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a solve came to: the version of each package that counts, or ``failure``.

    Where targets have different versions of a package, they are joined by commas.
    """

    versions: Mapping[str, str]
    failure: NoAnswerError | None = None

    def is_like(self, good: Outcome, bad: Outcome) -> bool:
        """Whether it is as ``good``, which has an answer; versions count only where ``bad`` has one too."""
        if self.failure is not None or bad.failure is not None:
            return self.failure is None
        return self.versions == good.versions


class Change(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Culprit:
    """The commit after which the outcome is another; where the bad end has no answer, there is none after it.

    ``files`` are those it changed of packages that were looked at; ``before`` is the outcome at its first
    parent, ``parent``; ``after`` is its own.
    """

    repository: str
    commit: Commit
    parent: Commit
    files: Mapping[str, Change]
    before: Outcome
    after: Outcome

    @property
    def telling(self) -> Mapping[str, Change]:
        """The files of packages in which the outcomes differ, or of those that the reason speaks of."""
        if self.after.failure is None:
            versions = {*self.before.versions.items()} ^ {*self.after.versions.items()}
            names = {name for name, _ in versions}
        else:
            told = self.after.failure.explanation
            reasons = [step.reason for step in told.steps]
            names = {name for reason in reasons for name in (reason.who, *reason.whom)}
            names |= {missing.name for missing in told.missing}
        return {path: change for path, change in self.files.items() if _package_of(path) in names}


def _package_of(path: str) -> str:
    """The name of the package that a file of a repository belongs to."""
    return path.split("/")[1].partition(".")[0]


def bisect_project(
    folder: Path,
    *,
    cache: Path,
    http: Http,
    git: Git,
    packages: Sequence[str] = (),
    repository: str | None = None,
    good: Revision | None = None,
    bad: Revision | None = None,
    tell: Callable[[int, int], None],
) -> Culprit:
    """Find where the outcome of solving the project in ``folder`` stops being what it was.

    Where there is no answer at ``bad``, that alone is another outcome; else other versions are. The other
    repositories stay in the state that the lock records; no version is kept.

    Args:
        packages: whose versions count; without any, those of the whole answer. Packages that the project
            needs neither at ``good`` nor at ``bad`` are asked for beside it.
        repository: which; may be left out where only one is in git.
        good: where the outcome is as it should be; else the commit that the lock records.
        bad: where it is another; else the newest commit of the branch.
        tell: hears, before each step, how many commits are left and how many solves at most.

    Raises:
        NoAnswerError: there is no answer at ``good``.
        RepositoryError: a repository or revision is unknown, ``good`` is not before ``bad``, or the outcome
            is the same at both.
        MonoError: the project cannot be read.
    """
    project = load_project(folder, load_manifest(folder))
    setting = _repository(repository, project)
    lock = load_lock(folder) if good is None or (folder / FILE).exists() else None
    line = _line(setting, _locked(setting, lock) if good is None else good, bad, git)
    kept = NOTHING_KEPT if lock is None else replace(keep_all(lock), versions=())
    kept = in_states(kept, project.repositories, {setting.name: line[0].identifier})
    open_project = OpenProject(project, cache, http, git, kept)
    return _Search(open_project, setting, line).culprit(packages, tell)


def _repository(name: str | None, project: Project) -> RepositorySetting:
    settings = {setting.name: setting for setting in project.repositories}
    if name is not None:
        return git_repository(name, settings)
    in_git = [setting.name for setting in settings.values() if setting.kind is RepositoryKind.GIT]
    if not in_git:
        raise RepositoryError(
            "none of the project's repositories is in git, so none has a history",
            hint='write the url of one as "git+https://…" in mono.toml',
        )
    if len(in_git) > 1:
        raise RepositoryError(f"several repositories are in git: {', '.join(in_git)}", hint=_CHOOSE)
    return settings[in_git[0]]


_CHOOSE = "choose one with --repository"


def _locked(setting: RepositorySetting, lock: Lock | None) -> str:
    for repository in lock.repositories if lock is not None else ():
        if (repository.name, repository.url) == (setting.name, setting.url) and repository.commit:
            return repository.commit
    raise RepositoryError(
        f'it records no commit of the repository "{setting.name}"', FILE, "say with --good where to begin"
    )


def _line(setting: RepositorySetting, good: Revision, bad: Revision | None, git: Git) -> tuple[Commit, ...]:
    """The first-parent line from ``bad`` back to ``good``, both included."""
    line = _line_to(setting, setting.reference if bad is None else bad, git)
    line_to_good = _line_to(setting, good, git)
    first, last = line_to_good[0], line[0]
    if first == last:
        raise RepositoryError(
            f"good and bad are one commit, {last.identifier[:12]}",
            _place(setting),
            "choose others with --good and --bad",
        )
    if last in line_to_good:
        raise RepositoryError(
            f"the good commit {first.identifier[:12]} comes after the bad one {last.identifier[:12]}",
            _place(setting),
            "exchange them",
        )
    if first not in line:
        raise RepositoryError(
            f"the good commit {first.identifier[:12]} is not among the first parents of the bad one "
            f"{last.identifier[:12]}",
            _place(setting),
            "choose one that the branch was at",
        )
    return line[: line.index(first) + 1]


def _line_to(setting: RepositorySetting, end: Revision | None, git: Git) -> tuple[Commit, ...]:
    if not isinstance(end, int):
        return git.history(setting.location, end)
    line = git.history(setting.location, setting.reference, after=end)
    return line[newest_until(end, line, setting.name) :]


def _place(setting: RepositorySetting) -> str:
    return f'repository "{setting.name}"'


Files: TypeAlias = Mapping[str, Mapping[str, str]]
"""The files of each package at a commit: from path to object id, by name of package."""


@dataclass(frozen=True, slots=True)
class _State:
    """A commit that was solved: the files of the packages that were ``asked`` for decide the outcome."""

    asked: frozenset[str]
    files: Files
    outcome: Outcome

    def decides(self, files: Files) -> bool:
        """Whether a commit with these files has the same outcome."""
        return all(files.get(name) == self.files.get(name) for name in self.asked)


class _Search:
    """The search along ``line``, newest first: the first commit is the bad one, the last the good one."""

    def __init__(self, open_project: OpenProject, setting: RepositorySetting, line: Sequence[Commit]) -> None:
        self.open_project = open_project
        self.setting = setting
        self.line = line
        self.request = open_project.project.request
        self.packages: frozenset[str] = frozenset()
        self.states: list[_State] = []

    def culprit(self, packages: Sequence[str], tell: Callable[[int, int], None]) -> Culprit:
        """See `bisect_project`."""
        good, bad = len(self.line) - 1, 0
        self._ask_for(packages)
        before, after = self._good(), self._state(bad)
        first, last = before.outcome, after.outcome
        if last.is_like(first, last):
            ends = f"{self.line[good].identifier[:12]} and {self.line[bad].identifier[:12]}"
            raise RepositoryError(f"the outcome is the same at {ends}", _place(self.setting), _SAME)
        while good - bad > 1:
            tell(good - bad, (good - bad - 1).bit_length())
            middle = (good + bad) // 2
            state = self._state(middle)
            if state.outcome.is_like(first, last):
                good, before = middle, state
            else:
                bad, after = middle, state
        files = self._changes(good, bad, before.asked | after.asked)
        commits = self.line[bad], self.line[good]
        return Culprit(self.setting.name, *commits, files, before.outcome, after.outcome)

    def _ask_for(self, packages: Sequence[str]) -> None:
        """Let these packages count; what the project needs at neither end is asked for beside it.

        Raises:
            RepositoryError: there is no such package at either end.
        """
        if not packages:
            return
        needed = {*self._good().outcome.versions, *self._state(0).outcome.versions}
        beside = [name for name in packages if name not in needed]
        if beside:
            known = {name for end in (0, len(self.line) - 1) for name in self._at(end).stack.names()}
            for name in beside:
                if name not in known and name not in self.open_project.pins:
                    raise RepositoryError(
                        f'no repository has a package "{name}"', hint=nearest_hint(name, known)
                    )
            self.request = with_questions(self.request, list(map(Dependency, beside)))
        self.packages = frozenset(packages)
        self.states.clear()

    def _good(self) -> _State:
        """The good end; raises `NoAnswerError` where that is not good at all."""
        state = self._state(len(self.line) - 1)
        failure = state.outcome.failure
        if failure is not None:
            failure.where = f"at the good commit {self.line[-1].identifier[:12]}"
            failure.hint = "choose another commit with --good"
            raise failure
        return state

    def _state(self, position: int) -> _State:
        """The state at that commit, solved unless all that decides its outcome was solved before."""
        files = self._files(position)
        for known in self.states:
            if known.decides(files):
                return known
        opened = self._at(position)
        try:
            _, solution = opened.choose(self.request)
            outcome = Outcome(_versions(solution, self.packages))
        except NoAnswerError as error:
            # Without its traceback, which would keep all that was read alive.
            outcome = Outcome({}, error.with_traceback(None))
        opened.stack.save_cache()
        (repository,) = (one for one in opened.stack.repositories if one.name == self.setting.name)
        asked = repository.asked()
        state = _State(asked, {name: files[name] for name in asked & files.keys()}, outcome)
        self.states.append(state)
        return state

    def _at(self, position: int) -> OpenProject:
        return self.open_project.at(self.setting, self.line[position].identifier)

    def _files(self, position: int) -> Files:
        commit = self.line[position].identifier
        objects = self.open_project.git.objects(self.setting.location, commit)
        by_name: dict[str, dict[str, str]] = {}
        for path, blob in objects.files(commit, PACKAGES).items():
            by_name.setdefault(_package_of(path), {})[path] = blob
        return by_name

    def _changes(self, good: int, bad: int, asked: Iterable[str]) -> Mapping[str, Change]:
        """What happened to the files of these packages from one commit to the other, sorted by path."""
        old, new = self._files(good), self._files(bad)
        was = {path: blob for name in asked for path, blob in old.get(name, {}).items()}
        now = {path: blob for name in asked for path, blob in new.get(name, {}).items()}
        return {
            path: Change.ADDED if path not in was else Change.REMOVED if path not in now else Change.CHANGED
            for path in sorted(was.keys() | now.keys())
            if was.get(path) != now.get(path)
        }


_SAME = "name the packages that should differ, or choose others with --good and --bad"


def _versions(solution: Solution, packages: frozenset[str]) -> Mapping[str, str]:
    by_name: dict[str, list[str]] = {}
    for choice in solution.choices:
        name = choice.candidate.name
        if not packages or name in packages:
            by_name.setdefault(name, []).append(str(choice.candidate.version))
    return {name: ", ".join(versions) for name, versions in by_name.items()}
