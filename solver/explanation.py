"""Why there is no answer: the smallest set of reasons that clash, as data.

clingo names an unsatisfiable core over guarded reasons (``lwt needs ocaml``); the core is shrunk until every
reason in it is needed; then it is told as a derivation from the roots.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from solver.optimise import encoding
from solver.problem import Problem, write_problem
from solver.reduction import ANY_VERSION, Need, Wanted, wanted_in
from solver.universe import Candidate, Rejection, Universe
from solver.version import Version


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is so for all versions of a package: ``who relation whom``.

    ``who`` is empty for what the project or the way of building asks for; ``whom`` are names of packages, of
    targets where the relation is `UNAVAILABLE`, or the name of a conflict class.
    """

    who: str
    relation: Relation
    whom: tuple[str, ...]


class Relation(Enum):
    """How a reason ties two packages together."""

    ASKED = "is asked for"
    NEEDS = "needs"
    CONFLICTS = "refuses"
    CLASS = "only one package of a conflict class"
    UNAVAILABLE = "is not available"
    OUTSIDE = "only what is installed outside may need what does not build with dune"


@dataclass(frozen=True, slots=True)
class Step:
    """One reason of the derivation, and how its versions word it.

    ``versions`` are those still possible when the step is told, newest first; ``wordings`` what they ask for
    in opam's syntax, without repetition, in the same order.
    """

    reason: Reason
    versions: tuple[Version, ...] = ()
    wordings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """A package of which no version will do.

    Args:
        candidates: its versions that may be chosen at all, newest first.
        rejections: its versions that may not, though some step asks for them.
        known: whether any repository has the name.
    """

    name: str
    candidates: tuple[Version, ...]
    rejections: tuple[Rejection, ...]
    known: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """Steps from the roots to the clash, and the packages where it ends."""

    steps: tuple[Step, ...]
    missing: tuple[Missing, ...]


def explain(universe: Universe) -> Explanation:
    """A smallest account of why ``universe`` has no answer: no reason in it can be left out."""
    several = len(universe.request.platforms) > 1
    # most often one platform alone has no answer, and its story is shorter and found sooner
    alone = (universe.on_platform(n) for n in range(len(universe.request.platforms))) if several else ()
    for part in itertools.chain(alone, (universe,)):
        core = _Cores(part).smallest()
        if core:
            return _tell(part, core)
    raise ValueError("there is an answer")


class _Cores:
    """Finds a minimal unsatisfiable core of guarded reasons."""

    def __init__(self, universe: Universe) -> None:
        import clingo

        problem = write_problem(universe)
        self.targets = [platform.targets for platform in universe.request.platforms]
        self.reasons: dict[Reason, int] = {}
        facts = [problem.facts, *self._because(problem), *self._general(problem)]
        self.control: Any = clingo.Control(["--models=1"], logger=lambda code, message: None)
        program = (encoding("choice"), encoding("single"), encoding("guarded"), *facts)
        self.control.add("base", [], "\n".join(program))
        self.control.ground([("base", [])])

    def _because(self, problem: Problem) -> Iterator[str]:
        for index, number, relation, need in problem.traced:
            whom = tuple(sorted({wanted.name for wanted in wanted_in(need)}))
            reason = Reason(problem.candidates[index].name, Relation(relation), whom)
            yield f"because({index},{number},{self._number(reason)})."

    def _general(self, problem: Problem) -> Iterator[str]:
        for index, candidate in enumerate(problem.candidates):
            for platform, targets in enumerate(self.targets):
                if not candidate.available[platform]:
                    number = self._number(Reason(candidate.name, Relation.UNAVAILABLE, targets))
                    yield f"guards_available({index},{platform},{number})."
        for number, need in problem.asked.items():
            whom = tuple(sorted({wanted.name for wanted in wanted_in(need)}))
            yield f"guards_asked({number},{self._number(Reason('', Relation.ASKED, whom))})."
        for number, name in enumerate(problem.classes):
            yield f"guards_class({number},{self._number(Reason('', Relation.CLASS, (name,)))})."
        yield f"guards_outside({self._number(Reason('', Relation.OUTSIDE, ()))})."
        for number in self.reasons.values():
            yield f"guard({number})."

    def _number(self, reason: Reason) -> int:
        return self.reasons.setdefault(reason, len(self.reasons))

    def smallest(self) -> tuple[Reason, ...]:
        """Reasons that clash, none of which can be left out; empty where none clash."""
        core = self._core(_from_the_roots(self.reasons)) or ()
        for reason in sorted(core, key=_dispensability):
            if reason in core:
                shrunk = self._core(tuple(other for other in core if other != reason))
                core = core if shrunk is None else shrunk
        return core

    def _core(self, reasons: Sequence[Reason]) -> tuple[Reason, ...] | None:
        """Some of ``reasons`` that clash, in their order; None where they do not."""
        import clingo

        literals: dict[int, Reason] = {}
        for reason in reasons:
            guard = clingo.Function("active", [clingo.Number(self.reasons[reason])])
            literals[self.control.symbolic_atoms[guard].literal] = reason
        with self.control.solve(assumptions=list(literals), yield_=True) as handle:
            if handle.get().satisfiable:
                return None
            core = {literals[literal] for literal in handle.core() if literal in literals}
        return tuple(reason for reason in reasons if reason in core)


def _from_the_roots(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """The reasons, those near the roots first.

    clingo assumes them in order and stops at the first clash, so that its core holds nothing farther away.
    """
    needed: dict[str, set[str]] = {}
    for reason in reasons:
        if reason.relation in (Relation.ASKED, Relation.NEEDS):
            needed.setdefault(reason.who, set()).update(reason.whom)
    distance = {"": 0}
    waiting = deque([""])
    while waiting:
        who = waiting.popleft()
        for whom in sorted(needed.get(who, set()) - distance.keys()):
            distance[whom] = distance[who] + 1
            waiting.append(whom)
    farthest = len(distance)

    def nearness(reason: Reason) -> tuple[bool, int, str, tuple[str, ...]]:
        general = reason.relation in (Relation.CLASS, Relation.OUTSIDE)
        return general, distance.get(reason.who, farthest), reason.who, reason.whom

    return tuple(sorted(reasons, key=nearness))


def _dispensability(reason: Reason) -> tuple[int, str, tuple[str, ...]]:
    """Reasons that are harder to follow come first: they are tried without first."""
    order = [
        Relation.CLASS,
        Relation.UNAVAILABLE,
        Relation.OUTSIDE,
        Relation.CONFLICTS,
        Relation.NEEDS,
        Relation.ASKED,
    ]
    return order.index(reason.relation), reason.who, reason.whom


def _tell(universe: Universe, core: Iterable[Reason]) -> Explanation:
    """Order the reasons so that each speaks of packages already introduced."""
    waiting = sorted(
        core, key=lambda reason: (reason.relation is not Relation.ASKED, reason.who, reason.whom)
    )
    possible: dict[str, tuple[Candidate, ...]] = {}
    asked: dict[str, list[Wanted]] = {}
    steps: list[Step] = []
    while waiting:
        reason = next((r for r in waiting if not r.who or r.who in possible), waiting[0])
        waiting.remove(reason)
        if reason.relation is Relation.UNAVAILABLE:
            steps.append(Step(reason, tuple(_hidden(universe, reason, possible.get(reason.who, ())))))
            continue
        needs = list(_needs_behind(universe, reason, possible.get(reason.who, ())))
        steps.append(
            Step(
                reason,
                tuple(candidate.version for candidate, _ in needs if candidate is not None),
                tuple(dict.fromkeys(str(need) for _, need in needs)),
            )
        )
        if reason.relation in (Relation.NEEDS, Relation.ASKED):
            for name in reason.whom:
                wanted = [w for _, need in needs for w in wanted_in(need) if w.name == name]
                asked.setdefault(name, []).extend(wanted)
                before = possible.get(name, universe.candidates.get(name, ()))
                possible[name] = tuple(c for c in before if any(w.bounds.admits(c.version) for w in wanted))
    missing = tuple(
        _missing(universe, name, asked[name]) for name, left in possible.items() if not left and name in asked
    )
    return Explanation(tuple(steps), missing)


def _hidden(universe: Universe, reason: Reason, possible: Sequence[Candidate]) -> Iterator[Version]:
    """The possible versions that may not be used on the targets of this reason."""
    platform = next(n for n, p in enumerate(universe.request.platforms) if p.targets == reason.whom)
    return (candidate.version for candidate in possible if not candidate.available[platform])


def _needs_behind(
    universe: Universe, reason: Reason, possible: Sequence[Candidate]
) -> Iterator[tuple[Candidate | None, Need]]:
    """What each possible version, or the project, says for this reason."""
    names = set(reason.whom)
    if reason.relation is Relation.ASKED:
        roots = [Wanted(root.name, ANY_VERSION) for root in universe.request.roots]
        for need in dict.fromkeys((*roots, *(need for needs in universe.requires for need in needs))):
            if {wanted.name for wanted in wanted_in(need)} == names:
                yield None, need
        return
    for candidate in possible:
        per_platform = candidate.needs if reason.relation is Relation.NEEDS else candidate.conflicts
        for need in dict.fromkeys(need for needs in per_platform for need in needs):
            if {wanted.name for wanted in wanted_in(need)} == names:
                yield candidate, need


def _missing(universe: Universe, name: str, asked: Sequence[Wanted]) -> Missing:
    candidates = universe.candidates.get(name, ())
    rejections = universe.rejections.get(name, ())
    return Missing(
        name,
        tuple(candidate.version for candidate in candidates),
        tuple(r for r in rejections if any(wanted.bounds.admits(r.version) for wanted in asked)),
        bool(candidates or rejections),
    )
