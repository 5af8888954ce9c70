"""What holds a version back: why the best answer has not the newest version that there is.

One control is grounded for all packages. It is asked whether there is an answer with the version in which
nothing is older than it is, and nothing is to be avoided that is not chosen already; other packages may be
newer, come and go. So what the version would itself move is no reason. What would be older, made as small as
can be, is one; and a formula is told instead, where one says that the version and that package exclude each
other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
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
from solver.values import dataclass
from solver.version import Version


class Held(Enum):
    """What holds a version back."""

    REJECTED = "it is no candidate"
    UNAVAILABLE = "it is not available on a target"
    REFUSED = "a package of the answer needs another version"
    CONFLICTS = "it and a package of the answer exclude each other"
    CONTRADICTED = "it and a package of the answer need different versions of a third"
    NEEDS = "it needs another version of a package than that of the answer"
    LACKS = "it needs what cannot be had"
    TOGETHER = "with it packages of the answer would be older"
    IMPOSSIBLE = "no answer has it"
    AVOIDED = "it goes only with what its authors ask not to choose"
    WISHES = "the answer has more of what is wished without it"


@dataclass(frozen=True, slots=True)
class Holding:
    """The reason for one version.

    Args:
        who: the package of the answer that the reason is about, or the version that is to be avoided; None
            where it is about the held version alone.
        need: what is needed: of the held package where it is `REFUSED`, else by it.
        against: what ``who`` needs where it is `CONTRADICTED`; what the need comes to in the end where it
            `LACKS` that.
        rejections: why versions are no candidates: the held one, or those of what it `LACKS`.
        targets: where it is not available.
        others: of several packages of the answer, the names and versions.
    """

    held: Held
    version: Version
    who: Candidate | None = None
    need: Need | None = None
    against: Need | None = None
    rejections: tuple[Rejection, ...] = ()
    targets: tuple[str, ...] = ()
    others: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of what an answer has to be like: a literal that holds; it is about a package of the answer, or
    about a version that is to be avoided.
    """

    about: Candidate
    literal: int
    avoids: bool = False


class Holdings:
    """The reasons of an answer on one platform, by its number.

    What goes together on each platform goes together on all of them, where nothing else changes.
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
        self.roots = [self.answer[root.name] for root in universe.request.roots]
        candidates = chain.from_iterable(universe.candidates.values())  # numbered as `write_problem` does
        self.number = {candidate.package.identity: number for number, candidate in enumerate(candidates)}

    def of(self, name: str, version: Version) -> Holding:
        """What holds ``name`` back from ``version``, which some repository has and the answer has not."""
        candidate = next((c for c in self.universe.candidates.get(name, ()) if c.version == version), None)
        if candidate is None:
            rejections = (r for r in self.universe.rejections.get(name, ()) if r.version == version)
            return Holding(Held.REJECTED, version, rejections=tuple(rejections)[:1])
        if not candidate.available[0]:
            return Holding(Held.UNAVAILABLE, version, targets=self.universe.request.platforms[0].targets)
        return self._holding(candidate)

    def _holding(self, candidate: Candidate) -> Holding:
        clash = self._clash(self._whole, candidate, self._parts(candidate))
        if clash is None:
            return Holding(Held.WISHES, candidate.version)
        if clash and all(part.avoids for part in clash):
            return self._avoiding(candidate, clash[0].about)
        others = [part.about for part in clash if not part.avoids]
        if not clash:
            asked = self._clash(self._rootless, candidate, self._asked(candidate))
            if asked == []:
                return self._impossible(candidate, self._rootless)
            others = [part.about for part in asked or ()]
        told = next(self._told(candidate, others, possible=bool(clash)), None)
        if told is not None:
            return told
        if others:
            return Holding(Held.TOGETHER, candidate.version, others=tuple(others))
        return self._impossible(candidate, self._whole)

    def _told(
        self, candidate: Candidate, others: Sequence[Candidate], *, possible: bool
    ) -> Iterator[Holding]:
        """Reasons that formulas tell, best first; ``others`` are those of the answer to look at first.

        ``possible`` tells that some answer has the version.
        """
        if not possible:
            yield from self._refusals(candidate, self.roots)
            for need in candidate.needs[0]:
                if all(w.avoided for w in self._ways(need)) and not self._can_be_had(need, self._whole):
                    yield self._lacking(candidate, need, self._whole)
            yield from self._contradictions(candidate, self.roots)
        first = {other.name for other in others}
        rest = sorted(self.answer.values(), key=lambda other: (other.name not in first, other.name))
        rest = [one for one in rest if one not in self.roots and one.name != candidate.name]
        in_the_way = [one for one in rest if self._is_in_the_way(one, candidate)]
        yield from self._refusals(candidate, in_the_way)
        yield from self._contradictions(candidate, in_the_way)
        yield from self._needs(candidate, in_the_way)
        yield from self._refusals(candidate, self._fixed(candidate, (*self.roots, *others)))

    def _refusals(self, candidate: Candidate, others: Iterable[Candidate]) -> Iterator[Holding]:
        """Where another package needs another version, or the two exclude each other."""
        for other in others:
            for need in other.needs[0]:
                names = {wanted.name for wanted in wanted_in(need)}
                if candidate.name in names and not self._is_met(need, candidate):
                    yield Holding(Held.REFUSED, candidate.version, other, need)
            if _exclude_each_other(candidate, other):
                yield Holding(Held.CONFLICTS, candidate.version, other)

    def _contradictions(self, candidate: Candidate, others: Iterable[Candidate]) -> Iterator[Holding]:
        """Where another package needs versions of a third that are none of those the version needs."""
        for other in others:
            for need in candidate.needs[0]:
                for against in other.needs[0]:
                    names = {wanted.name for wanted in (*wanted_in(need), *wanted_in(against))}
                    if len(names) == 1 and not any(map(_meeting(need, against), self._versions(*names))):
                        yield Holding(Held.CONTRADICTED, candidate.version, other, need, against)

    def _needs(self, candidate: Candidate, others: Iterable[Candidate]) -> Iterator[Holding]:
        """Where the version needs another version of a package."""
        for other in others:
            for need in candidate.needs[0]:
                names = [wanted.name for wanted in wanted_in(need)]
                if other.name in names and not self._is_met(need, candidate):
                    yield Holding(Held.NEEDS, candidate.version, other, need)

    def _fixed(self, candidate: Candidate, others: Iterable[Candidate]) -> Iterator[Candidate]:
        """The packages of which others need versions that all refuse this one."""
        for other in others:
            for need in other.needs[0]:
                names = {wanted.name for wanted in wanted_in(need)}
                ways = list(self._ways(need))
                if len(names) == 1 and ways and all(any(self._refusals(candidate, [way])) for way in ways):
                    yield from (self.answer[name] for name in names)

    def _is_in_the_way(self, who: Candidate, candidate: Candidate) -> bool:
        """Whether nothing at all has both the version and that package, not older than it is."""
        literal = self._literal(self._rootless, "stays", who.name)
        assert literal is not None  # the version of the answer stays
        return self._clashes(self._rootless, candidate, [_Part(who, literal)])

    def _avoiding(self, candidate: Candidate, avoided: Candidate) -> Holding:
        needs = (n for n in candidate.needs[0] if avoided.name in {wanted.name for wanted in wanted_in(n)})
        return Holding(Held.AVOIDED, candidate.version, avoided, next(needs, None))

    def _impossible(self, candidate: Candidate, control: Any) -> Holding:
        needs = (need for need in candidate.needs[0] if not self._can_be_had(need, control))
        lacking = (self._lacking(candidate, need, control) for need in needs)
        return next(lacking, Holding(Held.IMPOSSIBLE, candidate.version))

    def _lacking(self, candidate: Candidate, need: Need, control: Any) -> Holding:
        last = self._last(need, control)
        wanted = {w.name: w for w in wanted_in(last)}
        rejections = (r for name in wanted for r in self.universe.rejections.get(name, ()))
        meant = tuple(r for r in rejections if wanted[r.name].bounds.admits(r.version))
        against = last if last is not need else None
        return Holding(Held.LACKS, candidate.version, need=need, against=against, rejections=meant)

    def _last(self, need: Need, control: Any) -> Need:
        """What a need that cannot be met comes to in the end, by the newest that would meet it; or itself."""
        last, seen = need, set[str]()
        while way := next(self._ways(last), None):
            deeper = (n for n in way.needs[0] if not self._can_be_had(n, control))
            found = next(deeper, None) if way.name not in seen else None
            if found is None:
                return need
            seen.add(way.name)
            last = found
        return last

    def _versions(self, name: str) -> Iterator[tuple[str, Version]]:
        return ((name, candidate.version) for candidate in self.universe.candidates.get(name, ()))

    def _is_met(self, need: Need, instead: Candidate) -> bool:
        """Whether the answer meets a need, with ``instead`` for its version of that package."""

        def version_of(name: str) -> Version | None:
            found = instead if name == instead.name else self.answer.get(name)
            return None if found is None else found.version

        return is_met(need, version_of)

    def _parts(self, candidate: Candidate) -> list[_Part]:
        """What there has to be of an answer that is in nothing worse: the nearest to the version first."""
        near = {wanted.name for need in candidate.needs[0] for wanted in wanted_in(need)}

        def distance(other: Candidate) -> tuple[int, str]:
            if any(self._refusals(candidate, [other])) or any(self._needs(candidate, [other])):
                return 0, other.name
            return 1 if other.name in near or candidate.name in _named(other) else 2, other.name

        others = sorted((one for one in self.answer.values() if one.name != candidate.name), key=distance)
        parts = [
            _Part(other, -literal)
            for other in others
            if (literal := self._literal(self._whole, "older", other.name)) is not None
        ]
        for name, versions in sorted(self._avoided.items()):
            literal = self._literal(self._whole, "shunned", name)
            if name != candidate.name and literal is not None:
                parts.append(_Part(versions[0], -literal, avoids=True))
        return parts

    def _asked(self, candidate: Candidate) -> list[_Part]:
        """What the roots ask for, as parts of an answer that has no roots."""
        needs = chain(self.universe.requires[0], *(root.needs[0] for root in self.roots))
        asked = {wanted.name for need in needs for wanted in wanted_in(need)}
        parts = []
        for name in sorted(asked & self.answer.keys() - {candidate.name}):
            literal = self._literal(self._rootless, "suits", name)
            assert literal is not None  # the version of the answer suits
            parts.append(_Part(self.answer[name], literal))
        return parts

    def _clash(self, control: Any, candidate: Candidate, parts: Sequence[_Part]) -> list[_Part] | None:
        """The parts that no answer with the version has together, none of which can be left out.

        Empty where no answer at all has it, None where some answer has all parts.
        """
        if not self._clashes(control, candidate, parts):
            return None
        if self._clashes(control, candidate, ()):
            return []
        return smallest_clash(parts, lambda some: self._clashes(control, candidate, some))

    def _clashes(self, control: Any, candidate: Candidate, parts: Sequence[_Part]) -> bool:
        """Whether no answer has the version and all ``parts``."""
        import clingo

        chosen = clingo.Function("chosen", [clingo.Number(self.number[candidate.package.identity])])
        assumptions = [control.symbolic_atoms[chosen].literal, *(part.literal for part in parts)]
        return not control.solve(assumptions=assumptions).satisfiable

    def _can_be_had(self, need: Need, control: Any) -> bool:
        """Whether some way of meeting a need is in some answer; of a conjunction, whether some part is."""
        return any(not self._clashes(control, candidate, ()) for candidate in self._ways(need))

    def _ways(self, need: Need) -> Iterator[Candidate]:
        """What meets a need, or a part of it where it is a conjunction."""
        for wanted in wanted_in(need):
            versions = self.universe.candidates.get(wanted.name, ())
            yield from (candidate for candidate in versions if wanted.bounds.admits(candidate.version))

    def _literal(self, control: Any, predicate: str, name: str) -> int | None:
        """What stands for a predicate of `_choices` about a package, None where no version of it is meant."""
        import clingo

        atom = control.symbolic_atoms[clingo.Function(predicate, [clingo.String(name)])]
        return None if atom is None else int(atom.literal)

    @cached_property
    def _avoided(self) -> dict[str, list[Candidate]]:
        """The versions that are to be avoided and not in the answer, by name."""
        found: dict[str, list[Candidate]] = {}
        for candidate in chain.from_iterable(self.universe.candidates.values()):
            if candidate.avoided and candidate not in self.answer.values():
                found.setdefault(candidate.name, []).append(candidate)
        return found

    def _choices(self) -> Iterator[str]:
        """Names for the choice of some version: one ``older`` than in the answer, one that ``suits`` the
        roots, one with which the package ``stays`` as good as it is; and one ``shunned`` by its authors.
        """
        needs = [need for root in self.roots for need in root.needs[0] if isinstance(need, Wanted)]
        for name, mine in self.answer.items():
            for candidate in self.universe.candidates[name]:
                chosen = f"chosen({self.number[candidate.package.identity]})"
                suits = all(need.bounds.admits(candidate.version) for need in needs if need.name == name)
                older = candidate.version < mine.version
                if older:
                    yield f'older("{name}") :- {chosen}.'
                if suits:
                    yield f'suits("{name}") :- {chosen}.'
                if suits and not older and (candidate is mine or not candidate.avoided):
                    yield f'stays("{name}") :- {chosen}.'
        for name, versions in self._avoided.items():
            for candidate in versions:
                yield f'shunned("{name}") :- chosen({self.number[candidate.package.identity]}).'

    @cached_property
    def _whole(self) -> Any:
        """Knows everything that must hold."""
        return self._grounded(self.universe)

    @cached_property
    def _rootless(self) -> Any:
        """The same, but that nothing is asked for."""
        roots = {root.name for root in self.universe.request.roots}
        candidates = {
            name: tuple(replace(c, needs=((),)) for c in versions) if name in roots else versions
            for name, versions in self.universe.candidates.items()
        }
        return self._grounded(replace(self.universe, candidates=candidates, requires=((),)))

    def _grounded(self, universe: Universe) -> Any:
        import clingo

        control = clingo.Control(["--models=1", "--opt-mode=ignore"], logger=lambda code, message: None)
        rules = (encoding("choice"), encoding("strict"), encoding("single"))
        control.add("base", [], "\n".join((*rules, write_problem(universe).facts, *self._choices())))
        control.ground([("base", [])])
        return control


def _meeting(one: Need, other: Need) -> Callable[[tuple[str, Version]], bool]:
    """Whether a version meets two needs of its package."""

    def meets(package: tuple[str, Version]) -> bool:
        versions = dict([package])
        return is_met(one, versions.get) and is_met(other, versions.get)

    return meets


def _named(candidate: Candidate) -> set[str]:
    return {w.name for need in (*candidate.needs[0], *candidate.conflicts[0]) for w in wanted_in(need)}


def _exclude_each_other(one: Candidate, other: Candidate) -> bool:
    classes = set(one.package.conflict_class).intersection(other.package.conflict_class)
    return bool(classes) or _refuses(one, other) or _refuses(other, one)


def _refuses(one: Candidate, other: Candidate) -> bool:
    conflicts = (need for need in one.conflicts[0] if isinstance(need, Wanted))
    return any(need.name == other.name and need.bounds.admits(other.version) for need in conflicts)
