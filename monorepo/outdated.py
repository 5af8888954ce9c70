"""`mono outdated`: what a lock made anew would take, and what holds each package back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from monorepo.errors import FetchError, RepositoryError
from monorepo.lock.answer import OpenProject
from monorepo.lock.graph import NeedGraph
from monorepo.lock.keeping import NOTHING_KEPT, Keeping
from monorepo.lock.model import Kind, Lock, LockedPackage
from monorepo.lock.reader import load_lock
from monorepo.manifest import load_manifest
from monorepo.ports import Git, Http
from monorepo.project import load_project
from solver.holding import Held, Holding, Holdings
from solver.package import Package
from solver.solution import Solution
from solver.universe import Universe, Unreadable
from solver.values import dataclass
from solver.version import Version


@dataclass(frozen=True, slots=True)
class Standing:
    """How one locked package stands.

    Args:
        available: what `mono lock --upgrade` would choose on its targets; empty where it would not be needed.
        newest: the newest version that any repository has, of those that their authors do not ask to avoid
            where there are others; None where no repository has the package.
        direct: a root names it, or it is of the compiler.
        holding: why ``available`` is not ``newest``; None where it is, or where that was not asked.
    """

    package: LockedPackage
    available: tuple[Version, ...]
    newest: Version | None
    direct: bool
    holding: Holding | None = None

    @property
    def can_move(self) -> bool:
        """Whether `mono lock --upgrade` would change it."""
        return self.available != (Version.parse(self.package.version),)

    @property
    def is_outdated(self) -> bool:
        """Whether it would change, or something newer exists."""
        locked = Version.parse(self.package.version)
        return self.can_move or (self.newest is not None and self.newest > locked)


@dataclass(frozen=True, slots=True)
class Standings:
    """All packages of a lock but the roots; ``unreachable`` tells why their recorded state was looked at.

    ``places`` are those where roots name what they need.
    """

    standings: tuple[Standing, ...]
    places: Mapping[tuple[str, str], str]
    unreachable: str = ""


def outdated(
    folder: Path,
    *,
    cache: Path,
    http: Http,
    git: Git,
    targets: Sequence[str] = (),
    explain_all: bool = False,
    offline: bool = False,
) -> Standings:
    """Solve the project in ``folder`` anew, from repositories as they are now, and compare.

    Repositories that cannot be reached, or all with ``offline``, are looked at as the lock records them. Only
    what is direct is explained, or everything with ``explain_all``.

    Raises:
        MonoError: there is no lock, or the project cannot be read or has no answer.
    """
    lock = load_lock(folder)
    graph = NeedGraph(lock, targets)
    project = load_project(folder, load_manifest(folder))
    recorded = Keeping(lock.repositories, commits={s.url: s.commit for s in lock.sources if s.commit})
    unreachable = ""
    if offline:
        opened = OpenProject(project, cache, http, git.without_network(), recorded)
    else:
        try:
            opened = OpenProject(project, cache, http, git, NOTHING_KEPT)
        except (FetchError, RepositoryError) as error:
            opened = OpenProject(project, cache, http, git, recorded)
            unreachable = str(error)
    universe, solution = opened.choose(opened.project.request)
    opened.stack.save_cache()
    view = _View(opened, universe, solution, explain_all=explain_all)
    packages = (package for package in graph.packages if package.kind is not Kind.ROOT)
    standings = tuple(view.standing(lock, package) for package in packages)
    return Standings(standings, opened.project.request.root_places or {}, unreachable)


class _View:
    """The answer, as each locked package stands to it."""

    def __init__(
        self, project: OpenProject, universe: Universe, solution: Solution, *, explain_all: bool
    ) -> None:
        self.project = project
        self.universe = universe
        self.solution = solution
        self.explain_all = explain_all
        self._holdings: dict[int, Holdings] = {}

    def standing(self, lock: Lock, package: LockedPackage) -> Standing:
        platforms = [
            number
            for number, platform in enumerate(self.universe.request.platforms)
            if set(package.used_for).intersection(platform.targets)
        ]
        chosen = {
            platform: choice.candidate.version
            for choice in self.solution.choices
            if choice.candidate.name == package.name
            for platform in choice.platforms
            if platform in platforms
        }
        newest = _newest(self.project.index.packages(package.name))
        direct = package.kind is Kind.COMPILER or any(
            package.name in root.dependencies for root in lock.packages if root.kind is Kind.ROOT
        )
        available = tuple(sorted(set(chosen.values())))
        behind = [number for number in sorted(chosen) if newest is not None and newest > chosen[number]]
        holding = None
        if behind and newest is not None and (direct or self.explain_all):
            holding = self._holding(package.name, newest, behind)
        return Standing(package, available, newest, direct, holding)

    def _holding(self, name: str, version: Version, platforms: Sequence[int]) -> Holding:
        """What the first platform says that says more than that the answer is best as it is."""
        holdings = [self._on(platform).of(name, version) for platform in platforms]
        telling = (holding for holding in holdings if holding.held is not Held.WISHES)
        return next(telling, holdings[0])

    def _on(self, platform: int) -> Holdings:
        if platform not in self._holdings:
            self._holdings[platform] = Holdings(self.universe, self.solution, platform)
        return self._holdings[platform]


def _newest(packages: Sequence[Package | Unreadable]) -> Version | None:
    wished = [p.version for p in packages if isinstance(p, Unreadable) or not p.avoided]
    return max(wished or [package.version for package in packages], default=None)
