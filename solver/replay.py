"""resolvelib replays the choice from the roots.

clingo has decided; the replay walks from the roots over the chosen versions alone. That it comes to an end
proves the answer consistent and closed, what it never reaches is superfluous, and the way it went is the
graph that the lock records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, Resolver

from solver.nature import Nature
from solver.reduction import ANY_VERSION, Every, Need, Wanted, wanted_in
from solver.solution import Solution
from solver.universe import Candidate, Universe


class ReplayError(Exception):
    """The choice does not stand on its own; a fault of mono's, never of the input."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Who needs whom, on any platform.

    ``edges`` are sorted names; ``inside`` are the packages that dune sees or that these need directly:
    reached from the roots without passing through one that is provided.
    """

    edges: Mapping[str, tuple[str, ...]]
    inside: frozenset[str]


def replay(universe: Universe, solution: Solution) -> Graph:
    """Resolve the roots against the chosen candidates only.

    Raises:
        ReplayError: something that is needed was not chosen, or something chosen is needed by nobody.
    """
    edges: dict[str, set[str]] = {choice.candidate.name: set() for choice in solution.choices}
    roots = tuple(root.name for root in universe.request.roots)
    entries: set[str] = set(roots)
    for platform in range(len(universe.request.platforms)):
        provider = _Replay(universe, solution, platform)
        asked = [Wanted(root, ANY_VERSION) for root in roots]
        for need in universe.requires[platform]:
            asked.extend(provider.ways(need))
        entries.update(wanted.name for wanted in asked)
        resolver: Resolver[Wanted, Candidate, str] = Resolver(provider, BaseReporter())
        try:
            result = resolver.resolve(asked, max_rounds=len(edges) * 2 + 100)
        except ResolutionImpossible as failure:
            wanted = ", ".join(str(cause.requirement) for cause in failure.causes)
            raise ReplayError(f"the chosen versions do not meet {wanted}") from failure
        used = {c.candidate.name for c in solution.choices if platform in c.platforms}
        superfluous = used - set(result.mapping)
        if superfluous:
            raise ReplayError(f"nobody needs {', '.join(sorted(superfluous))}")
        for name in result.mapping:
            edges[name].update(provider.edges[name])
    natures = {choice.candidate.name: choice.candidate.nature for choice in solution.choices}
    return Graph(
        {name: tuple(sorted(children)) for name, children in sorted(edges.items())},
        frozenset(_inside(entries, edges, natures)),
    )


def _inside(entries: set[str], edges: Mapping[str, set[str]], natures: Mapping[str, Nature]) -> set[str]:
    seen: set[str] = set()
    waiting = sorted(entries)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if natures[name] is not Nature.PROVIDED:
            waiting.extend(edges[name])
    return seen


class _Replay(AbstractProvider[Wanted, Candidate, str]):
    """A provider that knows one candidate for each name."""

    def __init__(self, universe: Universe, solution: Solution, platform: int) -> None:
        self.universe = universe
        self.platform = platform
        self.edges: dict[str, frozenset[str]] = {}
        self.met: set[str] = set()
        self.chosen = {c.candidate.name: c.candidate for c in solution.choices if platform in c.platforms}

    def identify(self, requirement_or_candidate: Wanted | Candidate) -> str:
        return requirement_or_candidate.name

    def get_preference(self, identifier: str, *arguments: Any, **named: Any) -> str:
        return identifier

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Wanted]],
        incompatibilities: Mapping[str, Iterator[Candidate]],
    ) -> Sequence[Candidate]:
        candidate = self.chosen.get(identifier)
        if candidate is None or candidate in list(incompatibilities[identifier]):
            return ()
        if all(wanted.bounds.admits(candidate.version) for wanted in requirements[identifier]):
            return (candidate,)
        return ()

    def is_satisfied_by(self, requirement: Wanted, candidate: Candidate) -> bool:
        """`find_matches` offers a candidate only when it meets every requirement on its name.

        resolvelib asks this of all requirements in every round, and finds matches anew with each requirement
        that is added; looking again here would be the greater part of the replay.
        """
        return True

    def get_dependencies(self, candidate: Candidate) -> Iterable[Wanted]:
        """Notes whom the candidate needs; what a met name's choice admits as well adds nothing to ask."""
        wanted = [way for need in candidate.needs[self.platform] for way in self.ways(need)]
        self.edges[candidate.name] = frozenset(way.name for way in wanted)
        for way in wanted:
            if way.name not in self.met or not self._is_met(way):
                self.met.add(way.name)
                yield way

    def ways(self, need: Need) -> Iterator[Wanted]:
        """Those wanted packages by which the choice meets ``need``; all of it where it does not."""
        if isinstance(need, Wanted):
            yield need
        elif isinstance(need, Every):
            for part in need.parts:
                yield from self.ways(part)
        else:
            met = [part for part in need.parts if self._is_met(part)]
            for part in met:
                yield from self.ways(part)
            if not met:
                yield from wanted_in(need)

    def _is_met(self, need: Need) -> bool:
        if isinstance(need, Wanted):
            candidate = self.chosen.get(need.name)
            return candidate is not None and need.bounds.admits(candidate.version)
        judge = all if isinstance(need, Every) else any
        return judge(self._is_met(part) for part in need.parts)
