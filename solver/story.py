"""The reasons of a clash, told from the roots to where they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from solver.compilers import OCAML, Compilers
from solver.explanation import Cause, Companion, Demand, End, Explanation, Missing, Side, Step
from solver.formula import Bound
from solver.reason import COMPILERS, WISHES, Reason, Relation
from solver.reduction import ANY_VERSION, Bounds, Need, SomeBound, Wanted, all_of, simplest, wanted_in
from solver.relaxation import Clash, Relaxation
from solver.request import AVAILABLE_KEY, Request, conflict_key
from solver.universe import Candidate, PackageIndex, Universe
from solver.version import Version
from solver.weakest import weakest


def explain(request: Request, index: PackageIndex) -> Explanation:
    """A smallest account of why ``request`` has no answer: no reason in it can be left out.

    Raises:
        ValueError: it has one.
    """
    return explanation_of(Relaxation(request, index))


def explanation_of(relaxation: Relaxation) -> Explanation:
    """The same of a request that is grounded already."""
    clash = relaxation.clash()
    if clash is None:
        raise ValueError("there is an answer")
    return _Story(relaxation, clash).told()


class _Story:
    """Orders the reasons of a clash so that each speaks of packages already introduced."""

    def __init__(self, relaxation: Relaxation, clash: Clash) -> None:
        self.relaxation = relaxation
        self.request: Request = relaxation.request
        self.universe: Universe = relaxation.universe
        self.parts = relaxation.compiler_parts
        self.clash = clash
        self.reasons = (*clash.reasons, *clash.others)
        self.possible: dict[str, tuple[Candidate, ...]] = {}
        self.asked: dict[str, list[list[Wanted]]] = {}
        self.admitted: dict[str, dict[Reason, frozenset[Version]]] = {}
        """Of each package, the versions that each reason leaves."""

    def told(self) -> Explanation:
        waiting = sorted(
            self.reasons,
            key=lambda r: (r.relation not in WISHES, not r.who, r.who, r.relation.name, r.whom),
        )
        steps = []
        while waiting:
            reason = self._next(waiting)
            waiting.remove(reason)
            steps.append(self._step(reason))
        missing = tuple(
            self._missing(name) for name, left in self.possible.items() if not left and name in self.asked
        )
        cause = _cause(self.reasons, missing, self.parts)
        told = tuple(self._in_short(step) for step in steps)
        return Explanation(cause, told, missing, self.clash.targets, self.origins)

    def _next(self, waiting: Sequence[Reason]) -> Reason:
        """The reason to tell now: of a package that was introduced, and is narrowed by nothing that waits."""
        introduced = [r for r in waiting if r.relation in WISHES or r.who in self.possible]
        introduced = introduced or list(waiting)
        facts = [r for r in introduced if r.relation in _FACTS]
        if facts:
            return facts[0]

        def yet_to_come(reason: Reason) -> int:
            return sum(reason.who in other.whom for other in waiting if other.relation in _ASKING)

        return min(introduced, key=yet_to_come)

    def _step(self, reason: Reason) -> Step:
        possible = self.possible.get(reason.who, self.universe.candidates.get(reason.who, ()))
        match reason.relation:
            case Relation.ASKED | Relation.QUESTION:
                needs = self._asked_for(reason)
                self._narrow(reason, needs)
                return Step(reason, tuple(Demand((), str(need)) for need in needs), self._targets(reason))
            case Relation.NEEDS | Relation.CONFLICTS:
                said = [pair for pair in self.clash.wordings.get(reason, ()) if pair[0] in possible]
                said = said or list(self.clash.wordings.get(reason, ()))
                if reason.relation is Relation.NEEDS:
                    self._narrow(reason, [need for _, need in said])
                return Step(reason, _grouped(said), self._place(reason), self._known(reason.who))
            case Relation.FOREIGN:
                foreign = tuple(candidate for candidate in possible if candidate.outsider)
                ports = tuple(c for c in self.universe.candidates.get(reason.who, ()) if not c.outsider)
                self._keep(reason.who, lambda candidate: not candidate.outsider)
                ports = tuple(candidate for candidate in ports if candidate not in possible)
                return Step(reason, _fact(foreign), known=self._known(reason.who), ports=ports)
            case Relation.UNAVAILABLE:
                number = next(n for n, p in enumerate(self.request.platforms) if p.targets == reason.whom)
                hidden = tuple(candidate for candidate in possible if not candidate.available[number])
                self._keep(reason.who, lambda candidate: candidate.available[number])
                return Step(reason, _fact(hidden), self._place(reason), known=self._known(reason.who))
            case Relation.BOUND:
                wording, place = reason.whom
                refused = self.clash.refused[reason]
                left = frozenset(self._known(reason.who)) - refused
                self._leave(reason, reason.who, left)
                versions = tuple(c.version for c in possible if c.version in refused)
                return Step(reason, (Demand(versions, wording),), place, self._known(reason.who))
            case Relation.CLASS:
                of_class = (
                    name
                    for name, left in self.possible.items()
                    if any(set(reason.whom) & set(candidate.package.conflict_class) for candidate in left)
                )
                return Step(reason, members=tuple(of_class))
            case _:
                return Step(reason, companions=tuple(self._companions()))

    def _keep(self, name: str, keep: Callable[[Candidate], bool]) -> None:
        before = self.possible.get(name, self.universe.candidates.get(name, ()))
        self.possible[name] = tuple(filter(keep, before))

    def _leave(self, reason: Reason, name: str, left: frozenset[Version]) -> None:
        """Note that ``reason`` leaves no other versions of a package."""
        self.admitted.setdefault(name, {})[reason] = left
        self._keep(name, lambda candidate: candidate.version in left)

    def _narrow(self, reason: Reason, needs: Sequence[Need]) -> None:
        for name in reason.whom:
            wanted = [w for need in needs for w in wanted_in(need) if w.name == name]
            self.asked.setdefault(name, []).append(wanted)
            left = frozenset(v for v in self._known(name) if any(w.bounds.admits(v) for w in wanted))
            self._leave(reason, name, left)

    # Compilers

    def _companions(self) -> Iterator[Companion]:
        """What is asked of a compiler beside the version of OCaml, and what that leaves of these."""
        asking = [reason for reason in self.reasons if self._asks_of_compiler(reason)]
        needs = [need for reason in asking for need in self._needs_of(reason)]
        names = sorted({wanted.name for need in needs for wanted in wanted_in(need)})
        compilers = Compilers(self.request, self.relaxation.index, self.clash.platform, names)
        every = compilers.versions()
        self.asked.setdefault(OCAML, [])
        self._leave(COMPILERS, OCAML, frozenset(every))
        for reason in asking:
            refused = reason.relation in (Relation.CONFLICTS, Relation.BOUND)
            left = {need: compilers.versions(need, refused=refused) for need in self._needs_of(reason)}
            self._leave(
                reason, OCAML, frozenset(version for versions in left.values() for version in versions)
            )
            for need, versions in left.items():
                whole = all("compiler" in c.package.flags for w in wanted_in(need) for c in self._all(w.name))
                bounds = weakest(set(versions), (), every, frozenset())
                told = "" if not versions else str(Wanted(OCAML, ANY_VERSION if bounds is None else bounds))
                bound = reason.relation is Relation.BOUND
                if bounds != ANY_VERSION:
                    yield Companion(
                        reason.whom[0] if bound else str(need), refused and not bound, whole, told
                    )

    def _asks_of_compiler(self, reason: Reason) -> bool:
        """Whether a reason asks for a part of the compiler, and not for a mere version of OCaml."""
        if reason.relation is Relation.BOUND:
            return reason.who != OCAML and reason.who in self.parts
        told = reason.relation in _ASKING or reason.relation is Relation.CONFLICTS
        return told and reason.whom != (OCAML,) and self.parts.issuperset(reason.whom)

    def _needs_of(self, reason: Reason) -> list[Need]:
        """What a reason asks for; of a bound of the project, what it refuses."""
        if reason.relation in WISHES:
            return self._asked_for(reason)
        if reason.relation is Relation.BOUND:
            refused = sorted(self.clash.refused[reason])
            return [Wanted(reason.who, SomeBound(tuple(Bound("=", version) for version in refused)))]
        return list(dict.fromkeys(need for _, need in self.clash.wordings.get(reason, ())))

    # What is said of a reason

    def _asked_for(self, reason: Reason) -> list[Need]:
        roots = [Wanted(root.name, ANY_VERSION) for root in self.request.roots]
        every = dict.fromkeys((*roots, *(need for needs in self.universe.requires for need in needs)))
        return [need for need in every if self.relaxation.wish(need) == reason]

    def _place(self, reason: Reason) -> str:
        places = self.request.root_places or {}
        match reason.relation:
            case Relation.UNAVAILABLE:
                keys: Iterable[str] = (AVAILABLE_KEY,)
            case Relation.CONFLICTS:
                keys = map(conflict_key, reason.whom)
            case _:
                keys = reason.whom
        return next((places[reason.who, key] for key in keys if (reason.who, key) in places), "")

    def _targets(self, reason: Reason) -> str:
        """The targets that ask for something of themselves; empty where every project does."""
        asked = set(reason.whom) if reason.relation is Relation.ASKED else set()
        platforms = self.request.platforms
        asking = [p for p in platforms if any({d.name} == asked for d in p.requires)]
        return ", ".join(target for platform in asking for target in platform.targets)

    def _all(self, name: str) -> tuple[Candidate, ...]:
        return self.universe.candidates.get(name, ())

    def _known(self, name: str) -> tuple[Version, ...]:
        return tuple(candidate.version for candidate in self._all(name))

    def _in_short(self, step: Step) -> Step:
        """``step`` with what several demands on one package come to."""
        reason = step.reason
        if reason.relation is not Relation.NEEDS or len(step.demands) < 2 or len(reason.whom) > 1:
            return step
        (name,) = reason.whom
        bounds = self._weakest(name, [reason])
        return step if bounds is None else replace(step, together=str(Wanted(name, bounds)))

    # Where it ends

    def _missing(self, name: str) -> Missing:
        asked = self.asked[name]
        candidates = self._all(name)
        rejections = self.universe.rejections.get(name, ())
        fitting = [[c for c in candidates if _admitted_by(wanted)(c)] for wanted in asked]
        near: tuple[Version | None, Version | None] = (None, None)
        if not candidates and not rejections:
            end = End.UNKNOWN
        elif not all(fitting):
            end = End.ABSENT
        elif not any(all(c in fits for fits in fitting) for c in candidates):
            end = End.APART
        elif name == OCAML and COMPILERS in self.reasons:
            near = self._nearest_compilers()
            end = End.NO_COMPILER if any(near) else End.APART
        else:
            end = End.RULED_OUT
        every = [wanted for wanted_together in asked for wanted in wanted_together]
        bounds = dict.fromkeys(str(simplest(w.bounds)) for w in every if w.bounds != ANY_VERSION)
        for reason, left in self.admitted.get(name, {}).items():
            if reason.relation is Relation.BOUND and reason.who == name and not left and not rejections:
                end, bounds = End.ABSENT, {reason.whom[0]: None}
        return Missing(
            name,
            end,
            self._known(name),
            tuple(r for r in rejections if any(wanted.bounds.admits(r.version) for wanted in every)),
            tuple(bounds),
            () if self._in_common(name) else tuple(self._sides(name)),
            near,
        )

    def _nearest_compilers(self) -> tuple[Version | None, Version | None]:
        """Versions of OCaml with a compiler, next below and next above those in range."""
        admitted = dict(self.admitted[OCAML])
        compilers = sorted(admitted.pop(COMPILERS))
        wanted = frozenset(self._known(OCAML)).intersection(*admitted.values())
        if not wanted or not wanted.isdisjoint(compilers):
            return None, None
        below = [version for version in compilers if version < min(wanted)]
        above = [version for version in compilers if version > max(wanted)]
        return below[-1] if below else None, above[0] if above else None

    def _in_common(self, name: str) -> frozenset[Version]:
        """The versions that nobody who asks for the package refuses."""
        return frozenset(self._known(name)).intersection(*self.admitted.get(name, {}).values())

    def _sides(self, name: str) -> Iterator[Side]:
        """Who asks for what of a package, those together that the same wish of the user's leads to."""
        asking = [reason for reason in self.admitted.get(name, ()) if reason != COMPILERS]
        sides: dict[object, list[Reason]] = {}
        for reason in asking:
            whole = reason.relation is Relation.BOUND
            sides.setdefault(reason if whole else self._origin(reason), []).append(reason)
        if len(sides) == 1:
            sides = {reason: [reason] for reason in asking}
        for reasons in sides.values():
            yield self._side(name, reasons)

    def _side(self, name: str, reasons: Sequence[Reason]) -> Side:
        first = reasons[0]
        if first.relation is Relation.BOUND:
            return Side("", "", "", first.whom[0])
        who, target = self._origin(first)
        needs = dict.fromkeys(str(need) for reason in reasons for need in self._needs_of(reason))
        bounds = self._weakest(name, reasons)
        wording = "" if bounds is None else str(Wanted(name, bounds))
        if len(needs) == 1 and first.relation is not Relation.CONFLICTS:
            (wording,) = needs
        through = {reason.who for reason in reasons if reason.who} - {who}
        return Side(who, target, through.pop() if len(through) == 1 else "", wording)

    def _origin(self, reason: Reason) -> tuple[str, str]:
        if reason.relation in WISHES:
            return reason.whom[0], self._targets(reason)
        return self.origins.get(reason.who, (reason.who, ""))

    @cached_property
    def origins(self) -> dict[str, tuple[str, str]]:
        """A root for itself, for what it needs the thing needed, and that again for all behind it."""
        roots = {root.name for root in self.request.roots}
        origins: dict[str, tuple[str, str]] = {}
        waiting: list[str] = []
        for reason in self.reasons:
            if reason.relation in WISHES:
                for name in reason.whom:
                    origins[name] = name, "" if name in roots else self._targets(reason)
                    waiting.append(name)
        needs = [reason for reason in self.reasons if reason.relation is Relation.NEEDS]
        for who in waiting:
            for reason in needs:
                for name in reason.whom if reason.who == who else ():
                    if name not in origins:
                        origins[name] = (name, "") if who in roots else origins[who]
                        waiting.append(name)
        return origins

    def _weakest(self, name: str, reasons: Sequence[Reason]) -> Bounds | None:
        """What ``reasons`` leave of a package, in as few words as tell it from what all others leave."""
        admitted = self.admitted[name]
        left = frozenset(version for reason in reasons for version in admitted[reason])
        known = self._known(name)
        others = {reason: versions for reason, versions in admitted.items() if reason not in reasons}
        rest = frozenset(known).intersection(*others.values())
        if not rest:  # those of the same side may clash with each other as well
            own = {self._origin(reason) for reason in reasons}
            opposite = [versions for reason, versions in others.items() if self._origin(reason) not in own]
            rest = frozenset(known).intersection(*opposite)
        rest = rest if rest.isdisjoint(left) else frozenset()
        wanted = (w for reason in reasons for need in self._needs_of(reason) for w in wanted_in(need))
        return weakest(left, [w.bounds for w in wanted if w.name == name], known, rest)


_FACTS = frozenset({Relation.FOREIGN, Relation.UNAVAILABLE, Relation.BOUND})
_ASKING = WISHES | {Relation.NEEDS}


def _admitted_by(wanted: Sequence[Wanted]) -> Callable[[Candidate], bool]:
    return lambda candidate: any(each.bounds.admits(candidate.version) for each in wanted)


def _fact(candidates: Iterable[Candidate]) -> tuple[Demand, ...]:
    return (Demand(tuple(candidate.version for candidate in candidates), ""),)


def _grouped(said: Sequence[tuple[Candidate, Need]]) -> tuple[Demand, ...]:
    """What versions say, those together that say the same; the newest first."""
    needs: dict[Version, list[Need]] = {}
    for candidate, need in said:
        needs.setdefault(candidate.version, []).append(need)
    by_wording: dict[str, list[Version]] = {}
    for version in sorted(needs, reverse=True):
        by_wording.setdefault(str(all_of(list(dict.fromkeys(needs[version])))), []).append(version)
    return tuple(Demand(tuple(versions), wording) for wording, versions in by_wording.items())


def _cause(reasons: Iterable[Reason], missing: Sequence[Missing], parts: frozenset[str]) -> Cause:
    relations = {reason.relation for reason in reasons if reason.who not in parts}
    relations |= {reason.relation for reason in reasons if reason.relation is Relation.BOUND}
    if any(lacking.end is End.UNKNOWN for lacking in missing):
        return Cause.UNKNOWN
    compiler = Relation.COMPILERS in relations or any(lacking.name in parts for lacking in missing)
    if Relation.BOUND in relations and not compiler:
        return Cause.EXCLUDED
    if Relation.FOREIGN in relations:
        return Cause.FOREIGN
    if Relation.UNAVAILABLE in relations:
        return Cause.UNAVAILABLE
    if compiler:
        return Cause.COMPILER
    if any(lacking.rejections for lacking in missing):
        return Cause.UNUSABLE
    if Relation.CONFLICTS in relations or Relation.CLASS in relations:
        return Cause.CONFLICT
    return Cause.RANGE if any(lacking.end is End.ABSENT for lacking in missing) else Cause.CONFLICT
