"""Every candidate that the roots can reach, with its dependencies decided for each platform."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from solver.archive import why_unusable
from solver.formula import Dependency, holds
from solver.nature import Nature, nature_of
from solver.package import Package
from solver.reduction import Need, Reduction, Wanted, conjuncts, wanted_in
from solver.request import Request, Restriction, package_variables
from solver.version import Version


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A version whose opam file cannot be read."""

    name: str
    version: Version
    reason: str


class PackageIndex(Protocol):
    """Where packages come from: a stack of repositories, or a dictionary in a test."""

    def packages(self, name: str) -> Sequence[Package | Unreadable]:
        """Every version of ``name``, newest first; empty for a name that nobody has."""


class Why(Enum):
    """Why a version that exists is no candidate."""

    FOREIGN = "does not build with dune"
    UNAVAILABLE = "is not available here"
    RESTRICTED = "is excluded by the project"
    UNREADABLE = "cannot be read"
    UNVERIFIABLE = "cannot be fetched and verified"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A version that exists but is no candidate; ``detail`` names the file, filter or restriction."""

    name: str
    version: Version
    why: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One version that may be chosen.

    Args:
        needs: for each platform, the parts that must each hold.
        conflicts: for each platform, the parts none of which may hold.
        available: for each platform, whether it may be used there.
        outsider: it does not build with dune, so only what is itself installed outside may need it.
    """

    package: Package
    nature: Nature
    needs: tuple[tuple[Need, ...], ...]
    conflicts: tuple[tuple[Need, ...], ...]
    available: tuple[bool, ...]
    outsider: bool = False

    @property
    def name(self) -> str:
        return self.package.name

    @property
    def version(self) -> Version:
        return self.package.version

    @property
    def avoided(self) -> bool:
        """Whether its authors ask not to choose it."""
        return self.package.avoided


@dataclass(frozen=True, slots=True)
class Universe:
    """The candidates by name, newest first, and the versions that are none."""

    request: Request
    candidates: Mapping[str, tuple[Candidate, ...]]
    rejections: Mapping[str, tuple[Rejection, ...]]
    requires: tuple[tuple[Need, ...], ...]
    """For each platform, what is asked for beside the roots: by the project, the target and questions."""

    questions: frozenset[Need] = frozenset()
    """Those of these that are of questions."""

    beyond: frozenset[str] = frozenset()
    """Names that something installed outside may need."""

    def on_platform(self, number: int) -> Universe:
        """The same universe, seen from one platform alone."""

        def seen(candidate: Candidate) -> Candidate:
            needs, conflicts = (candidate.needs[number],), (candidate.conflicts[number],)
            available = (candidate.available[number],)
            return replace(candidate, needs=needs, conflicts=conflicts, available=available)

        return replace(
            self,
            request=replace(self.request, platforms=(self.request.platforms[number],)),
            candidates={name: tuple(map(seen, versions)) for name, versions in self.candidates.items()},
            requires=(self.requires[number],),
        )


def build_universe(request: Request, index: PackageIndex, *, relaxed: bool = False) -> Universe:
    """Follow the dependencies from the roots to everything they can reach.

    A name reached only through packages that are installed outside may be of any build system; the others
    must build with dune, or have nothing to build. A ``relaxed`` universe holds, beside the candidates, what
    would be one without the project's bounds, on another target, or were it ported to dune: its
    ``available`` tells what packages say of themselves, its outsiders may be reached from anywhere.
    """
    return _Builder(request, index, relaxed=relaxed).build()


class _Builder:
    def __init__(self, request: Request, index: PackageIndex, *, relaxed: bool) -> None:
        self.request = request
        self.index = index
        self.relaxed = relaxed
        platforms = request.platforms
        self.reductions = [Reduction(package_variables(platform, own=False)) for platform in platforms]
        self.own_reductions = [Reduction(package_variables(platform, own=True)) for platform in platforms]
        self.roots = {root.name: root for root in request.roots}
        self.restrictions: dict[str, list[Restriction]] = {}
        for restriction in () if relaxed else request.restrictions:
            self.restrictions.setdefault(restriction.name, []).append(restriction)
        self.loaded: dict[str, tuple[list[Candidate], list[Candidate]]] = {}
        self.rejections: dict[str, list[Rejection]] = {}
        self.reached: set[tuple[str, bool]] = set()
        self.queue: deque[tuple[str, bool]] = deque()

    def build(self) -> Universe:
        questions = [
            self._wishes(platform.questions, reduction)
            for platform, reduction in zip(self.request.platforms, self.reductions, strict=True)
        ]
        requires = tuple(
            (*self._wishes((*self.request.requires, *platform.requires), reduction), *asked)
            for platform, reduction, asked in zip(
                self.request.platforms, self.reductions, questions, strict=True
            )
        )
        for root in self.request.roots:
            self._reach(root.name, outside=False)
        for asked in requires:
            self._reach_all(asked, outside=False)
        while self.queue:
            name, outside = self.queue.popleft()
            insiders, outsiders = self._load(name)
            for candidate in (*insiders, *outsiders) if outside or self.relaxed else insiders:
                beyond = outside or candidate.nature is Nature.PROVIDED
                for needs in candidate.needs:
                    self._reach_all(needs, outside=beyond)
        return Universe(
            self.request,
            {name: self._candidates(name) for name in sorted(self.loaded)},
            {name: tuple(rejections) for name, rejections in sorted(self.rejections.items())},
            requires,
            frozenset(need for needs in questions for need in needs),
            frozenset(name for name, outside in self.reached if outside),
        )

    def _wishes(self, dependencies: Iterable[Dependency], reduction: Reduction) -> tuple[Need, ...]:
        """What is asked for beside the roots, where its filter does not take it away."""
        found = (reduction.wanted(dependency, "", Version.parse("")) for dependency in dependencies)
        return tuple(wanted for wanted in found if wanted is not None)

    def _candidates(self, name: str) -> tuple[Candidate, ...]:
        insiders, outsiders = self.loaded[name]
        if not self.relaxed and (name, True) not in self.reached:
            self.rejections.setdefault(name, []).extend(
                Rejection(name, candidate.version, Why.FOREIGN) for candidate in outsiders
            )
            return tuple(insiders)
        return tuple(sorted((*insiders, *outsiders), key=lambda c: c.version.key, reverse=True))

    def _reach_all(self, needs: tuple[Need, ...], *, outside: bool) -> None:
        for name in _names_in(needs):
            self._reach(name, outside=outside)

    def _reach(self, name: str, *, outside: bool) -> None:
        if (name, outside) not in self.reached:
            self.reached.add((name, outside))
            self.queue.append((name, outside))

    def _load(self, name: str) -> tuple[list[Candidate], list[Candidate]]:
        known = self.loaded.get(name)
        if known is None:
            known = self.loaded[name] = self._sort_out(name)
        return known

    def _sort_out(self, name: str) -> tuple[list[Candidate], list[Candidate]]:
        """The candidates of that name: those that anything may need, and those that only outsiders may."""
        root = self.roots.get(name)
        if root is not None:
            return [self._candidate(root, self._available(root), is_root=True)], []
        insiders: list[Candidate] = []
        outsiders: list[Candidate] = []
        for package in self.index.packages(name):
            if isinstance(package, Unreadable):
                rejection = Rejection(name, package.version, Why.UNREADABLE, package.reason)
                self.rejections.setdefault(name, []).append(rejection)
                continue
            available = self._available(package)
            if not self.relaxed and not any(available):
                self.rejections.setdefault(name, []).append(self._rejection(package))
                continue
            candidate = self._candidate(package, available, is_root=False)
            unusable = self._why_unusable(candidate)
            if unusable:
                rejection = Rejection(name, package.version, Why.UNVERIFIABLE, unusable)
                self.rejections.setdefault(name, []).append(rejection)
                continue
            (outsiders if candidate.outsider else insiders).append(candidate)
        return insiders, outsiders

    def _rejection(self, package: Package) -> Rejection:
        """Why a package is available on no platform."""
        if not any(holds(package.available, platform.variables) for platform in self.request.platforms):
            return Rejection(package.name, package.version, Why.UNAVAILABLE)
        for restriction in self.restrictions.get(package.name, ()):
            if not any(self._admits(restriction, package, reduction) for reduction in self.reductions):
                detail = f"{restriction.text} ({restriction.place})"
                return Rejection(package.name, package.version, Why.RESTRICTED, detail)
        return Rejection(package.name, package.version, Why.UNAVAILABLE)

    def _available(self, package: Package) -> tuple[bool, ...]:
        """For each platform, whether the package itself and the project's bounds let it be used there."""
        restrictions = self.restrictions.get(package.name, ())
        return tuple(
            holds(package.available, platform.variables)
            and (not restrictions or all(self._admits(r, package, reduction) for r in restrictions))
            for platform, reduction in zip(self.request.platforms, self.reductions, strict=True)
        )

    def _admits(self, restriction: Restriction, package: Package, reduction: Reduction) -> bool:
        dependency = Dependency(restriction.name, restriction.condition)
        wanted = reduction.wanted(dependency, package.name, package.version)
        return wanted is None or wanted.bounds.admits(package.version)

    def _candidate(self, package: Package, available: tuple[bool, ...], *, is_root: bool) -> Candidate:
        own = is_root or package.name in self.request.pinned
        reductions = self.own_reductions if own else self.reductions
        needs = tuple(
            conjuncts(reduction.need(package.depends, package.name, package.version))
            for reduction in reductions
        )
        conflicts: tuple[tuple[Need, ...], ...] = tuple(
            tuple(
                wanted
                for conflict in package.conflicts
                if (wanted := reduction.wanted(conflict, package.name, package.version)) is not None
            )
            for reduction in reductions
        )
        nature = Nature.ROOT if is_root else self._nature(package, needs)
        return Candidate(
            package,
            nature,
            needs,
            conflicts,
            available,
            nature is Nature.FOREIGN,
        )

    def _nature(self, package: Package, needs: tuple[tuple[Need, ...], ...]) -> Nature:
        needs_dune = any("dune" in _names_in(parts) for parts in needs)
        nature = nature_of(package, needs_dune=needs_dune, provided=package.name in self.request.provided)
        if self.request.any_build_system and nature in (Nature.DUNE, Nature.FOREIGN):
            return Nature.PROVIDED  # what opam would build, dune need not
        return nature

    def _why_unusable(self, candidate: Candidate) -> str:
        """Why a candidate that would be vendored cannot be; empty where it can."""
        source = candidate.package.source
        if candidate.nature is not Nature.DUNE or source is None:
            return ""
        return why_unusable(source, unverified=candidate.name in self.request.unverified)


def _names_in(needs: Iterable[Need]) -> list[str]:
    """Every package that is named; most needs are one package each."""
    names: list[str] = []
    for need in needs:
        if isinstance(need, Wanted):
            names.append(need.name)
        else:
            names.extend(wanted.name for wanted in wanted_in(need))
    return names
