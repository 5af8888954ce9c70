"""Why there is no answer: the smallest set of reasons that clash, told from the roots to its end, as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from solver.nature import Nature
from solver.reason import Reason, Relation
from solver.reduction import ANY_VERSION, Need, Wanted, wanted_in
from solver.relaxation import Clash, Relaxation
from solver.request import Request
from solver.universe import Candidate, PackageIndex, Rejection, Universe
from solver.version import Version


class Cause(Enum):
    """The class of a failure, by what a user would do about it."""

    UNKNOWN = "no-such-package"
    EXCLUDED = "excluded-by-the-project"
    FOREIGN = "does-not-build-with-dune"
    UNAVAILABLE = "not-available-on-target"
    UNUSABLE = "cannot-be-used"
    COMPILER = "needs-another-compiler"
    RANGE = "no-version-in-range"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Demand:
    """What some versions of a package, newest first, or the project ask for in opam's syntax."""

    versions: tuple[Version, ...]
    wording: str


@dataclass(frozen=True, slots=True)
class Step:
    """One reason of the derivation.

    Args:
        demands: what it asks for, of the newest versions first; of a fact that asks for nothing, the one
            demand holds the versions that it is about.
        place: file and line, or targets, where the project says so; empty where a package does.
        known: all versions there are of the package that it is about, newest first.
        ports: of what is `FOREIGN`, versions that build with dune but were ruled out before.
        members: of a `CLASS`, the packages of it that are told of.
    """

    reason: Reason
    demands: tuple[Demand, ...] = ()
    place: str = ""
    known: tuple[Version, ...] = ()
    ports: tuple[Candidate, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def versions(self) -> tuple[Version, ...]:
        """Every version that it is about, newest first."""
        return tuple(sorted({v for demand in self.demands for v in demand.versions}, reverse=True))


class End(Enum):
    """Why no version is left of a package."""

    UNKNOWN = "no repository has it"
    ABSENT = "there is no version in the range that is asked for"
    APART = "there is no version in all the ranges that are asked for"
    RULED_OUT = "the versions in range are ruled out"


@dataclass(frozen=True, slots=True)
class Missing:
    """A package of which no version will do.

    Args:
        candidates: its versions that could be chosen if all else fitted, newest first.
        rejections: its versions that cannot be used at all, though some step asks for them.
        asked: the bounds that the steps put on it, in opam's syntax.
    """

    name: str
    end: End
    candidates: tuple[Version, ...]
    rejections: tuple[Rejection, ...]
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Steps from the roots to the clash, and the packages where it ends.

    ``targets`` are those it arises on, empty for all; ``compilers`` the packages that are the compiler, or
    part of it.
    """

    cause: Cause
    steps: tuple[Step, ...]
    missing: tuple[Missing, ...]
    targets: tuple[str, ...] = ()
    compilers: frozenset[str] = frozenset()


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
        self.request: Request = relaxation.request
        self.universe: Universe = relaxation.universe
        self.clash = clash
        self.possible: dict[str, tuple[Candidate, ...]] = {}
        self.asked: dict[str, list[list[Wanted]]] = {}

    def told(self) -> Explanation:
        waiting = sorted(
            self.clash.reasons,
            key=lambda r: (r.relation is not Relation.ASKED, not r.who, r.who, r.relation.name, r.whom),
        )
        steps = []
        while waiting:
            reason = self._next(waiting)
            waiting.remove(reason)
            steps.append(self._step(reason))
        missing = tuple(
            self._missing(name) for name, left in self.possible.items() if not left and name in self.asked
        )
        compilers = frozenset(
            name
            for name, versions in self.universe.candidates.items()
            if any(candidate.nature is Nature.COMPILER for candidate in versions)
        )
        cause = _cause(self.clash.reasons, missing, compilers)
        return Explanation(cause, tuple(steps), missing, self.clash.targets, compilers)

    def _next(self, waiting: Sequence[Reason]) -> Reason:
        """The reason to tell now: of a package that was introduced, and is narrowed by nothing that waits."""
        introduced = [r for r in waiting if r.relation is Relation.ASKED or r.who in self.possible]
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
            case Relation.ASKED:
                needs = self._asked_for(reason)
                self._narrow(reason, [(None, need) for need in needs])
                return Step(reason, tuple(Demand((), str(need)) for need in needs), self._targets(reason))
            case Relation.NEEDS | Relation.CONFLICTS:
                said = [pair for pair in self.clash.wordings.get(reason, ()) if pair[0] in possible]
                said = said or list(self.clash.wordings.get(reason, ()))
                if reason.relation is Relation.NEEDS:
                    self._narrow(reason, said)
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
                return Step(reason, _fact(hidden), known=self._known(reason.who))
            case Relation.BOUND:
                wording, place = reason.whom
                refused = self.clash.refused[reason]
                self._keep(reason.who, lambda candidate: candidate.version not in refused)
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
                return Step(reason)

    def _keep(self, name: str, keep: Callable[[Candidate], bool]) -> None:
        before = self.possible.get(name, self.universe.candidates.get(name, ()))
        self.possible[name] = tuple(filter(keep, before))

    def _narrow(self, reason: Reason, said: Sequence[tuple[Candidate | None, Need]]) -> None:
        for name in reason.whom:
            wanted = [w for _, need in said for w in wanted_in(need) if w.name == name]
            self.asked.setdefault(name, []).append(wanted)
            self._keep(name, _admitted_by(wanted))

    def _asked_for(self, reason: Reason) -> list[Need]:
        roots = [Wanted(root.name, ANY_VERSION) for root in self.request.roots]
        every = dict.fromkeys((*roots, *(need for needs in self.universe.requires for need in needs)))
        return [need for need in every if tuple(sorted({w.name for w in wanted_in(need)})) == reason.whom]

    def _place(self, reason: Reason) -> str:
        places = self.request.root_places or {}
        return next((places[reason.who, name] for name in reason.whom if (reason.who, name) in places), "")

    def _targets(self, reason: Reason) -> str:
        """The targets that ask for something of themselves; empty where every project does."""
        asked = set(reason.whom)
        platforms = self.request.platforms
        asking = [p for p in platforms if any({d.name} == asked for d in p.requires)]
        return ", ".join(target for platform in asking for target in platform.targets)

    def _known(self, name: str) -> tuple[Version, ...]:
        return tuple(candidate.version for candidate in self.universe.candidates.get(name, ()))

    def _missing(self, name: str) -> Missing:
        asked = self.asked[name]
        candidates = self.universe.candidates.get(name, ())
        rejections = self.universe.rejections.get(name, ())
        fitting = [[c for c in candidates if _admitted_by(wanted)(c)] for wanted in asked]
        if not candidates and not rejections:
            end = End.UNKNOWN
        elif not all(fitting):
            end = End.ABSENT
        elif not any(all(c in fits for fits in fitting) for c in candidates):
            end = End.APART
        else:
            end = End.RULED_OUT
        every = [wanted for wanted_together in asked for wanted in wanted_together]
        return Missing(
            name,
            end,
            self._known(name),
            tuple(r for r in rejections if any(wanted.bounds.admits(r.version) for wanted in every)),
            tuple(dict.fromkeys(str(wanted.bounds) for wanted in every if wanted.bounds != ANY_VERSION)),
        )


_FACTS = frozenset({Relation.FOREIGN, Relation.UNAVAILABLE, Relation.BOUND})
_ASKING = frozenset({Relation.NEEDS, Relation.ASKED})


def _admitted_by(wanted: Sequence[Wanted]) -> Callable[[Candidate], bool]:
    return lambda candidate: any(each.bounds.admits(candidate.version) for each in wanted)


def _fact(candidates: Iterable[Candidate]) -> tuple[Demand, ...]:
    return (Demand(tuple(candidate.version for candidate in candidates), ""),)


def _grouped(said: Sequence[tuple[Candidate, Need]]) -> tuple[Demand, ...]:
    """What versions say, those together that say the same; the newest first."""
    wordings: dict[Version, list[str]] = {}
    for candidate, need in said:
        wordings.setdefault(candidate.version, []).append(str(need))
    by_wording: dict[str, list[Version]] = {}
    for version in sorted(wordings, reverse=True):
        by_wording.setdefault(" & ".join(dict.fromkeys(wordings[version])), []).append(version)
    return tuple(Demand(tuple(versions), wording) for wording, versions in by_wording.items())


def _cause(reasons: Iterable[Reason], missing: Sequence[Missing], compilers: frozenset[str]) -> Cause:
    relations = {reason.relation for reason in reasons if reason.who not in compilers}
    relations |= {reason.relation for reason in reasons if reason.relation is Relation.BOUND}
    if any(lacking.end is End.UNKNOWN for lacking in missing):
        return Cause.UNKNOWN
    compiler = any(lacking.name in compilers for lacking in missing)
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
