"""`mono why-not`: what keeps a version out of the lock, and what would change with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TypeAlias

from monorepo.document import nearest
from monorepo.errors import RepositoryError
from monorepo.lock.answer import NoAnswerError, OpenProject
from monorepo.lock.compose import compose_packages
from monorepo.lock.difference import paired
from monorepo.lock.keeping import keep_all
from monorepo.lock.model import LockedPackage
from monorepo.lock.reader import load_lock
from monorepo.manifest import load_manifest
from monorepo.ports import Git, Http
from monorepo.project import load_project, with_questions
from overlays.notation import parse_dependency
from solver.formula import Constraint, Dependency, Text
from solver.reduction import Reduction, Wanted
from solver.replay import replay
from solver.request import Preferences, Request, package_variables
from solver.solution import Solution
from solver.universe import Candidate
from solver.version import Version

Change: TypeAlias = "tuple[LockedPackage | None, LockedPackage | None]"
"""A package before and after: None where it is not there."""


class Because(Enum):
    """Why the best answer is without a version that can be had."""

    NOT_NEEDED = "nothing needs the package"
    KEPT = "the lock keeps another version, though this one could be taken"
    AVOIDED = "its authors ask not to choose it"
    NEWER = "a newer version is taken"
    APART = "the package would have another version on each target, not one for all"
    SETS_BACK = "other packages, which come first, would be older"


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause; ``versions`` are those of the package taken instead, ``back`` is what would be older."""

    because: Because
    versions: tuple[Version, ...] = ()
    back: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class WhyNot:
    """What became of the question.

    Args:
        locked: the packages of the lock that are what was asked for; nothing else is told then.
        changes: how the lock would change with it, from what `mono lock` would lock now.
        causes: why the best answer is without it.
        impossible: why it cannot be had; None where it can.
        targets: where alone it can be had; empty where that is on every target.
    """

    asked: Dependency
    locked: tuple[LockedPackage, ...] = ()
    changes: tuple[Change, ...] = ()
    causes: tuple[Cause, ...] = ()
    impossible: NoAnswerError | None = None
    targets: tuple[str, ...] = ()


def _hint_among(asked: Dependency, versions: Sequence[Version]) -> str:
    """What else to ask for, where ``versions`` has nothing of what was ``asked``."""
    match asked.condition:
        case Constraint("=", Text(text)):
            older = [version for version in versions if version < Version.parse(text)]
            newer = [version for version in versions if version > Version.parse(text)]
            if older and newer:
                return f"the nearest are {max(older)} and {min(newer)}"
            if newer:
                return ""
    return "mono outdated looks at repositories as they are now"


def asked_in(word: str) -> Dependency:
    """``lwt``, ``lwt.5.9.0`` or ``lwt {>= 5.9}``; raises `OpamSyntaxError` where it is none of these."""
    name, dot, version = word.partition(".")
    if dot and "{" not in name:
        return Dependency(name, Constraint("=", Text(version)))
    return parse_dependency(word, "PACKAGE")


def why_not(folder: Path, asked: Dependency, *, cache: Path, http: Http, git: Git) -> WhyNot:
    """Solve the project in ``folder`` with ``asked`` for as well, everything else kept as it is locked.

    What is locked already is asked for where it is used, what is not on every target; where that cannot be,
    on those of them on which it can.

    Raises:
        RepositoryError: it is a root, or no repository has the package, or such a version of it.
        MonoError: there is no lock, or the project cannot be read or solved.
    """
    lock = load_lock(folder)
    project = load_project(folder, load_manifest(folder))
    return _Question(OpenProject(project, cache, http, git, keep_all(lock)), asked).answer(lock.packages)


class _Question:
    def __init__(self, project: OpenProject, asked: Dependency) -> None:
        self.project = project
        self.asked = asked
        self.request = project.project.request
        reductions = (Reduction(package_variables(p, own=False)) for p in self.request.platforms)
        found = [reduction.wanted(asked, asked.name, Version.parse("")) for reduction in reductions]
        self.asking = frozenset(number for number, wanted in enumerate(found) if wanted is not None)
        self.wanted: tuple[Wanted, ...] = tuple(wanted for wanted in found if wanted is not None)

    def answer(self, locked: Sequence[LockedPackage]) -> WhyNot:
        found = tuple(p for p in locked if p.name == self.asked.name and self._is_meant(p.version))
        if found:
            return WhyNot(self.asked, found)
        self._refuse_unknown()
        before = self._packages(self.request)
        sought = self._used(before) or self.asking
        try:
            self.project.choose(self._with_it(self.request, sought))
        except NoAnswerError as error:
            sought = self._possible(sought)
            if not sought:
                return WhyNot(self.asked, impossible=error)
        after = self._packages(self._with_it(self.request, sought))
        changes = tuple((was, now) for was, now in paired(before, after) if _version(was) != _version(now))
        targets = () if self._is_everywhere(sought) else self._targets(sought)
        return WhyNot(self.asked, (), changes, tuple(self._causes(before, sought)), targets=targets)

    def _used(self, packages: Sequence[LockedPackage]) -> frozenset[int]:
        """The platforms where the package is used that ask for it."""
        targets = {target for p in packages if p.name == self.asked.name for target in p.used_for}
        return frozenset(n for n in self.asking if targets.intersection(self._targets({n})))

    def _possible(self, sought: frozenset[int]) -> frozenset[int]:
        """Those of several platforms where it can be had, and so together: each may have its own versions."""
        return frozenset(n for n in sought if len(sought) > 1 and self._is_possible(n))

    def _is_possible(self, platform: int) -> bool:
        try:
            self.project.choose(self._with_it(self.request, {platform}))
        except NoAnswerError:
            return False
        return True

    def _targets(self, platforms: Set[int]) -> tuple[str, ...]:
        return tuple(sorted(t for number in platforms for t in self.request.platforms[number].targets))

    def _is_everywhere(self, platforms: Set[int]) -> bool:
        return len(platforms) == len(self.request.platforms)

    def _refuse_unknown(self) -> None:
        name, stack = self.asked.name, self.project.stack
        for root in self.request.roots:
            if root.name == name:
                hint = "the project says itself which version that is; repositories are not asked for it"
                raise RepositoryError(
                    f"{name} is a root of the project, in version {root.version}", hint=hint
                )
        versions = [package.version for package in self.project.index.packages(name)]
        if not versions:
            near = nearest(name, stack.names())
            hint = f'did you mean "{near}"?' if near else "is its repository among those of mono.toml?"
            raise RepositoryError(f"no repository has a package {name}", hint=hint)
        if not any(self._is_meant(version.text) for version in versions):
            there = f"{versions[-1]} to {versions[0]}" if len(versions) > 1 else str(versions[0])
            reason = f"no repository has such a version of {name}: there is {there}"
            raise RepositoryError(reason, hint=_hint_among(self.asked, versions))

    def _causes(self, before: Sequence[LockedPackage], platforms: frozenset[int]) -> Iterator[Cause]:
        """Ask again without this wish or that, until the version comes of itself."""
        name = self.asked.name
        if all(package.name != name for package in before):
            yield Cause(Because.NOT_NEEDED)
            return
        _, sought = self.project.choose(
            replace(self.request, preferences=replace(self.request.preferences, sought=frozenset({name})))
        )
        targets = set(self._targets(platforms))
        there = (p for p in before if p.name == name and targets.intersection(p.used_for))
        kept = tuple(Version.parse(package.version) for package in there)
        if self._is_in(sought):
            yield Cause(Because.KEPT, kept)
        free = replace(self.request, preferences=Preferences())
        _, newest = self.project.choose(free)
        if self._is_in(newest):
            return
        taken = tuple(candidate.version for candidate in self._chosen(newest, platforms))
        _, forced = self.project.choose(self._with_it(free, platforms))
        mine = self._chosen(forced, platforms)
        if name in forced.several() and name not in newest.several():
            yield Cause(Because.APART, taken)
        elif any(candidate.avoided for candidate in mine):
            yield Cause(Because.AVOIDED, taken)
        elif any(candidate.version < version for candidate in mine for version in taken):
            yield Cause(Because.NEWER, taken)
        else:
            pairs = paired(self._packages(free), self._packages(self._with_it(free, platforms)))
            yield Cause(Because.SETS_BACK, taken, tuple(filter(_goes_back, pairs)))

    def _is_meant(self, version: str) -> bool:
        return any(wanted.bounds.admits(Version.parse(version)) for wanted in self.wanted)

    def _is_in(self, solution: Solution) -> bool:
        return any(
            choice.candidate.name == self.asked.name and self._is_meant(choice.candidate.version.text)
            for choice in solution.choices
        )

    def _chosen(self, solution: Solution, platforms: frozenset[int]) -> list[Candidate]:
        """What these platforms have of the package."""
        name = self.asked.name
        return [
            c.candidate
            for c in solution.choices
            if c.candidate.name == name and platforms.intersection(c.platforms)
        ]

    def _with_it(self, request: Request, platforms: Set[int]) -> Request:
        """``request`` with it asked for on these platforms."""
        return with_questions(request, (self.asked,), platforms)

    def _packages(self, request: Request) -> tuple[LockedPackage, ...]:
        universe, solution = self.project.choose(request)
        project = replace(self.project.project, request=request)
        graph = replay(universe, solution)
        return compose_packages(project, solution, graph, self.project.stack, self.project.pins)


def _version(package: LockedPackage | None) -> str | None:
    return None if package is None else package.version


def _goes_back(change: Change) -> bool:
    was, now = change
    return was is not None and now is not None and Version.parse(now.version) < Version.parse(was.version)
