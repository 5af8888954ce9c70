"""From a project with its repositories open to a certified lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monorepo.errors import LockError, UnsolvableError
from monorepo.lock.compose import compose_lock
from monorepo.lock.model import Kind, Lock
from monorepo.lock.source_url import git_location
from monorepo.pins import PinnedPackage, open_pins
from monorepo.ports import Git, Http
from monorepo.project import Project
from monorepo.repositories import open_repositories
from overlays.errors import PackageUnreadable
from overlays.stack import RepositoryStack
from solver.certificate import Locked, Violation, certify
from solver.optimise import solve
from solver.package import Package
from solver.replay import replay
from solver.solution import Unsolvable
from solver.universe import Universe, Unreadable, build_universe
from solver.version import Version

if TYPE_CHECKING:
    from solver.explanation import Explanation


@dataclass
class NoAnswerError(UnsolvableError):
    """No versions meet what is asked; ``explanation`` tells why, ``universe`` what there was to choose."""

    explanation: Explanation | None = None
    universe: Universe | None = None
    names: tuple[str, ...] = ()


class OpenProject:
    """One project with its repositories open, in the state that ``kept`` records where it records one."""

    def __init__(self, project: Project, cache: Path, http: Http, git: Git, kept: Lock | None) -> None:
        self.project = project
        self.git = git
        repositories = {} if kept is None else {r.name: r for r in kept.repositories}
        self.known_commits = {s.url: s.commit for s in kept.sources if s.commit} if kept else {}
        self.stack, self.commits = open_repositories(
            project.repositories, cache=cache, http=http, git=git, locked=repositories
        )
        self.pins = open_pins(project.pins, git, self.known_commits)

    def lock(self) -> tuple[Lock, Mapping[str, bytes]]:
        """The certified answer, and the files to keep beside it."""
        universe = build_universe(self.project.request, _Index(self.stack, self.pins))
        solution = solve(universe)
        if isinstance(solution, Unsolvable):
            from solver.explanation import explain

            raise NoAnswerError(
                "no versions meet what is asked",
                explanation=explain(universe),
                universe=universe,
                names=tuple(self.stack.names()),
            )
        graph = replay(universe, solution)
        composed = compose_lock(
            self.project, solution, graph, self.stack, self.commits, self.pins, self._commit
        )
        violations = self.certify(composed.lock)
        if violations:
            raise LockError(
                "the answer did not pass its own check and was not written",
                hint="this is a fault of mono's: please report it with the project's opam files",
                details=tuple(str(violation) for violation in violations),
            )
        self.stack.save_cache()
        return composed.lock, composed.files

    def certify(self, lock: Lock) -> tuple[Violation, ...]:
        return certify_lock(lock, self.project, self.pins, self.stack)

    def _commit(self, url: str) -> str:
        """The commit for a source in git; one that is known is not asked again."""
        place = git_location(url)
        assert place is not None
        return self.known_commits.get(url) or self.git.resolve(*place)


class _Index:
    """The stack of repositories as the solver asks it."""

    def __init__(self, stack: RepositoryStack, pins: Mapping[str, PinnedPackage]) -> None:
        self.stack = stack
        self.pins = pins

    def packages(self, name: str) -> Sequence[Package | Unreadable]:
        if name in self.pins:
            return (self.pins[name].package,)
        found: list[Package | Unreadable] = []
        for version, _ in self.stack.versions(name):
            try:
                found.append(self.stack.package(name, version))
            except PackageUnreadable as error:
                found.append(Unreadable(name, version, error.reason))
        return found


def certify_lock(
    lock: Lock, project: Project, pins: Mapping[str, PinnedPackage], stack: RepositoryStack
) -> tuple[Violation, ...]:
    """Check a lock against the raw formulas of the opam files it names."""
    known = {root.name: root for root in project.roots} | {name: pin.package for name, pin in pins.items()}
    answer: list[Locked] = []
    violations: list[Violation] = []
    for locked in lock.packages:
        package = known.get(locked.name)
        if package is None:
            try:
                package = stack.package(locked.name, Version.parse(locked.version))
            except PackageUnreadable as error:
                violations.append(Violation(locked.name, "", f"cannot be read again: {error.reason}"))
                continue
            if package.metadata_hash != locked.metadata:
                violations.append(Violation(locked.name, "", "its opam file has changed"))
        answer.append(Locked(package, locked.targets, locked.kind is Kind.VENDORED))
    return (*violations, *certify(project.request, answer))
