"""What holds a package back: why the best answer has not the newest version that there is.

One control is grounded for all packages. It is asked whether a version goes with the rest of the answer as it
is; the part of the rest with which it does not, made as small as can be, is the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from itertools import chain
from typing import Any

from solver.conflict import smallest_clash
from solver.optimise import encoding
from solver.problem import write_problem
from solver.reduction import Need, Wanted, is_met, wanted_in
from solver.solution import Solution
from solver.universe import Candidate, Rejection, Universe
from solver.version import Version


class Held(Enum):
    """What holds a version back."""

    REJECTED = "it is no candidate"
    UNAVAILABLE = "it is not available on a target"
    REFUSED = "a package of the answer needs another version"
    NEEDS = "it needs another version of a package than that of the answer"
    LACKS = "it needs what cannot be had"
    CONFLICTS = "it and a package of the answer exclude each other"
    TOGETHER = "it cannot be had together with packages of the answer as they are"
    IMPOSSIBLE = "no answer has it"
    AVOIDED = "its authors ask not to choose it, or those of what it needs do"
    WISHES = "the answer has more of what is wished without it"


@dataclass(frozen=True, slots=True)
class Holding:
    """The reason for one version.

    Args:
        version: the newest that there is, those to be avoided apart where others are newer than the answer.
        who: the package of the answer that the reason is about; None where it is about the version alone.
        need: what is needed, of the held package where it is `REFUSED`.
        rejections: why versions are no candidates: the held one, or those of what it `LACKS`.
        targets: where it is not available.
        others: of several packages of the answer, the names and versions.
    """

    held: Held
    version: Version
    who: Candidate | None = None
    need: Need | None = None
    rejections: tuple[Rejection, ...] = ()
    targets: tuple[str, ...] = ()
    others: tuple[Candidate, ...] = ()


class Holdings:
    """The reasons of an answer on one platform, by its number.

    What goes together on each platform goes together on all of them, where the rest of the answer stays.
    """

    def __init__(self, universe: Universe, solution: Solution, platform: int) -> None:
        self.universe = universe = universe.on_platform(platform)
        chosen = {id(c.candidate.package) for c in solution.choices if platform in c.platforms}
        self.answer = {
            candidate.name: candidate
            for candidates in universe.candidates.values()
            for candidate in candidates
            if id(candidate.package) in chosen
        }
        candidates = chain.from_iterable(universe.candidates.values())  # numbered as `write_problem` does
        self.number = {candidate.package.identity: number for number, candidate in enumerate(candidates)}

    def of(self, name: str, taken: Version) -> Holding | None:
        """What holds ``name`` back at ``taken``; None where nothing newer is there."""
        candidates = [c for c in self.universe.candidates.get(name, ()) if c.version > taken]
        rejections = [r for r in self.universe.rejections.get(name, ()) if r.version > taken]
        wished = [candidate for candidate in candidates if not candidate.avoided]
        newest = max((c.version for c in wished), default=None)
        rejected = max(rejections, key=lambda r: r.version.key, default=None)
        if rejected is not None and (newest is None or rejected.version > newest):
            return Holding(Held.REJECTED, rejected.version, rejections=(rejected,))
        if wished:
            return self._holding(wished[0])
        if candidates:
            return Holding(Held.AVOIDED, candidates[0].version, candidates[0])
        return None

    def _holding(self, candidate: Candidate) -> Holding:
        version = candidate.version
        if not candidate.available[0]:
            return Holding(Held.UNAVAILABLE, version, targets=self.universe.request.platforms[0].targets)
        clash = self._clash(self._whole, candidate)
        if clash is None:
            return next(self._avoided(candidate), Holding(Held.WISHES, version))
        roots = [self.answer[root.name] for root in self.universe.request.roots]
        if not clash and not any(self._direct(candidate, roots)):
            clash = (
                self._clash(self._rootless, candidate) or ()
            )  # what the roots need is a part of the answer
        direct = next(self._direct(candidate, (*roots, *clash)), None)
        if direct is not None:
            return direct
        if clash:
            return Holding(Held.TOGETHER, version, others=clash)
        for need in candidate.needs[0]:
            if not self._can_be_had(need):
                wanted = {w.name: w for w in wanted_in(need)}
                rejections = (r for name in wanted for r in self.universe.rejections.get(name, ()))
                meant = (r for r in rejections if wanted[r.name].bounds.admits(r.version))
                return Holding(Held.LACKS, version, need=need, rejections=tuple(meant))
        return Holding(Held.IMPOSSIBLE, version)

    def _avoided(self, candidate: Candidate) -> Iterator[Holding]:
        """What it needs that its authors ask not to choose in any version there is."""
        for need in candidate.needs[0]:
            ways = [
                c
                for w in wanted_in(need)
                for c in self.universe.candidates[w.name]
                if w.bounds.admits(c.version)
            ]
            if ways and all(way.avoided for way in ways) and not self._is_met(need, candidate):
                yield Holding(Held.AVOIDED, candidate.version, ways[0], need)

    def _direct(
        self, candidate: Candidate, others: Iterable[Candidate], among: str | None = None
    ) -> Iterator[Holding]:
        """Where a formula of the version, or of another package, speaks against the two together.

        Of its own needs those on what is not ``among`` the answer do not count; None stands for all of it.
        """
        for other in others:
            for need in other.needs[0]:
                names = {wanted.name for wanted in wanted_in(need)}
                if candidate.name in names and not self._is_met(need, candidate):
                    yield Holding(Held.REFUSED, candidate.version, other, need)
        for need in candidate.needs[0]:
            on = [w.name for w in wanted_in(need) if among is None or w.name == among]
            there = [self.answer[name] for name in on if name in self.answer]
            if there and not self._is_met(need, candidate):
                yield Holding(Held.NEEDS, candidate.version, there[0], need)
        for other in others:
            if _exclude_each_other(candidate, other):
                yield Holding(Held.CONFLICTS, candidate.version, other)

    def _is_met(self, need: Need, instead: Candidate) -> bool:
        """Whether the answer meets a need, with ``instead`` for its version of that package."""

        def version_of(name: str) -> Version | None:
            found = instead if name == instead.name else self.answer.get(name)
            return None if found is None else found.version

        return is_met(need, version_of)

    def _clash(self, control: Any, candidate: Candidate) -> tuple[Candidate, ...] | None:
        """The packages of the answer that cannot stay with it, none of which can be left out.

        Empty where it goes with no answer at all, None where all can stay. Of several such sets it is one of
        those that its own formulas and theirs speak of, where there is one.
        """
        near = {wanted.name for need in candidate.needs[0] for wanted in wanted_in(need)}

        def distance(other: Candidate) -> tuple[int, str]:
            if any(self._direct(candidate, (other,), among=other.name)):
                return 0, other.name
            return 1 if other.name in near or candidate.name in _named(other) else 2, other.name

        stay = sorted((other for other in self.answer.values() if other.name != candidate.name), key=distance)
        if not self._clashes(control, candidate, stay):
            return None
        if self._clashes(control, candidate, ()):
            return ()
        return tuple(smallest_clash(stay, lambda part: self._clashes(control, candidate, part)))

    def _clashes(self, control: Any, candidate: Candidate, stay: Sequence[Candidate]) -> bool:
        """Whether a version goes with no answer that has all of ``stay``."""
        assumptions = [self._chosen(control, one) for one in (candidate, *stay)]
        return not control.solve(assumptions=assumptions).satisfiable

    def _can_be_had(self, need: Need) -> bool:
        """Whether some way of meeting a need is in some answer; of a conjunction, whether some part is."""
        return any(
            wanted.bounds.admits(candidate.version) and not self._clashes(self._whole, candidate, ())
            for wanted in wanted_in(need)
            for candidate in self.universe.candidates.get(wanted.name, ())
        )

    def _chosen(self, control: Any, candidate: Candidate) -> int:
        import clingo

        atom = clingo.Function("chosen", [clingo.Number(self.number[candidate.package.identity])])
        literal: int = control.symbolic_atoms[atom].literal
        return literal

    @cached_property
    def _whole(self) -> Any:
        """Knows everything that must hold."""
        return _grounded(self.universe)

    @cached_property
    def _rootless(self) -> Any:
        """The same, but that nothing is asked for."""
        roots = {root.name for root in self.universe.request.roots}
        candidates = {
            name: tuple(replace(c, needs=((),)) for c in versions) if name in roots else versions
            for name, versions in self.universe.candidates.items()
        }
        return _grounded(replace(self.universe, candidates=candidates, requires=((),)))


def _grounded(universe: Universe) -> Any:
    import clingo

    control = clingo.Control(["--models=1", "--opt-mode=ignore"], logger=lambda code, message: None)
    program = (encoding("choice"), encoding("strict"), encoding("single"), write_problem(universe).facts)
    control.add("base", [], "\n".join(program))
    control.ground([("base", [])])
    return control


def _named(candidate: Candidate) -> set[str]:
    return {w.name for need in (*candidate.needs[0], *candidate.conflicts[0]) for w in wanted_in(need)}


def _exclude_each_other(one: Candidate, other: Candidate) -> bool:
    classes = set(one.package.conflict_class).intersection(other.package.conflict_class)
    return bool(classes) or _refuses(one, other) or _refuses(other, one)


def _refuses(one: Candidate, other: Candidate) -> bool:
    conflicts = (need for need in one.conflicts[0] if isinstance(need, Wanted))
    return any(need.name == other.name and need.bounds.admits(other.version) for need in conflicts)
