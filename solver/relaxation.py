"""One grounding of everything that must hold, each reason under a guard, and of what may be loosened.

It answers both questions that an unsolvable request raises: which reasons clash, none of which can be left
out (`Relaxation.clash`), and which smallest edits leave no clash (`Relaxation.edits`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from solver.compilers import compiler_parts
from solver.conflict import smallest_clash
from solver.edit import Edit, Kind, eased
from solver.loosening import Loosening, Refusal, excluded, loosenings, wording
from solver.optimise import encoding, literal_of
from solver.problem import write_problem
from solver.reason import COMPILERS, WISHES, Reason, Relation
from solver.reduction import ANY_VERSION, Need, Wanted, wanted_in
from solver.request import Request
from solver.universe import Candidate, PackageIndex, build_universe
from solver.version import Version

_MOST_EDITS = 3
"""A repair of more would be no repair but another project."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Reasons that cannot hold together, each of them needed, and how the versions of packages word them.

    ``wordings`` holds, for each reason that is a need or conflict, the versions and needs that count;
    ``refused``, for each bound of the project, the versions it refuses somewhere. ``targets`` are those the
    clash arises on; empty for all of them. ``platform`` is the number of one that it was found on by itself.
    Where a name that nobody has is at fault, ``others`` are the reasons that tell of all such names.
    """

    reasons: tuple[Reason, ...]
    wordings: Mapping[Reason, tuple[tuple[Candidate, Need], ...]]
    refused: Mapping[Reason, frozenset[Version]]
    targets: tuple[str, ...] = ()
    platform: int | None = None
    others: tuple[Reason, ...] = ()


class Relaxation:
    """A request in which everything can be asked to hold or not.

    ``single`` holds that a package has one version on all platforms, which is a wish otherwise: so it can be
    asked why it cannot.
    """

    def __init__(self, request: Request, index: PackageIndex, *, single: bool = False) -> None:
        import clingo

        self.request = request
        self.index = index
        self.universe = build_universe(request, index, relaxed=True)
        self.compiler_parts = compiler_parts(self.universe)
        self.of_every_project = frozenset(
            Wanted(dependency.name, ANY_VERSION)
            for dependency in request.requires
            if dependency.condition is None and dependency.name in self.compiler_parts
        )
        self.problem = write_problem(self.universe)
        self.numbers = {name: number for number, name in enumerate(self.universe.candidates)}
        self.reasons: dict[Reason, int] = {}
        self.excluded = excluded(request, self.problem)
        self.loosenings = tuple(loosenings(request, self.universe, self.problem, self.excluded))
        self.lifted_by: dict[Refusal, list[int]] = {}
        for number, loosening in enumerate(self.loosenings):
            for refusal in loosening.lifts:
                self.lifted_by.setdefault(refusal, []).append(number)
        facts = [self.problem.facts, *self._because(), *self._general(), *self._loose()]
        facts += [f"guard({number})." for number in self.reasons.values()]
        arguments = ["--models=1", "--opt-strategy=usc"]
        self.control: Any = clingo.Control(arguments, logger=lambda code, message: None)
        programs = ("choice", "relaxed", "single") if single else ("choice", "relaxed")
        self.control.add("base", [], "\n".join((*map(encoding, programs), *facts)))
        self.control.ground([("base", [])])
        self.all_said = self._atom("all_said")
        self.active = {reason: self._atom("active", x) for reason, x in self.reasons.items()}
        self.loosened = [self._atom("loosened", number) for number in range(len(self.loosenings))]

    # The facts

    def _because(self) -> Iterator[str]:
        seen: set[tuple[int, int]] = set()
        self.need_numbers: dict[Reason, set[int]] = {}
        self.traced: list[Reason] = []
        for index, number, relation, need in self.problem.traced:
            reason = self._reason(self.problem.candidates[index].name, Relation(relation), need)
            self.traced.append(reason)
            x = self._number(reason)
            fact = f"{relation}_because({index},{number},{x})"
            yield from self._standing(fact, (index, number) if relation == "refuses" else None)
            if (x, number) not in seen:
                seen.add((x, number))
                if reason == COMPILERS:
                    yield f"counts({x},{number})."
                else:
                    self.need_numbers.setdefault(reason, set()).add(number)
                    yield f"wording({x},{number})."

    def _reason(self, who: str, relation: Relation, need: Need) -> Reason:
        """Why ``who`` needs or refuses ``need``; what compilers say is all one."""
        return COMPILERS if who in self.compiler_parts else Reason(who, relation, _names(need))

    def wish(self, need: Need) -> Reason:
        """Why ``need`` is asked for; of a compiler, for which every project asks, as compilers are."""
        if need in self.of_every_project:
            return COMPILERS
        question = need in self.universe.questions
        return Reason("", Relation.QUESTION if question else Relation.ASKED, _names(need))

    def _general(self) -> Iterator[str]:
        problem, platforms = self.problem, self.request.platforms
        for index, candidate in enumerate(problem.candidates):
            for place, platform in enumerate(platforms):
                if not candidate.available[place]:
                    reason = Reason(candidate.name, Relation.UNAVAILABLE, platform.targets)
                    x = self._number(COMPILERS if candidate.name in self.compiler_parts else reason)
                    yield from self._standing(f"guards_available({index},{place},{x})", (index, None))
            if candidate.outsider:
                x = self._number(Reason(candidate.name, Relation.FOREIGN))
                yield f"guards_foreign({self.numbers[candidate.name]},{x})."
        for number, need in problem.asked.items():
            yield f"guards_asked({number},{self._number(self.wish(need))})."
        for number, name in enumerate(problem.classes):
            members = {c.name for c in problem.candidates if name in c.package.conflict_class}
            of_compilers = members <= self.compiler_parts
            x = self._number(COMPILERS if of_compilers else Reason("", Relation.CLASS, (name,)))
            yield f"guards_class({number},{x})."
        for index, place, bound in self.excluded:
            yield f"excluded({index},{place},{bound})."
        for bound in sorted({bound for _, _, bound in self.excluded}):
            yield f"guards_bound({bound},{self._number(self._bound_reason(bound))})."

    def _standing(self, fact: str, refusal: Refusal | None) -> Iterator[str]:
        """``fact``, which is so unless what it comes from is loosened."""
        by = self.lifted_by.get(refusal, ()) if refusal is not None else ()
        if not by:
            yield f"{fact}."
        yield from (f"{fact} :- not loosened({number})." for number in by)

    def _bound_reason(self, bound: int) -> Reason:
        restriction = self.request.restrictions[bound]
        return Reason(restriction.name, Relation.BOUND, (restriction.text, restriction.place))

    def _number(self, reason: Reason) -> int:
        return self.reasons.setdefault(reason, len(self.reasons))

    def _loose(self) -> Iterator[str]:
        cross = any(platform.cross for platform in self.request.platforms)
        mildness = [
            {Kind.BOUND, Kind.DEPENDENCY},
            {Kind.CONFLICT, Kind.AVAILABLE},
            {Kind.PORT} if cross else {Kind.PROVIDED},
            {Kind.PROVIDED} if cross else {Kind.PORT},
            {Kind.TARGET},
        ]
        for number, loosening in enumerate(self.loosenings):
            weight = next(weight for weight, kinds in enumerate(mildness) if loosening.edit.kind in kinds)
            yield f"loose({number},{number + 1}). weight({number},{weight})."
            yield from (fact.format(number) for fact in loosening.facts)

    # The questions

    def clash(self) -> Clash | None:
        """Reasons that clash, none of which can be left out; None where none do.

        Most often one target alone has no answer, and its story is shorter: it is told if there is one.
        """
        platforms = self.request.platforms
        alone = [number for number in range(len(platforms)) if self.clashes(self.reasons, number)]
        for number in alone[:1]:
            return self._clash(number, platforms[number].targets if len(alone) < len(platforms) else ())
        return self._clash() if self.clashes(self.reasons) else None

    def _clash(self, only: int | None = None, targets: tuple[str, ...] = ()) -> Clash:
        unknown = self._unknown()
        ordered = _from_the_roots(self.reasons, unknown)
        core = tuple(smallest_clash(ordered, lambda reasons: self.clashes(reasons, only)))
        wordings = self._wordings(core, only)
        others: tuple[Reason, ...] = ()
        if not unknown.isdisjoint(core):
            others = tuple(reason for reason in self._leading_to(unknown) if reason not in core)
            wordings |= {reason: self._said_by(reason) for reason in others}
        return Clash(core, wordings, self._refused(core), targets, only, others)

    def _leading_to(self, reasons: Set[Reason]) -> Iterator[Reason]:
        """These reasons and that their roots are asked for, in order."""
        roots = {(reason.who,) for reason in reasons}
        for reason in self.reasons:
            if reason in reasons or (reason.relation is Relation.ASKED and reason.whom in roots):
                yield reason

    def _said_by(self, reason: Reason) -> tuple[tuple[Candidate, Need], ...]:
        """All that versions say of a reason."""
        return tuple(
            (self.problem.candidates[index], need)
            for traced, (index, _, _, need) in zip(self.traced, self.problem.traced, strict=True)
            if traced == reason
        )

    def _unknown(self) -> frozenset[Reason]:
        """What the project itself asks for that nobody has: each alone is why there is no answer."""
        roots = {root.name for root in self.request.roots}
        own = (
            reason
            for reason in self.reasons
            if reason.relation in WISHES or (reason.relation is Relation.NEEDS and reason.who in roots)
        )
        known = {name for name, found in self.universe.candidates.items() if found}
        known.update(name for name, found in self.universe.rejections.items() if found)
        return frozenset(reason for reason in own if known.isdisjoint(reason.whom))

    def clashes(self, reasons: Iterable[Reason], only: int | None = None) -> bool:
        """Whether ``reasons`` cannot hold together, on the ``only`` platform or on all at once."""
        guards = [self.active[reason] for reason in reasons]
        return not self._holds([*self._as_asked(only), self.all_said, *guards])

    def edits(self) -> Iterator[tuple[tuple[Edit, ...], frozenset[tuple[str, Version]]]]:
        """Sets of edits after which nothing clashes, none with a part that would do, the cheapest first.

        Each comes with an answer that there is then, as names and versions. To be asked last: what was found
        is forbidden from then on.
        """
        config = self.control.configuration.solve
        config.opt_mode = "opt"
        config.models = 0
        everything = [*self.active.values(), self.all_said]
        count = 0
        while (found := self._cheapest(everything)) is not None:
            numbers, chosen = found
            if not numbers or len(numbers) > _MOST_EDITS:
                return
            candidates = [self.problem.candidates[index] for index in chosen]
            edits = tuple(self._specific(self.loosenings[number], candidates) for number in numbers)
            yield edits, frozenset((candidate.name, candidate.version) for candidate in candidates)
            count += 1
            together = ", ".join(f"loosened({number})" for number in numbers)
            self.control.add(f"block{count}", [], f":- {together}.")
            self.control.ground([(f"block{count}", [])])

    def _cheapest(self, assumptions: Sequence[int]) -> tuple[list[int], list[int]] | None:
        """Numbers of loosenings, and of the candidates of an answer that there is with them."""
        best: tuple[list[int], list[int]] | None = None
        with self.control.solve(assumptions=assumptions, yield_=True) as handle:
            for model in handle:
                symbols = model.symbols(shown=True)
                numbers = sorted(s.arguments[0].number for s in symbols if s.name == "loosened")
                best = numbers, sorted(s.arguments[0].number for s in symbols if s.name == "chosen")
        return best

    def _specific(self, loosening: Loosening, chosen: Sequence[Candidate]) -> Edit:
        """The edit with the versions that an answer has, on any of its platforms."""
        edit = loosening.edit
        taken = [candidate for candidate in chosen if candidate.name == edit.name]
        if edit.kind is Kind.PORT:
            ported = dict.fromkeys(candidate.version for candidate in taken if candidate.outsider)
            return replace(edit, versions=tuple(ported))
        if edit.kind not in (Kind.BOUND, Kind.DEPENDENCY):
            return edit
        versions = tuple(dict.fromkeys(candidate.version for candidate in taken))
        left = [eased(condition, versions) for condition in loosening.conditions]
        after = ""
        if edit.kind is Kind.DEPENDENCY or any(left):
            root = next((root for root in self.request.roots if root.name == edit.root), None)
            after = wording(self.request, edit.name, [each for each in left if each is not None], root)
        return replace(edit, versions=versions, after=after)

    # Clashes

    def _wordings(
        self, core: Sequence[Reason], only: int | None = None
    ) -> dict[Reason, tuple[tuple[Candidate, Need], ...]]:
        """What versions say, of each reason as little as will do."""
        fixed = [*self._as_asked(only), -self.all_said, *(self.active[reason] for reason in core)]
        said = {
            (reason, number): self._atom("said", self.reasons[reason], number)
            for reason in core
            for number in sorted(self.need_numbers.get(reason, ()))
        }
        found = smallest_clash(list(said.values()), lambda tried: not self._holds([*fixed, *tried]))
        literals = set(found)
        wordings: dict[Reason, list[tuple[Candidate, Need]]] = {}
        for reason, (index, number, _, need) in zip(self.traced, self.problem.traced, strict=True):
            if said.get((reason, number)) in literals:
                wordings.setdefault(reason, []).append((self.problem.candidates[index], need))
        return {reason: tuple(dict.fromkeys(told)) for reason, told in wordings.items()}

    def _refused(self, core: Sequence[Reason]) -> dict[Reason, frozenset[Version]]:
        refused: dict[Reason, set[Version]] = {}
        for index, _, bound in self.excluded:
            reason = self._bound_reason(bound)
            if reason in core:
                refused.setdefault(reason, set()).add(self.problem.candidates[index].version)
        return {reason: frozenset(versions) for reason, versions in refused.items()}

    def _as_asked(self, only: int | None) -> list[int]:
        """Nothing is loosened, but all platforms are dropped that are not the ``only`` one."""
        return [
            self.loosened[number]
            * (1 if only is not None and loosening.edit.platform not in (None, only) else -1)
            for number, loosening in enumerate(self.loosenings)
        ]

    def _holds(self, assumptions: Sequence[int]) -> bool:
        self.control.configuration.solve.opt_mode = "ignore"
        return bool(self.control.solve(assumptions=assumptions).satisfiable)

    def _atom(self, name: str, *numbers: int) -> int:
        return literal_of(self.control, name, *numbers)


def _names(need: Need) -> tuple[str, ...]:
    return tuple(sorted({wanted.name for wanted in wanted_in(need)}))


def _from_the_roots(reasons: Iterable[Reason], unknown: Set[Reason]) -> tuple[Reason, ...]:
    """The reasons in the order in which a story would rather be made of them: those near the roots first.

    Of those that are as near, what asks for an ``unknown`` name comes before all else.
    """
    needed: dict[str, set[str]] = {}
    for reason in reasons:
        if reason.relation is Relation.NEEDS or reason.relation in WISHES:
            needed.setdefault(reason.who, set()).update(reason.whom)
    distances = {"": 0}
    waiting = deque([""])
    while waiting:
        who = waiting.popleft()
        for whom in sorted(needed.get(who, set()) - distances.keys()):
            distances[whom] = distances[who] + 1
            waiting.append(whom)
    farthest = len(distances)

    def nearness(reason: Reason) -> tuple[bool, int, bool, int, str, tuple[str, ...]]:
        general = reason.relation is Relation.CLASS
        distance = 1 if reason == COMPILERS else distances.get(reason.who, farthest)
        ease = _EASE.index(reason.relation)
        return general, distance, reason not in unknown, ease, reason.who, reason.whom

    return tuple(sorted(reasons, key=nearness))


_EASE = (
    Relation.ASKED,
    Relation.QUESTION,
    Relation.NEEDS,
    Relation.CONFLICTS,
    Relation.BOUND,
    Relation.UNAVAILABLE,
    Relation.FOREIGN,
    Relation.CLASS,
    Relation.COMPILERS,
)
"""The relations, those that are easiest to follow first."""
