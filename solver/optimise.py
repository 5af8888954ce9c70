"""clingo chooses the versions: complete, and proved optimal in the order of wishes of `encoding/strict.lp`.

The answer is unique whatever clingo's version, its seeds or its order of search: among several optimal
answers the one is taken that, going through the packages by name, leaves a package out where it can, and
else takes its newest version (its lowest, where the lowest are wished for).
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from solver.problem import Problem, write_problem
from solver.solution import Choice, Solution, Unsolvable
from solver.universe import Universe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


Uses: TypeAlias = frozenset[tuple[int, int]]
"""Pairs of candidate and platform."""


class Memory(Protocol):
    """Answers proved before; ``problem`` is a digest of everything that decides the answer."""

    def recall(self, problem: str) -> Uses | None:
        """The answer, None where it is not known."""

    def remember(self, problem: str, uses: Uses) -> None:
        """Keep an answer."""


def solve(universe: Universe, memory: Memory | None = None) -> Solution | Unsolvable:
    """The best answer there is, or the certainty that there is none.

    With a ``memory``, a problem that was answered before is not solved again: the facts decide the answer.
    """
    problem = write_problem(universe)
    uses = _best(problem, "single", memory)
    if uses is None and problem.platforms > 1:
        uses = _best(problem, "several", memory)
    return Unsolvable() if uses is None else _solution(problem, uses)


def _best(problem: Problem, versions: str, memory: Memory | None) -> Uses | None:
    """The best answer with a ``single`` version of each package or ``several``; None where there is none."""
    rules = (encoding("choice"), encoding("strict"), encoding(versions))
    program = "\n".join((*rules, problem.facts, encoding("held"), encoding("moved")))
    digest = hashlib.sha256(program.encode()).hexdigest()
    known = memory.recall(digest) if memory is not None else None
    if known is not None:
        return known
    search = _Search(problem, program)
    best = search.optimum(search.staying())
    if best is None:
        return None
    uses, costs = best
    if search.another_is_as_good:
        uses = search.canonical(uses, costs)
    if memory is not None:
        memory.remember(digest, uses)
    return uses


def is_solvable(universe: Universe) -> bool:
    """Whether there is any answer, be it the best or not: sooner told than which is best."""
    return bool(grounded(write_problem(universe)).solve().satisfiable)


def grounded(problem: Problem) -> Any:
    """A clingo control that asks for any answer, be it the best or not."""
    import clingo

    control = clingo.Control(["--models=1", "--opt-mode=ignore"], logger=_ignore)
    control.add("base", [], "\n".join((encoding("choice"), encoding("strict"), problem.facts)))
    control.ground([("base", [])])
    return control


def literal_of(control: Any, name: str, *numbers: int) -> int:
    """The literal of an atom, which the program must have, to assume it or, negated, its opposite."""
    import clingo

    literal: int = control.symbolic_atoms[
        clingo.Function(name, [clingo.Number(number) for number in numbers])
    ].literal
    return literal


@cache
def encoding(name: str) -> str:
    """The text of one of the programs in solver/encoding."""
    return files("solver").joinpath("encoding", f"{name}.lp").read_text(encoding="utf-8")


class _Search:
    """One clingo control, grounded once and asked several times."""

    def __init__(self, problem: Problem, program: str) -> None:
        import clingo

        self.problem = problem
        self.another_is_as_good = False
        self.control: Any = clingo.Control(
            ["--opt-mode=optN", "--models=0", "--opt-strategy=usc", "--configuration=tweety"], logger=_ignore
        )
        self.control.add("base", [], program)
        self.control.ground([("base", [])])

    def staying(self) -> frozenset[int]:
        """Which candidates of the old lock can stay: those that some answer has, as something needs them.

        Usually all can, or all but the few that clash with what was changed: so those are put aside, clash by
        clash, until the others can stay together, and then asked for one by one.
        """
        if not self.problem.kept:
            return frozenset()
        import clingo

        solve, asking = self.control.configuration.solve, clingo.Function("asking")
        solve.models, solve.opt_mode = 1, "ignore"
        self.control.ground([("held", [])])
        self.control.assign_external(asking, True)
        atoms = self.control.symbolic_atoms.by_signature("held", 1)
        held = {atom.literal: atom.symbol.arguments[0].number for atom in atoms}
        together = set(held)
        stays, clash = self._answer_with(together, held)
        while clash:
            together -= clash
            stays, clash = self._answer_with(together, held)
        for literal in held:
            if literal not in stays:
                stays |= self._answer_with({literal}, held)[0]
        self.control.release_external(asking)
        solve.models, solve.opt_mode = 0, "optN"
        return frozenset(held[literal] for literal in stays)

    def _answer_with(self, asked: Iterable[int], literals: Iterable[int]) -> tuple[set[int], set[int]]:
        """Which of ``literals`` hold in an answer in which those ``asked`` do; or, of these, which clash."""
        with self.control.solve(assumptions=sorted(asked), yield_=True) as handle:
            model = handle.model()
            if model is None:
                return set(), set(handle.core())
            return {literal for literal in literals if model.is_true(literal)}, set()

    def optimum(self, staying: Iterable[int]) -> tuple[Uses, tuple[int, ...]] | None:
        """An optimal answer and its costs; notes whether it is the only one."""
        self.control.add("moved", [], "".join(f"stays({number})." for number in sorted(staying)))
        self.control.ground([("moved", [])])
        best: Uses | None = None
        costs: tuple[int, ...] = ()
        with self.control.solve(yield_=True) as handle:
            for model in handle:
                if not model.optimality_proven:
                    continue
                uses = _uses(model)
                if best is None:
                    best, costs = uses, tuple(model.cost)
                elif uses != best:
                    self.another_is_as_good = True
                    break
        return None if best is None else (best, costs)

    def canonical(self, uses: Uses, costs: tuple[int, ...]) -> Uses:
        """The canonical one of all answers that cost what ``uses`` costs."""
        some, every = self._consequences("brave"), self._consequences("cautious")
        settled: list[tuple[Any, bool]] = []
        for wishes in self._wishes():
            for wish in wishes:
                if _grants(uses, wish):
                    settled += wish
                    break
                if not _conceivable(wish, some, every):
                    continue
                better = self._answer([*settled, *wish], costs)
                if better is not None:
                    uses = better
                    settled += wish
                    break
        return uses

    def _consequences(self, mode: str) -> Uses:
        """What some optimal answer has (``brave``), or every one (``cautious``), without trying them all."""
        solve = self.control.configuration.solve
        solve.enum_mode = mode
        found: Uses = frozenset()
        with self.control.solve(yield_=True) as handle:
            for model in handle:
                if model.optimality_proven:
                    found = _uses(model)
        solve.enum_mode = "auto"
        return found

    def _wishes(self) -> Iterator[list[list[tuple[Any, bool]]]]:
        """For each package by name what is wished, best first: to be left out, or else its best version.

        Then, for each version and platform, not to be used there. A wish lists atoms, and whether each is to
        hold.
        """
        import clingo

        by_name: dict[str, list[int]] = {}
        for index, candidate in enumerate(self.problem.candidates):
            by_name.setdefault(candidate.name, []).append(index)
        if self.problem.lowest:
            by_name = {name: indexes[::-1] for name, indexes in by_name.items()}
        chosen = [clingo.Function("chosen", [clingo.Number(i)]) for i in range(len(self.problem.candidates))]
        for name in sorted(by_name):
            indexes = by_name[name]
            yield [[(chosen[i], False) for i in indexes], *([(chosen[i], True)] for i in indexes)]
        for name in sorted(by_name):
            for index in by_name[name]:
                for platform in range(self.problem.platforms):
                    use = clingo.Function("use", [clingo.Number(index), clingo.Number(platform)])
                    yield [[(use, False)], [(use, True)]]

    def _answer(self, assumptions: Sequence[tuple[Any, bool]], costs: tuple[int, ...]) -> Uses | None:
        """An answer of these costs, as the optimum under assumptions: bounds are hard to search by."""
        with self.control.solve(assumptions=list(assumptions), yield_=True) as handle:
            for model in handle:
                if model.optimality_proven:
                    return _uses(model) if tuple(model.cost) == costs else None
        return None


def _uses(model: Any) -> Uses:
    return frozenset(
        (symbol.arguments[0].number, symbol.arguments[1].number) for symbol in model.symbols(shown=True)
    )


def _grants(uses: Uses, wish: Sequence[tuple[Any, bool]]) -> bool:
    """Whether an answer is as ``wish`` has it."""
    return all(_holds(atom, uses) is wanted for atom, wanted in wish)


def _conceivable(wish: Sequence[tuple[Any, bool]], some: Uses, every: Uses) -> bool:
    """Whether a wish asks for nothing that no optimal answer has, and against nothing that each has."""
    return all(_holds(atom, some) if wanted else not _holds(atom, every) for atom, wanted in wish)


def _holds(atom: Any, uses: Uses) -> bool:
    numbers = tuple(argument.number for argument in atom.arguments)
    return numbers in uses if atom.name == "use" else any(use[0] == numbers[0] for use in uses)


def _solution(problem: Problem, uses: Iterable[tuple[int, int]]) -> Solution:
    platforms: dict[int, list[int]] = {}
    for candidate, platform in sorted(uses):
        platforms.setdefault(candidate, []).append(platform)
    choices = [Choice(problem.candidates[index], tuple(where)) for index, where in platforms.items()]
    return Solution(tuple(sorted(choices, key=_by_name)))


def _by_name(choice: Choice) -> tuple[str, tuple[int, ...]]:
    return choice.candidate.name, choice.platforms


def _ignore(code: object, message: str) -> None:
    """clingo warns of predicates without facts; here that is no news."""
