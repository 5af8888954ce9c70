"""Which versions of OCaml a compiler exists for: to whoever asks for one a single fact.

That compilers are made of packages that need and refuse each other in many ways is of no interest where none
will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from solver.formula import AnyOf, Dependency
from solver.nature import Nature
from solver.optimise import grounded, literal_of
from solver.package import Package
from solver.problem import write_problem
from solver.reduction import Need, wanted_in
from solver.request import Preferences, Request
from solver.universe import PackageIndex, Universe, build_universe
from solver.version import Version

OCAML = "ocaml"

_ASKING = "whoever asks for a compiler"


def compiler_parts(universe: Universe) -> frozenset[str]:
    """The packages that are a compiler, and those without a source that tell of what kind one is.

    The latter are what compilers need: ``base-domains``, ``host-arch-x86_64``; conf packages, which speak of
    the machine, are none of them.
    """
    compilers = {
        name
        for name, versions in universe.candidates.items()
        if any(candidate.nature is Nature.COMPILER for candidate in versions)
    }
    needed = {
        wanted.name
        for name in compilers
        for candidate in universe.candidates[name]
        for needs in candidate.needs
        for need in needs
        for wanted in wanted_in(need)
    }
    return frozenset(compilers | {name for name in needed if _is_trait(name, universe)})


def _is_trait(name: str, universe: Universe) -> bool:
    candidates = universe.candidates[name]
    return bool(candidates) and all(
        candidate.nature is Nature.VIRTUAL
        and candidate.package.source is None
        and "conf" not in candidate.package.flags
        for candidate in candidates
    )


class Compilers:
    """What may be chosen of compilers on one platform, or all, were there nothing else to choose."""

    def __init__(
        self, request: Request, index: PackageIndex, platform: int | None, names: Iterable[str]
    ) -> None:
        """``names`` are what may be asked for of a compiler beside its version."""
        platforms = tuple(
            replace(each, questions=())
            for number, each in enumerate(request.platforms)
            if platform in (None, number)
        )
        choice = AnyOf(tuple(Dependency(name) for name in (OCAML, *names)))
        alone = replace(
            request,
            roots=(Package(_ASKING, Version.parse("dev"), choice),),
            platforms=platforms,
            requires=(*request.requires, Dependency(OCAML)),
            restrictions=(),
            preferences=Preferences(),
        )
        problem = write_problem(build_universe(alone, index))
        self.control = grounded(problem)
        self.numbers: dict[str, list[tuple[Version, int]]] = {}
        for number, candidate in enumerate(problem.candidates):
            self.numbers.setdefault(candidate.name, []).append((candidate.version, number))

    def versions(self, need: Need | None = None, *, refused: bool = False) -> tuple[Version, ...]:
        """Versions of OCaml that some compiler is for, newest first.

        Of a ``need`` of parts of compilers, those with a compiler that meets it; where it is ``refused``,
        with one that does not.
        """
        return tuple(
            version for version, number in self.numbers.get(OCAML, ()) if self._goes(number, need, refused)
        )

    def _goes(self, ocaml: int, need: Need | None, refused: bool) -> bool:
        chosen = self._chosen(ocaml)
        if need is None:
            return self._holds([chosen])
        met = [
            self._chosen(number)
            for wanted in wanted_in(need)
            for version, number in self.numbers.get(wanted.name, ())
            if wanted.bounds.admits(version)
        ]
        if refused:
            return self._holds([chosen, *(-each for each in met)])
        return any(self._holds([chosen, each]) for each in met)

    def _chosen(self, number: int) -> int:
        return literal_of(self.control, "chosen", number)

    def _holds(self, assumptions: Sequence[int]) -> bool:
        return bool(self.control.solve(assumptions=assumptions).satisfiable)
