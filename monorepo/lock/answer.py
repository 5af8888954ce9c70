"""From a project with its repositories open to a certified lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from monorepo.errors import LockError, MonoError, UnsolvableError
from monorepo.lock.answers import Answers
from monorepo.lock.certify import certify_lock
from monorepo.lock.compose import compose_lock
from monorepo.lock.format import FILE, canonical
from monorepo.lock.keeping import Keeping
from monorepo.lock.model import Lock
from monorepo.lock.notices import Apart, LeftOut, Notice, PassedOver, Unheard
from monorepo.lock.reader import read_lock
from monorepo.lock.writer import write_lock
from monorepo.pins import PinnedPackage, open_pins
from monorepo.ports import Git, Http
from monorepo.project import Project
from monorepo.repositories import in_state, open_repositories
from monorepo.repository_url import RepositorySetting
from overlays.errors import PackageUnreadable
from overlays.stack import RepositoryStack
from solver.archive import git_location
from solver.certificate import Violation
from solver.optimise import solve
from solver.package import Package
from solver.replay import replay
from solver.request import Request
from solver.solution import Solution, Unsolvable
from solver.universe import PackageIndex, Universe, Unreadable, Why, build_universe
from solver.vanished import vanished

if TYPE_CHECKING:
    from solver.explanation import Explanation
    from solver.relaxation import Relaxation
    from solver.repair import Repair


class NoAnswerError(UnsolvableError):
    """No versions meet what is asked. Why, and what would help, is found when it is asked for.

    Args:
        request: what is asked, of the packages of ``index``.
        names: of all packages there are.
        single: whether each package was to have one version on all targets, which is only a wish.

    ``where`` says of which state of the repositories this is so, if not of the one that is locked from.
    """

    def __init__(
        self, request: Request, index: PackageIndex, names: tuple[str, ...], *, single: bool = False
    ) -> None:
        super().__init__("no versions meet what is asked")
        self.request = request
        self.index = index
        self.names = names
        self.single = single
        self.where = ""

    @cached_property
    def relaxation(self) -> Relaxation:
        from solver.relaxation import Relaxation

        return Relaxation(self.request, self.index, single=self.single)

    @cached_property
    def explanation(self) -> Explanation:
        """The smallest set of reasons that clash."""
        from solver.story import explanation_of

        return explanation_of(self.relaxation)

    @cached_property
    def repairs(self) -> tuple[Repair, ...]:
        """The smallest edits that would help, the cheapest first; the same whenever they are asked for."""
        from solver.repair import repairs

        return repairs(self.relaxation, self.index, self.explanation, self.names)


@dataclass(frozen=True, slots=True)
class Answer:
    """A certified lock, its text, files to keep beside it by sha256, and what there is to know of it.

    ``apart`` tells, where some packages have several versions, why one will not do.
    """

    lock: Lock
    text: str
    files: Mapping[str, bytes]
    notices: tuple[Notice, ...] = ()
    apart: NoAnswerError | None = None


class OpenProject:
    """One project with its repositories open, in the state that ``keeping`` records where it records one."""

    def __init__(self, project: Project, cache: Path, http: Http, git: Git, keeping: Keeping) -> None:
        self.project = replace(project, request=replace(project.request, preferences=keeping.preferences))
        self.cache = cache
        self.git = git
        self.answers = Answers(cache / "answers")
        self.known_commits = keeping.commits
        self.known_trees = keeping.trees
        self.stack, self.commits = open_repositories(
            project.repositories,
            cache=cache,
            http=http,
            git=git,
            locked={repository.name: repository for repository in keeping.repositories},
        )
        self.pins = open_pins(project.pins, git, self.known_commits)

    @property
    def index(self) -> PackageIndex:
        """All packages that repositories and pins offer, as the solver asks for them."""
        return _Index(self.stack, self.pins)

    def lock(self) -> Answer:
        """The certified answer.

        Raises:
            NoAnswerError: there is none.
            LockError: the metadata of a chosen package cannot be locked.
        """
        universe, solution = self.choose(self.project.request)
        graph = replay(universe, solution)
        composed = compose_lock(
            self.project, solution, graph, self.stack, self.commits, self.pins, self._commit
        )
        lock = self.known_trees.put_into(composed.lock)
        text = self._checked(lock)
        self.stack.save_cache()
        apart = None
        if solution.several():
            apart = NoAnswerError(self.project.request, self.index, self.stack.names(), single=True)
        notices: tuple[Notice, ...] = (
            *self.project.notices,
            *self._passed_over(universe, solution),
            *self._unheard(),
            *self._left_out(),
            *_apart(lock),
        )
        return Answer(canonical(lock), text, composed.files, notices, apart)

    def choose(self, request: Request) -> tuple[Universe, Solution]:
        """What there is to choose for ``request``, the project's own or another, and the best choice.

        Raises:
            NoAnswerError: there is none.
        """
        universe = build_universe(request, self.index)
        solution = solve(universe, self.answers)
        if isinstance(solution, Unsolvable):
            raise NoAnswerError(request, self.index, self.stack.names())
        return universe, solution

    def certify(self, lock: Lock) -> tuple[Violation, ...]:
        """What ``lock`` breaks of what the opam files say."""
        return certify_lock(lock, self.project, self.pins, self.stack)

    def absent_commits(self, lock: Lock) -> tuple[Violation, ...]:
        """Sources in git whose locked commit their repositories do not have."""
        absent: list[Violation] = []
        for source in lock.sources:
            place = git_location(source.url)
            if place is None or source.commit is None:
                continue
            try:
                self.git.objects(place[0], source.commit)
            except MonoError as error:
                reason = f"its commit {source.commit[:12]} cannot be had: {error.reason}"
                absent.append(Violation(source.packages[0], "", reason))
        return tuple(absent)

    def at(self, setting: RepositorySetting, commit: str) -> OpenProject:
        """The same project with one git repository at another commit, the others as they are."""
        other = copy(self)
        other.stack = in_state(self.stack, setting, commit, cache=self.cache, git=self.git)
        other.commits = {**self.commits, setting.name: commit}
        return other

    def _passed_over(self, universe: Universe, solution: Solution) -> Iterator[PassedOver]:
        for choice in solution.choices:
            for rejection in universe.rejections.get(choice.candidate.name, ()):
                if rejection.why is Why.UNREADABLE:
                    yield PassedOver(rejection.name, str(rejection.version), rejection.detail)

    def _unheard(self) -> Iterator[Unheard]:
        """Names in mono.toml that nobody has: they are misspelt more often than not."""
        roots = {root.name for root in self.project.roots}
        bounds = ((bound.name, bound.place) for bound in self.project.request.restrictions)
        for name, place in (*bounds, *self.project.named):
            if name not in roots and not self.index.packages(name):
                from solver.spelling import nearest

                yield Unheard(name, nearest(name, self.stack.names()), place)

    def _left_out(self) -> Iterator[LeftOut]:
        for gone in vanished(self.project.request):
            yield LeftOut(gone.names, gone.variables, gone.place)

    def _checked(self, lock: Lock) -> str:
        """The text of a lock; one that breaks the metadata, or that could not be read again, is refused."""
        violations = self.certify(lock)
        if violations:
            raise LockError(
                "the answer did not pass its own check and was not written",
                hint="this is a fault of mono's: please report it with the project's opam files",
                details=tuple(str(violation) for violation in violations),
            )
        text = write_lock(lock)
        try:
            again = read_lock(text, FILE)
        except LockError as error:
            raise LockError(
                f"the metadata of a chosen package cannot be locked: {error.reason}",
                hint="constrain the project to another version of it, and tell its maintainers",
                details=error.details,
            ) from error
        assert again == canonical(lock)  # the writer and the reader agree, or the lock would change by itself
        return text

    def _commit(self, url: str) -> str:
        """The commit for a source in git; one that is known is not asked again."""
        place = git_location(url)
        assert place is not None
        return self.known_commits.get(url) or self.git.resolve(*place)


def _apart(lock: Lock) -> Iterator[Apart]:
    for name in dict.fromkeys(package.name for package in lock.packages):
        versions = lock.versions(name)
        if len(versions) > 1:
            yield Apart(name, tuple((package.version, package.used_for) for package in versions))


class _Index:
    """The stack of repositories as the solver asks it."""

    def __init__(self, stack: RepositoryStack, pins: Mapping[str, PinnedPackage]) -> None:
        self.stack = stack
        self.pins = pins

    def packages(self, name: str) -> Sequence[Package | Unreadable]:
        if name in self.pins:
            return (self.pins[name].package,)
        found: list[Package | Unreadable] = []
        for version, repository in self.stack.versions(name):
            try:
                found.append(repository.package(name, version.text))
            except PackageUnreadable as error:
                found.append(Unreadable(name, version, error.reason))
        return found
