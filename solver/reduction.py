"""Formulas with their filters decided: what is left is names and bounds on versions.

opam does the same before it asks its solver (`OpamFilter.filter_formula`): a true filter disappears, a false
or undefined one takes its dependency with it (out of a disjunction too), and a bound whose operand is
undefined is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from solver.formula import (
    HOLDS,
    AllOf,
    AnyOf,
    Bound,
    Comparison,
    Condition,
    Constraint,
    Defined,
    Dependency,
    Formula,
    Not,
    Text,
    Value,
    Variable,
    Variables,
    as_text,
    evaluate,
    holds,
)
from solver.version import Version

Bounds: TypeAlias = "Bound | AnyVersion | EveryBound | SomeBound"
"""A predicate on versions."""


@dataclass(frozen=True, slots=True)
class AnyVersion:
    """Admits every version."""

    def admits(self, version: Version) -> bool:
        return True

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class EveryBound:
    parts: tuple[Bounds, ...]

    def admits(self, version: Version) -> bool:
        return all(part.admits(version) for part in self.parts)

    def __str__(self) -> str:
        return " & ".join(f"({part})" if isinstance(part, SomeBound) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class SomeBound:
    parts: tuple[Bounds, ...]

    def admits(self, version: Version) -> bool:
        return any(part.admits(version) for part in self.parts)

    def __str__(self) -> str:
        return " | ".join(str(part) for part in self.parts)


ANY_VERSION = AnyVersion()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One package in one of the admitted versions."""

    name: str
    bounds: Bounds

    def __str__(self) -> str:
        bounds = str(simplest(self.bounds))
        return f"{self.name} {{{bounds}}}" if bounds else self.name


@dataclass(frozen=True, slots=True)
class Every:
    """Holds when every part does; an empty one always does."""

    parts: tuple[Need, ...]

    def __str__(self) -> str:
        return " & ".join(f"({part})" if isinstance(part, Some) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Some:
    """Holds when some part does."""

    parts: tuple[Need, ...]

    def __str__(self) -> str:
        return " | ".join(f"({part})" if isinstance(part, Every) else str(part) for part in self.parts)


Need: TypeAlias = "Wanted | Every | Some"

NOTHING = Every(())

_OWN_VARIABLES = frozenset({"name", "version", "_:name", "_:version"})


def wanted_in(need: Need) -> Iterator[Wanted]:
    """Every package named in ``need``, in order."""
    if isinstance(need, Wanted):
        yield need
    else:
        for part in need.parts:
            yield from wanted_in(part)


def conjuncts(need: Need) -> tuple[Need, ...]:
    """The parts that must each hold."""
    return need.parts if isinstance(need, Every) else (need,)


def is_met(need: Need, version_of: Callable[[str], Version | None]) -> bool:
    """Whether the versions that were chosen, by name, None for none, meet ``need``."""
    if isinstance(need, Wanted):
        version = version_of(need.name)
        return version is not None and need.bounds.admits(version)
    judge = all if isinstance(need, Every) else any
    return judge(is_met(part, version_of) for part in need.parts)


def all_of(needs: Sequence[Need]) -> Need:
    """One need that holds where all of ``needs`` do; mere bounds on one package become bounds of one."""
    wanted = [need for need in needs if isinstance(need, Wanted)]
    if len(wanted) == len(needs) and len({each.name for each in wanted}) == 1:
        return Wanted(wanted[0].name, _joined(EveryBound, [each.bounds for each in wanted]))
    return needs[0] if len(needs) == 1 else Every(tuple(needs))


def leaves(bounds: Bounds) -> Iterator[Bound]:
    """The plain bounds that ``bounds`` are made of, in order."""
    match bounds:
        case Bound():
            yield bounds
        case EveryBound(parts) | SomeBound(parts):
            for part in parts:
                yield from leaves(part)


def simplest(bounds: Bounds) -> Bounds:
    """What admits the same versions in fewer words, as ``= 5`` for ``>= 5 & <= 5``; else ``bounds`` itself.

    It looks at each version that is named and at each gap around them, as in a gap no bound changes its mind.
    """
    named = sorted({leaf.version for leaf in leaves(bounds)})
    places = {version: 2 * number + 1 for number, version in enumerate(named)}
    admitted = [_admits_at(bounds, place, places) for place in range(2 * len(named) + 1)]
    if not any(admitted):
        return bounds
    versions = range(1, len(admitted), 2)
    holes = [at for at in versions if admitted[at - 1] and admitted[at + 1] and not admitted[at]]
    for place in holes:
        admitted[place] = True
    runs: list[Bounds] = []
    for let_through, group in groupby(range(len(admitted)), key=admitted.__getitem__):
        run = list(group)
        if let_through:
            runs.append(_run(named, run[0], run[-1], [hole for hole in holes if hole in run]))
    found = _joined(SomeBound, runs)
    return found if len(list(leaves(found))) < len(list(leaves(bounds))) else bounds


def _admits_at(bounds: Bounds, place: int, places: Mapping[Version, int]) -> bool:
    match bounds:
        case Bound(relation, version):
            return HOLDS[relation](place, places[version])
        case EveryBound(parts):
            return all(_admits_at(part, place, places) for part in parts)
        case SomeBound(parts):
            return any(_admits_at(part, place, places) for part in parts)
        case AnyVersion():
            return True


def _run(named: Sequence[Version], first: int, last: int, holes: Sequence[int]) -> Bounds:
    """Everything from one place to another: an odd one is that of a version, an even one that of a gap."""
    if first == last and first % 2:
        return Bound("=", named[first // 2])
    parts: list[Bounds] = []
    if first:
        parts.append(Bound(">=", named[first // 2]) if first % 2 else Bound(">", named[first // 2 - 1]))
    if last < 2 * len(named):
        parts.append(Bound("<=" if last % 2 else "<", named[last // 2]))
    parts += [Bound("!=", named[hole // 2]) for hole in holes]
    return _joined(EveryBound, parts)


class Reduction:
    """Decides filters in one environment, remembering each `Dependency` object it has seen.

    Repositories repeat a few thousand dependencies over and over, and their reader shares the objects; so the
    memory is by identity, which costs no hashing. Only what mentions the package's own name or version is
    decided anew for each package.
    """

    def __init__(self, variables: Mapping[str, Value]) -> None:
        self.variables = dict(variables)
        self._seen: dict[int, tuple[Dependency, Wanted | None]] = {}

    def need(self, formula: Formula, name: str, version: Version) -> Need:
        """What ``formula`` in the opam file of ``name.version`` asks for."""
        reduced = self._reduce(formula, name, version)
        return NOTHING if reduced is None else reduced

    def wanted(self, dependency: Dependency, name: str, version: Version) -> Wanted | None:
        """What one dependency asks for; None where its filter takes it away."""
        seen = self._seen.get(id(dependency))
        if seen is not None:
            return seen[1]
        if dependency.condition is not None and _mentions_self(dependency.condition):
            return _wanted(dependency, own_variables(self.variables, name, version))
        wanted = _wanted(dependency, self.variables)
        self._seen[id(dependency)] = (dependency, wanted)
        return wanted

    def _reduce(self, formula: Condition, name: str, version: Version) -> Need | None:
        """None where nothing is left; what is written several times is kept once."""
        if isinstance(formula, Dependency):
            return self.wanted(formula, name, version)
        if not isinstance(formula, AllOf | AnyOf):
            raise TypeError(f"not a formula of packages: {formula!r}")
        every = isinstance(formula, AllOf)
        once: dict[int, Need] = {}
        for part in {id(part): part for part in formula.parts}.values():
            seen = self._seen.get(id(part))
            reduced = self._reduce(part, name, version) if seen is None else seen[1]
            if every and isinstance(reduced, Every):
                once |= {id(inner): inner for inner in reduced.parts}
            elif reduced is not None:
                once[id(reduced)] = reduced
        parts = tuple(once.values())
        if len(parts) < 2:
            return parts[0] if parts else None
        return Every(parts) if every else Some(parts)


def own_variables(variables: Variables, name: str, version: Version) -> dict[str, Value]:
    """``variables`` and those that each package has of itself."""
    return {
        **variables,
        "name": name,
        "version": version.text,
        "_:name": name,
        "_:version": version.text,
    }


def _wanted(dependency: Dependency, variables: Variables) -> Wanted | None:
    if dependency.condition is None:
        return Wanted(dependency.name, ANY_VERSION)
    bounds = _bounds(dependency.condition, variables)
    return None if bounds is None else Wanted(dependency.name, bounds)


def _bounds(condition: Condition, variables: Variables) -> Bounds | None:
    """The condition without its filters; None where they make it false."""
    match condition:
        case Constraint(relation, operand):
            value = evaluate(operand, variables)
            return ANY_VERSION if value is None else Bound(relation, Version.parse(as_text(value)))
        case AllOf(parts):
            found = [_bounds(part, variables) for part in parts]
            if any(bounds is None for bounds in found):
                return None
            return _joined(EveryBound, [b for b in found if b is not None and b != ANY_VERSION])
        case AnyOf(parts):
            some = [bounds for bounds in (_bounds(part, variables) for part in parts) if bounds is not None]
            if not some:
                return None
            return ANY_VERSION if ANY_VERSION in some else _joined(SomeBound, some)
        case _:
            return ANY_VERSION if holds(condition, variables) else None


def _joined(join: type[EveryBound] | type[SomeBound], parts: list[Bounds]) -> Bounds:
    if not parts:
        return ANY_VERSION
    return parts[0] if len(parts) == 1 else join(tuple(parts))


def _mentions_self(condition: object) -> bool:
    match condition:
        case Variable(name):
            return name in _OWN_VARIABLES
        case Constraint(_, operand):
            return _mentions_self(operand)
        case AllOf(parts) | AnyOf(parts):
            return any(_mentions_self(part) for part in parts)
        case Not(part) | Defined(part):
            return _mentions_self(part)
        case Comparison(left, _, right):
            return _mentions_self(left) or _mentions_self(right)
        case Text(text):
            return "%{" in text
        case _:
            return False
