"""resolvelib replays the choice from the roots.

clingo has decided; the replay walks from the roots over the chosen versions alone. That it comes to an end
proves the answer consistent and closed, what it never reaches is superfluous, and the way it went is the
graph that the lock records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, Resolver

from solver.nature import Nature
from solver.reach import reached
from solver.reduction import ANY_VERSION, Every, Need, Reduction, Wanted, is_met, wanted_in
from solver.request import package_variables
from solver.solution import Solution
from solver.universe import Candidate, Universe
from solver.values import dataclass
from solver.version import Version


class ReplayError(Exception):
    """The choice does not stand on its own; a fault of mono's, never of the input."""


@dataclass(frozen=True, slots=True)
class Role:
    """On which platforms a package is needed for the target's own program, and on which by the host.

    A build tool, a ``build`` dependency and what only these need run on the machine that builds; where a
    package is needed in both ways, both say so. Numbers of platforms, sorted.
    """

    target: tuple[int, ...] = ()
    host: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """Who needs whom. Keys are ``name.version``, as there may be several versions of one name.

    ``edges`` are sorted names, on any platform; ``inside`` are the packages that dune sees or that these need
    directly: reached from the roots without passing through one that is provided.
    """

    edges: Mapping[str, tuple[str, ...]]
    inside: frozenset[str]
    roles: Mapping[str, Role]


def replay(universe: Universe, solution: Solution) -> Graph:
    """Resolve the roots against the chosen candidates only.

    Raises:
        ReplayError: something that is needed was not chosen, or something chosen is needed by nobody.
    """
    identities = sorted(choice.candidate.package.identity for choice in solution.choices)
    edges: dict[str, set[str]] = {identity: set() for identity in identities}
    inside: set[str] = set()
    target: dict[str, list[int]] = {identity: [] for identity in identities}
    host: dict[str, list[int]] = {identity: [] for identity in identities}
    for platform in range(len(universe.request.platforms)):
        walk = _Walk(universe, solution, platform)
        for name, needed in walk.edges.items():
            edges[walk.identity(name)].update(needed)
        inside.update(map(walk.identity, walk.inside()))
        for_target = walk.for_target()
        for name in for_target:
            target[walk.identity(name)].append(platform)
        for name in walk.on_host(for_target):
            host[walk.identity(name)].append(platform)
    return Graph(
        {identity: tuple(sorted(needed)) for identity, needed in edges.items()},
        frozenset(inside),
        {identity: Role(tuple(target[identity]), tuple(host[identity])) for identity in identities},
    )


class _Walk:
    """The replay on one platform, and what can be seen on the way."""

    def __init__(self, universe: Universe, solution: Solution, platform: int) -> None:
        self.universe = universe
        self.platform = platform
        self.provider = provider = _Replay(universe, solution, platform)
        asked = [Wanted(root.name, ANY_VERSION) for root in universe.request.roots]
        for need in universe.requires[platform]:
            asked.extend(provider.ways(need))
        self.entries = frozenset(wanted.name for wanted in asked)
        resolver: Resolver[Wanted, Candidate, str] = Resolver(provider, BaseReporter())
        try:
            result = resolver.resolve(asked, max_rounds=len(provider.chosen) * 2 + 100)
        except ResolutionImpossible as failure:
            wanted = ", ".join(str(cause.requirement) for cause in failure.causes)
            raise ReplayError(f"the chosen versions do not meet {wanted}") from failure
        superfluous = set(provider.chosen) - set(result.mapping)
        if superfluous:
            raise ReplayError(f"nobody needs {', '.join(sorted(superfluous))}")
        self.edges = {name: provider.edges[name] for name in result.mapping}
        self._lasting = {name: self._not_only_for_building(name) for name in self.edges}

    def identity(self, name: str) -> str:
        return self.provider.chosen[name].package.identity

    def inside(self) -> set[str]:
        """What is reached from the roots without passing through what is provided."""
        return reached(self.entries, lambda name: () if self._is(name, Nature.PROVIDED) else self.edges[name])

    def for_target(self) -> set[str]:
        """What the target's own program needs: reached without ``build`` dependencies and build tools."""
        entries = {name for name in self.entries if not self._is(name, Nature.BUILD_TOOL)}
        return reached(entries, lambda name: self._lasting[name])

    def on_host(self, for_target: set[str]) -> set[str]:
        """What the machine that builds needs itself."""
        first = {child for name in for_target for child in self.edges[name] - self._lasting[name]}
        first |= {name for name in self.entries if self._is(name, Nature.BUILD_TOOL)}
        return reached(first, lambda name: self.edges[name])

    def _not_only_for_building(self, name: str) -> frozenset[str]:
        """The packages that a package needs, apart from build tools and ``build`` dependencies."""
        candidate = self.provider.chosen[name]
        platform = self.universe.request.platforms[self.platform]
        own = candidate.nature is Nature.ROOT or name in self.universe.request.pinned
        reduction = Reduction({**package_variables(platform, own=own), "build": False})
        need = reduction.need(candidate.package.depends, name, candidate.version)
        ways = {way.name for way in self.provider.ways(need)} & self.edges[name]
        return frozenset(way for way in ways if not self._is(way, Nature.BUILD_TOOL))

    def _is(self, name: str, nature: Nature) -> bool:
        candidate = self.provider.chosen.get(name)
        return candidate is not None and candidate.nature is nature


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

    def narrow_requirement_selection(
        self, identifiers: Iterable[str], *arguments: Any, **named: Any
    ) -> Iterable[str]:
        """The name that was asked for last: with one candidate for each, any order leads to the same end.

        Going into depth keeps few names open, all of which resolvelib looks at in each round.
        """
        return (*identifiers,)[-1:]

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
        return is_met(need, self.version_of)

    def version_of(self, name: str) -> Version | None:
        """The chosen version of a package, None where it is not used."""
        candidate = self.chosen.get(name)
        return None if candidate is None else candidate.version
