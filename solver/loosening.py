"""What may be loosened of an unsolvable request, as facts for `encoding/relaxed.lp`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeAlias

from solver.edit import Edit, Kind, can_be_eased, distance
from solver.formula import AllOf, Condition, Dependency
from solver.nature import Nature
from solver.package import Package
from solver.problem import Problem
from solver.reach import reached
from solver.reduction import ANY_VERSION, Reduction, Wanted, all_of, wanted_in
from solver.request import AVAILABLE_KEY, Request, conflict_key, package_variables
from solver.universe import Universe
from solver.version import Version

Exclusion: TypeAlias = tuple[int, int, int]
"""A candidate, a platform, and the number of the project's bound that refuses it there."""

Refusal: TypeAlias = tuple[int, int | None]
"""A candidate, and the number of a need that it must not see met; None for where it is not available."""


@dataclass(frozen=True, slots=True)
class Loosening:
    """An edit whose version is still open.

    Args:
        facts: what it loosens, with ``{}`` for its number.
        conditions: of an edit of a bound, what is to be eased.
        lifts: what roots refuse, as `Refusal` has it, that stands unless it is loosened.
    """

    edit: Edit
    facts: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    lifts: frozenset[Refusal] = frozenset()


def loosenings(
    request: Request, universe: Universe, problem: Problem, exclusions: Sequence[Exclusion]
) -> Iterator[Loosening]:
    """Everything that may be loosened, of two that cost the same that which is preferred first."""
    numbers = {name: number for number, name in enumerate(universe.candidates)}
    yield from _bounds(request, problem, exclusions)
    yield from _dependencies(request, problem, numbers)
    yield from _refusals(request, problem)
    yield from _foreigners(universe, problem, numbers)
    yield from _targets(request)


def _bounds(request: Request, problem: Problem, exclusions: Sequence[Exclusion]) -> Iterator[Loosening]:
    """Bounds of mono.toml."""
    reductions = _reductions(request)
    for bound, restriction in enumerate(request.restrictions):
        if not any(where == bound for _, _, where in exclusions):
            continue
        name, dependency = restriction.name, Dependency(restriction.name, restriction.condition)
        found = (reduction.wanted(dependency, name, Version.parse("")) for reduction in reductions)
        wanted = [w for w in found if w is not None]
        edit = Edit(
            Kind.BOUND,
            restriction.name,
            number=bound,
            before=wording(request, name, (restriction.condition,)),
            place=restriction.place,
        )
        refused = {index for index, _, where in exclusions if where == bound}
        facts = (f"loosens({{}},{bound}).", *_far(problem, name, wanted, refused))
        yield Loosening(edit, facts, (restriction.condition,))


def _dependencies(request: Request, problem: Problem, numbers: Mapping[str, int]) -> Iterator[Loosening]:
    """Bounds that the roots give their dependencies."""
    places = request.root_places or {}
    eased: dict[tuple[str, str], list[tuple[int, int, Wanted]]] = {}
    for index, number, relation, need in problem.traced:
        candidate = problem.candidates[index]
        own = candidate.nature is Nature.ROOT and relation == "needs"
        if own and isinstance(need, Wanted) and need.bounds != ANY_VERSION:
            eased.setdefault((candidate.name, need.name), []).append((index, number, need))
    for root in request.roots:
        for name in dict.fromkeys(name for who, name in eased if who == root.name):
            conditions = tuple(_conditions(root.depends, name))
            if name not in numbers or not all(map(can_be_eased, conditions)):
                continue
            needs = eased[root.name, name]
            wanted = [need for _, _, need in needs]
            edit = Edit(
                Kind.DEPENDENCY,
                name,
                root=root.name,
                before=wording(request, name, conditions, root),
                place=places.get((root.name, name), ""),
            )
            facts = [f"eases({{}},{index},{number},{numbers[name]})." for index, number, _ in needs]
            yield Loosening(edit, (*facts, *_far(problem, name, wanted)), conditions)


def _refusals(request: Request, problem: Problem) -> Iterator[Loosening]:
    """What the roots refuse: each of their conflicts, and targets that they are not available on."""
    places = request.root_places or {}
    reductions = _reductions(request, own=True)
    indexes = {c.name: index for index, c in enumerate(problem.candidates) if c.nature is Nature.ROOT}
    for root in request.roots:
        index = indexes[root.name]
        refused = {
            need: number
            for who, number, relation, need in problem.traced
            if who == index and relation == "refuses"
        }
        for position, conflict in enumerate(root.conflicts):
            wanted = (reduction.wanted(conflict, root.name, root.version) for reduction in reductions)
            needs = list(dict.fromkeys(each for each in wanted if each in refused))
            if needs:
                edit = Edit(
                    Kind.CONFLICT,
                    conflict.name,
                    root=root.name,
                    number=position,
                    before=" & ".join(map(str, needs)),
                    place=places.get((root.name, conflict_key(conflict.name)), ""),
                )
                yield Loosening(edit, lifts=frozenset((index, refused[need]) for need in needs))
        if not all(problem.candidates[index].available):
            place = places.get((root.name, AVAILABLE_KEY), "")
            edit = Edit(Kind.AVAILABLE, root.name, root=root.name, place=place)
            yield Loosening(edit, lifts=frozenset({(index, None)}))


def wording(request: Request, name: str, conditions: Sequence[Condition], root: Package | None = None) -> str:
    """What ``conditions`` ask for of a package, their filters decided on each platform: ``lwt {>= "5"}``.

    They are the project's own, or those of a root. The name alone is left where there are no bounds.
    """
    who, version = (name, Version.parse("")) if root is None else (root.name, root.version)
    bounds: dict[str, None] = {}
    for reduction in _reductions(request, own=root is not None):
        found = (reduction.wanted(Dependency(name, each), who, version) for each in conditions)
        wanted = [each for each in found if each is not None and each.bounds != ANY_VERSION]
        if wanted:
            bounds[str(all_of(wanted))] = None
    return " & ".join(bounds) or name


def _foreigners(universe: Universe, problem: Problem, numbers: Mapping[str, int]) -> Iterator[Loosening]:
    """Packages that do not build with dune: to be installed outside, or ported."""
    foreign = {c.name for c in problem.candidates if c.outsider}
    needed = _names_needed(universe)
    for name in sorted(foreign):
        leads = sorted(reached((name,), lambda who: needed.get(who, set())) & foreign - {name})
        own = [f"leads({numbers[name]},{numbers[other]})." for other in leads]
        yield Loosening(Edit(Kind.PROVIDED, name), (f"provides({{}},{numbers[name]}).", *own))
    for name in sorted(foreign):
        ages = [
            f"far({{}},{index},{problem.ages[index]})."
            for index, candidate in enumerate(problem.candidates)
            if candidate.name == name and candidate.outsider
        ]
        yield Loosening(Edit(Kind.PORT, name), (f"ports({{}},{numbers[name]}).", *ages))


def _targets(request: Request) -> Iterator[Loosening]:
    """Targets, of which one has to remain."""
    platforms = request.platforms
    if len(platforms) > 1:
        for number, platform in enumerate(platforms):
            name = ", ".join(platform.targets)
            yield Loosening(Edit(Kind.TARGET, name, platform=number), (f"drops({{}},{number}).",))


def _far(problem: Problem, name: str, wanted: Sequence[Wanted], refused: Set[int] | None = None) -> list[str]:
    """How far each version is that some of ``wanted`` refuses; one to avoid is beyond all others."""
    keys = sorted(candidate.version.key for candidate in problem.candidates if candidate.name == name)
    facts = []
    for index, candidate in enumerate(problem.candidates):
        if candidate.name == name and (refused is None or index in refused):
            far = max(distance(each.bounds, candidate.version, keys) for each in wanted)
            if far:
                beyond = 2 * len(keys) if candidate.avoided else 0
                facts.append(f"far({{}},{index},{far + beyond}).")
    return facts


def _reductions(request: Request, *, own: bool = False) -> list[Reduction]:
    return [Reduction(package_variables(platform, own=own)) for platform in request.platforms]


def excluded(request: Request, problem: Problem) -> tuple[Exclusion, ...]:
    """Candidate, platform and number of each bound of the project that refuses it there."""
    found = []
    reductions = _reductions(request)
    bounds: dict[str, list[tuple[int, Dependency]]] = {}
    for number, restriction in enumerate(request.restrictions):
        dependency = Dependency(restriction.name, restriction.condition)
        bounds.setdefault(restriction.name, []).append((number, dependency))
    for index, candidate in enumerate(problem.candidates):
        for number, dependency in bounds.get(candidate.name, ()):
            for platform, reduction in enumerate(reductions):
                wanted = reduction.wanted(dependency, candidate.name, candidate.version)
                if wanted is not None and not wanted.bounds.admits(candidate.version):
                    found.append((index, platform, number))
    return tuple(found)


def _conditions(formula: object, name: str) -> Iterator[Condition]:
    """The conditions that a root gives a dependency which it must have."""
    match formula:
        case Dependency(named, condition) if named == name and condition is not None:
            yield condition
        case AllOf(parts):
            for part in parts:
                yield from _conditions(part, name)


def _names_needed(universe: Universe) -> dict[str, set[str]]:
    return {
        name: {
            wanted.name
            for candidate in candidates
            for needs in candidate.needs
            for need in needs
            for wanted in wanted_in(need)
        }
        for name, candidates in universe.candidates.items()
    }
