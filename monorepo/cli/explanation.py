"""Why nothing can be locked, told as a short derivation from the project's own lines, and what would help."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from monorepo.cli.formulas import plain
from monorepo.cli.repairs import repair_data, repair_lines
from monorepo.document import nearest_hint
from monorepo.errors import UnsolvableError
from monorepo.lock.answer import NoAnswerError
from monorepo.repairing import by_hand
from solver.explanation import Cause, Demand, End, Explanation, Missing, Step
from solver.reason import Relation
from solver.request import Request
from solver.version import Version

_MOST_LINES = 25
_MOST_DEMANDS = 3
_WIDTH = 98
"""Of a line before it is indented below the error."""


def in_words(error: UnsolvableError, *, verbose: bool = False) -> UnsolvableError:
    """``error`` with its explanation, where it has one, told in its details and hint."""
    if not isinstance(error, NoAnswerError):
        return error
    reason = f"{error.reason}: {headline(error.explanation)}"
    hint = _hint(error)
    repairs = repair_lines(error.repairs)
    steps = list(derivation(error.explanation, error.request, verbose=verbose))
    room = _MOST_LINES - len(repairs) - len(wrapped(reason)) - (1 if hint else 0)
    if not verbose and len(steps) > room:
        # The end tells the culprit, and the beginning where it comes from.
        left_out = len(steps) - room + 1
        steps[room // 2 : room // 2 + left_out] = [
            f"… {left_out} more lines, which mono --verbose lock tells"
        ]
    return UnsolvableError(reason, error.place, hint, (*steps, *repairs))


def as_data(error: NoAnswerError) -> dict[str, object]:
    """The same as values for a script."""
    told = error.explanation
    return {
        "error": f"{error.reason}: {headline(told)}",
        "class": told.cause.value,
        "targets": list(told.targets),
        "steps": [_step_data(step, told, error.request) for step in told.steps],
        "missing": [_missing_data(missing) for missing in told.missing],
        "repairs": [repair_data(number, repair) for number, repair in enumerate(error.repairs, 1)],
    }


def _step_data(step: Step, told: Explanation, request: Request) -> dict[str, object]:
    return {
        "who": step.reason.who,
        "relation": step.reason.relation.name.lower(),
        "whom": list(step.reason.whom),
        "place": step.place,
        "demands": [
            {"versions": [str(version) for version in demand.versions], "wording": demand.wording}
            for demand in step.demands
        ],
        "text": list(_step(step, request, verbose=True)),
    }


def _missing_data(missing: Missing) -> dict[str, object]:
    return {
        "name": missing.name,
        "why": missing.end.value,
        "versions": [str(version) for version in missing.candidates],
        "rejected": [
            {"version": str(r.version), "why": r.why.value, "detail": r.detail} for r in missing.rejections
        ],
        "text": list(_missing(missing)),
    }


def headline(told: Explanation) -> str:
    """The class of the failure in one clause."""
    lacking = told.missing[-1].name if told.missing else ""
    on = f" on {', '.join(told.targets)}" if told.targets else ""
    match told.cause:
        case Cause.UNKNOWN:
            unknown = [missing.name for missing in told.missing if missing.end is End.UNKNOWN]
            return f"there is no package {_series(unknown, 'or')}"
        case Cause.EXCLUDED:
            names = _names(told, Relation.BOUND)
            return f"the project's own bound on {_series(names)} is in the way{on}"
        case Cause.FOREIGN:
            names = _names(told, Relation.FOREIGN)
            return f"{_series(names)} {'does' if len(names) == 1 else 'do'} not build with dune{on}"
        case Cause.UNAVAILABLE:
            reason = next(s.reason for s in told.steps if s.reason.relation is Relation.UNAVAILABLE)
            return f"{reason.who} is not available on {', '.join(reason.whom)}"
        case Cause.UNUSABLE:
            return f"{lacking} cannot be used{on}"
        case Cause.COMPILER:
            return f"another compiler is needed{_compiler_range(told)}{on}"
        case Cause.RANGE:
            return f"there is no such version of {lacking}{on}"
        case Cause.CONFLICT:
            return f"{_series(_rivals(told))} cannot be had together{on}"


def _names(told: Explanation, relation: Relation) -> list[str]:
    return list(dict.fromkeys(s.reason.who for s in told.steps if s.reason.relation is relation))


def _compiler_range(told: Explanation) -> str:
    """Who asks for which compiler: of the packages, not of the project, which states its own."""
    for step in reversed(told.steps):
        compilers = told.compilers.intersection(step.reason.whom)
        if step.reason.relation is Relation.NEEDS and compilers and step.reason.who not in told.compilers:
            if step.place and len(told.steps) > 2:
                continue
            return f": {step.reason.who} wants {plain(step.demands[0].wording)}"
    return ""


def _rivals(told: Explanation) -> list[str]:
    """The packages that cannot stand together."""
    for step in told.steps:
        if step.reason.relation is Relation.CONFLICTS:
            return [step.reason.who, *step.reason.whom]
        if step.reason.relation is Relation.CLASS:
            return list(step.members)
    roots = {step.reason.whom[0] for step in told.steps if not step.reason.who and step.reason.whom}
    lacking = {missing.name for missing in told.missing}
    asking = [
        s.reason.who
        for s in told.steps
        if s.reason.relation is Relation.NEEDS and (lacking & set(s.reason.whom) or not lacking)
    ]
    names = [name for name in dict.fromkeys(asking) if name not in roots]
    direct = [name for s in told.steps if s.reason.who in roots for name in s.reason.whom]
    return (names if len(names) > 1 else list(dict.fromkeys(direct + names))) or sorted(roots)


def derivation(told: Explanation, request: Request, *, verbose: bool = False) -> Iterator[str]:
    """The steps, each in one line or several, and where they end."""
    roots = {root.name for root in request.roots}
    for step in told.steps:
        if step.reason.relation is Relation.ASKED and roots.issuperset(step.reason.whom):
            continue  # that a root is wanted goes without saying
        for line in _step(step, request, verbose=verbose):
            yield from wrapped(line)
    for missing in told.missing:
        for line in _missing(missing):
            yield from wrapped(line)


def wrapped(line: str) -> list[str]:
    """``line`` in as many as it takes, the later ones indented."""
    return textwrap.wrap(
        line, _WIDTH, subsequent_indent="    ", break_long_words=True, break_on_hyphens=False
    ) or [""]


def _step(step: Step, request: Request, *, verbose: bool) -> Iterator[str]:
    who, whom = step.reason.who, " or ".join(step.reason.whom)
    match step.reason.relation:
        case Relation.ASKED:
            wording = plain(step.demands[0].wording)
            yield f"the target {step.place} needs {wording}" if step.place else f"a project needs {wording}"
        case Relation.NEEDS:
            yield from _demands(step, request, ("needs", "need"), verbose=verbose)
        case Relation.CONFLICTS:
            yield from _demands(step, request, ("conflicts with", "conflict with"), verbose=verbose)
        case Relation.BOUND:
            yield f"the project allows only {plain(step.demands[0].wording)} ({step.place})"
        case Relation.CLASS:
            yield f"{_series(step.members)} exclude each other: they share the conflict class {whom}"
        case Relation.ARCHIVE:
            yield f"what is vendored from {whom} must come from one archive"
        case Relation.UNAVAILABLE:
            yield (
                _fact(step, "is available", "is not available", "are not available")
                + f" on {', '.join(step.reason.whom)}"
            )
        case Relation.FOREIGN:
            yield _fact(step, "builds with dune", "does not build with dune", "do not build with dune")
            if step.ports:
                yield _ports(who, step)


def _fact(step: Step, positive: str, one: str, several: str) -> str:
    who, versions = step.reason.who, step.versions
    if len(versions) == len(step.known) > 1:
        return f"no version of {who} {positive}"
    if not versions:
        return f"{who} {one}"
    return f"{who} {_range(versions, step.known)} {one if len(versions) == 1 else several}"


def _ports(who: str, step: Step) -> str:
    newest = step.ports[0]
    where = f" of {newest.package.repository}" if newest.package.repository else ""
    return f"{who} {newest.version}{where} does, but is not in that range"


def _demands(step: Step, request: Request, verbs: tuple[str, str], *, verbose: bool) -> Iterator[str]:
    who = step.reason.who
    place = f" ({step.place})" if step.place else ""
    if any(root.name == who for root in request.roots):
        yield f"{who} {verbs[0]} {_wordings(step.demands)}{place}"
        return
    shown = (
        step.demands if verbose or len(step.demands) <= _MOST_DEMANDS else step.demands[: _MOST_DEMANDS - 1]
    )
    for number, demand in enumerate(shown):
        verb = verbs[len(demand.versions) > 1]
        if len(step.known) == len(demand.versions) > 1:
            yield f"every version of {who} {verbs[0]} {plain(demand.wording)}{place}"
        else:
            subject = (
                f"  and {_range(demand.versions, step.known)}" if number else _subject(who, demand, step)
            )
            yield f"{subject} {verb} {plain(demand.wording)}{place}"
    left = [version for demand in step.demands[len(shown) :] for version in demand.versions]
    if left:
        whom = " or ".join(step.reason.whom)
        yield f"  and {_range(sorted(left, reverse=True), step.known)} {verbs[1]} other versions of {whom}"


def _subject(who: str, demand: Demand, step: Step) -> str:
    return f"{who} {_range(demand.versions, step.known)}"


def _wordings(demands: Sequence[Demand]) -> str:
    return " & ".join(plain(demand.wording) for demand in demands)


def _range(versions: Sequence[Version], known: Sequence[Version]) -> str:
    """Versions, newest first, as people say them; a gap between them shows where ``known`` has others there."""
    wanted = set(versions)
    runs: list[list[Version]] = []
    for inside, group in groupby(known, key=wanted.__contains__):
        if inside:
            runs.append(list(group))
    if len(runs) > _MOST_DEMANDS or not runs:
        return (
            f"{versions[-1]} to {versions[0]} ({len(versions)} of them)"
            if len(versions) > 1
            else str(versions[0])
        )
    return _series([_run(run) for run in reversed(runs)])


def _run(versions: Sequence[Version]) -> str:
    if len(versions) <= 2:
        return " and ".join(str(version) for version in reversed(versions))
    return f"{versions[-1]} to {versions[0]}"


def _series(words: Sequence[str], joint: str = "and") -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def _missing(missing: Missing) -> Iterator[str]:
    match missing.end:
        case End.UNKNOWN:
            yield f"no repository has a package {missing.name}"
        case End.ABSENT if not missing.rejections:
            yield _absent(missing)
        case End.APART if not missing.rejections:
            yield f"no version of {missing.name} meets {'both' if len(missing.asked) == 2 else 'all of this'}"
    rejections = sorted(missing.rejections, key=lambda rejection: (rejection.why.name, rejection.detail))
    for (why, detail), group in groupby(rejections, key=lambda rejection: (rejection.why, rejection.detail)):
        versions = sorted((rejection.version for rejection in group), reverse=True)
        yield f"{missing.name} {_run(versions)} {why.value}" + (f": {detail}" if detail else "")


def _absent(missing: Missing) -> str:
    if len(missing.candidates) == 1:
        return f"the only version of {missing.name} is {missing.candidates[0]}"
    newest, oldest = missing.candidates[0], missing.candidates[-1]
    bounds = " ".join(missing.asked)
    if ">" in bounds and "<" not in bounds:
        return f"the newest version of {missing.name} is {newest}"
    if "<" in bounds and ">" not in bounds:
        return f"the oldest version of {missing.name} is {oldest}"
    return f"there are versions of {missing.name} from {oldest} to {newest}, but none like that"


def _hint(error: NoAnswerError) -> str:
    for number, repair in enumerate(error.repairs, 1):
        if not any(map(by_hand, repair.edits)):
            return f"mono lock --apply {number} makes that change and locks"
    for missing in error.explanation.missing:
        if missing.end is End.UNKNOWN:
            near = nearest_hint(missing.name, error.names)
            return near if near.startswith("did") else "is its repository among those of mono.toml?"
    return "" if error.repairs else "no small edit would help; mono lock --upgrade asks for what is newer"
