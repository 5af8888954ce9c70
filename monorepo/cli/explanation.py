"""Why nothing can be locked, told as a short derivation from the project's own lines, and what would help."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from monorepo.cli.formulas import plain
from monorepo.cli.output import STORY_WIDTH, story_width
from monorepo.cli.repairs import repair_data, repair_lines
from monorepo.errors import UnsolvableError
from monorepo.lock.answer import NoAnswerError
from monorepo.manifest import FILE
from monorepo.project import COMPILER
from monorepo.repairing import by_hand, located
from solver.explanation import Cause, End, Explanation, Missing, Step
from solver.reason import Relation
from solver.repair import Repair
from solver.request import Request
from solver.spelling import nearest
from solver.version import Version

_MOST_LINES = 25
_LEAST_STEPS = 8
"""So many are told, however many lines there are of what would help."""
_MOST_HEADLINES = 3
_MOST_DEMANDS = 3
_INDENT = 2
"""Columns by which what is below the error is indented."""


def in_words(
    error: UnsolvableError, folder: Path, *, verbose: bool = False, options: str = ""
) -> UnsolvableError:
    """``error`` with its explanation, where it has one, told in its details and hint.

    ``options`` are those that were given to ``mono lock``, each after a blank.
    """
    if not isinstance(error, NoAnswerError):
        return error
    whole = f"mono --verbose lock{options}"
    columns = story_width(2)
    reason = _reason(error, columns)
    steps = list(derivation(error, verbose=verbose, columns=columns))
    room = _MOST_LINES - len(reason) - 1
    offered = () if error.hint else error.repairs
    most = sys.maxsize if verbose else room - min(len(steps), _LEAST_STEPS)
    repairs, shown = repair_lines([located(repair, folder) for repair in offered], most, whole, columns)
    hint = error.hint or _hint(error, error.repairs[:shown], options)
    room -= len(repairs)
    if not verbose and len(steps) > room:
        # The end tells the culprit, and the beginning where it comes from.
        left_out = len(steps) - room + 1
        steps[room // 2 : room // 2 + left_out] = [f"… {left_out} more lines, which {whole} tells"]
    return UnsolvableError("\n".join(reason), error.place, hint, (*steps, *repairs))


def _reason(error: NoAnswerError, columns: int) -> list[str]:
    """What is the case in one line, or in as few as it takes, the last cut off if need be."""
    what = headline(error.explanation)
    width = columns - _INDENT - len("error: ")
    told = f"{error.reason}: {what}"
    if len(told) <= width:
        return [told]
    return textwrap.wrap(
        what,
        width,
        subsequent_indent="    ",
        max_lines=_MOST_HEADLINES,
        placeholder=" …",
        break_on_hyphens=False,
    )


def as_data(error: NoAnswerError, folder: Path) -> dict[str, object]:
    """The same as values for a script."""
    told = error.explanation
    return {
        "error": f"{error.reason}: {headline(told)}",
        "class": told.cause.value,
        "targets": list(told.targets),
        "steps": [_step_data(step, error.request) for step in told.steps],
        "missing": [_missing_data(missing, error.names) for missing in told.missing],
        "repairs": [
            repair_data(number, located(repair, folder)) for number, repair in enumerate(error.repairs, 1)
        ],
    }


def _step_data(step: Step, request: Request) -> dict[str, object]:
    return {
        "who": step.reason.who,
        "relation": step.reason.relation.name.lower(),
        "whom": list(step.reason.whom),
        "place": step.place,
        "demands": [
            {"versions": [str(version) for version in demand.versions], "wording": demand.wording}
            for demand in step.demands
        ],
        "text": [line.strip() for line in _step(step, request, verbose=True)],
    }


def _missing_data(missing: Missing, names: Sequence[str]) -> dict[str, object]:
    return {
        "name": missing.name,
        "why": missing.end.value,
        "versions": [str(version) for version in missing.candidates],
        "rejected": [
            {"version": str(r.version), "why": r.why.value, "detail": r.detail} for r in missing.rejections
        ],
        "nearest": list(nearest(missing.name, names)) if missing.end is End.UNKNOWN else [],
        "text": list(_missing(missing, names)),
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
            hidden = [s.reason for s in told.steps if s.reason.relation is Relation.UNAVAILABLE]
            if len(hidden) == 1:
                return f"{hidden[0].who} is not available on {_series(hidden[0].whom)}"
            targets = [target for reason in hidden for target in reason.whom]
            return f"no version of {hidden[0].who} is available on all of {_series(targets)}"
        case Cause.UNUSABLE:
            return f"{lacking} cannot be used{on}"
        case Cause.COMPILER:
            return f"another compiler is needed{_compiler_range(told)}{on}"
        case Cause.RANGE:
            asked = told.missing[-1].asked
            such = plain(f"{lacking} {{{asked[0]}}}") if len(asked) == 1 else f"such version of {lacking}"
            return f"there is no {such}{on}"
        case Cause.CONFLICT:
            return f"{_conflict(told)}{on}"


def _names(told: Explanation, relation: Relation) -> list[str]:
    return list(dict.fromkeys(s.reason.who for s in told.steps if s.reason.relation is relation))


def _compiler_range(told: Explanation) -> str:
    """Who wants which compiler: a package, for what the project wants it states itself, or else a root."""
    wanting = [
        step
        for step in reversed(told.steps)
        if step.reason.relation is Relation.NEEDS
        and told.compilers.intersection(step.reason.whom)
        and step.reason.who not in told.compilers
    ]
    for step in sorted(wanting, key=lambda step: bool(step.place))[:1]:
        return f": {step.reason.who} wants {plain(step.demands[0].wording)}"
    return ""


def _conflict(told: Explanation) -> str:
    """What cannot stand together, in one clause."""
    for step in told.steps:
        if step.reason.relation is Relation.CONFLICTS:
            return f"{step.reason.who} conflicts with {_series(step.reason.whom, 'or')}"
        if step.reason.relation is Relation.CLASS:
            return f"{_series(step.members)} exclude each other"
    needs = [step.reason for step in told.steps if step.reason.relation is Relation.NEEDS]
    for missing in told.missing:
        asking = dict.fromkeys(reason.who for reason in needs if missing.name in reason.whom)
        return f"no version of {missing.name} is right for {_series(list(asking))}"
    wanted = dict.fromkeys(name for step in told.steps if step.place for name in step.reason.whom)
    return f"{_series(list(wanted))} cannot be had together" if wanted else "its parts cannot be had together"


def derivation(error: NoAnswerError, *, verbose: bool = False, columns: int = STORY_WIDTH) -> Iterator[str]:
    """The steps, each in one line or several, and where they end: to be indented within so many columns."""
    told, request = error.explanation, error.request
    roots = {root.name for root in request.roots}
    compiler = next((missing for missing in told.missing if missing.name == COMPILER), None)
    # Of what packages a compiler is made is of no interest where no compiler will do.
    hidden = frozenset() if compiler is None or verbose else told.compilers
    for step in told.steps:
        if step.reason.relation is Relation.ASKED and roots.issuperset(step.reason.whom):
            continue  # that a root is wanted goes without saying
        if step.reason.who not in hidden or step.reason.relation is Relation.BOUND:
            for line in _step(step, request, verbose=verbose):
                yield from _wrapped(line, columns)
    if compiler is not None and compiler.candidates and hidden:
        yield f"the compilers there are go from {compiler.candidates[-1]} to {compiler.candidates[0]}"
    for missing in told.missing:
        if missing.name not in hidden:
            for line in _missing(missing, error.names):
                yield from _wrapped(line, columns)


def sentences(error: NoAnswerError, *, verbose: bool = False) -> list[str]:
    """The same for a script: one sentence a line, as long as it is."""
    return [line.strip() for line in derivation(error, verbose=verbose, columns=sys.maxsize)]


def _wrapped(line: str, columns: int) -> list[str]:
    """``line`` in as many as it takes, the later ones indented."""
    return textwrap.wrap(line, columns - _INDENT, subsequent_indent="    ", break_on_hyphens=False) or [""]


def _step(step: Step, request: Request, *, verbose: bool) -> Iterator[str]:
    who, whom = step.reason.who, " or ".join(step.reason.whom)
    match step.reason.relation:
        case Relation.ASKED:
            wording = plain(step.demands[0].wording)
            compiler = step.reason.whom == (COMPILER,)
            asked = f"every project is built with {wording}" if compiler else f"{wording} is asked for"
            yield f"the target {step.place} needs {wording}" if step.place else asked
        case Relation.NEEDS:
            yield from _demands(step, request, ("needs", "need"), verbose=verbose)
        case Relation.CONFLICTS:
            yield from _demands(step, request, ("conflicts with", "conflict with"), verbose=verbose)
        case Relation.BOUND:
            yield f"the project allows only {plain(step.demands[0].wording)} ({step.place})"
        case Relation.CLASS:
            yield f"{_series(step.members)} exclude each other: they share the conflict class {whom}"
        case Relation.UNAVAILABLE:
            fact = _fact(step, "is available", "is not available", "are not available")
            yield f"{fact} on {_series(step.reason.whom)}"
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
    """What the versions of a package ask for, those together that ask for the same."""
    who = step.reason.who
    if any(root.name == who for root in request.roots):
        wordings = " & ".join(plain(demand.wording, whole=verbose) for demand in step.demands)
        yield f"{who} {verbs[0]} {wordings} ({step.place})"
        return
    most = len(step.demands) if verbose or len(step.demands) <= _MOST_DEMANDS else _MOST_DEMANDS - 1
    for number, demand in enumerate(step.demands[:most]):
        several = len(demand.versions) > 1
        versions, verb = _range(demand.versions, step.known), verbs[several]
        subject = f"  and {versions}" if number else f"{who} {versions}"
        if several and len(step.known) == len(demand.versions):
            subject, verb = f"every version of {who}", verbs[0]
        yield f"{subject} {verb} {plain(demand.wording, whole=verbose)}"
    left = {version for demand in step.demands[most:] for version in demand.versions}
    if left:
        others = " or ".join(step.reason.whom)
        versions = _range(sorted(left, reverse=True), step.known)
        yield f"  and {versions} {verbs[len(left) > 1]} other versions of {others}"


def _range(versions: Sequence[Version], known: Sequence[Version]) -> str:
    """Versions, newest first, as people say them; gaps show where ``known`` has others between."""
    wanted = set(versions)
    runs: list[list[Version]] = []
    for inside, group in groupby(known, key=wanted.__contains__):
        if inside:
            runs.append(list(group))
    if len(runs) > _MOST_DEMANDS or not runs:
        return f"{_run(versions)} ({len(versions)} of them)" if len(versions) > 1 else str(versions[0])
    return _series([_run(run) for run in reversed(runs)])


def _run(versions: Sequence[Version]) -> str:
    if len(versions) <= 2:
        return " and ".join(str(version) for version in reversed(versions))
    return f"{versions[-1]} to {versions[0]}"


def _series(words: Sequence[str], joint: str = "and") -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def _missing(missing: Missing, names: Sequence[str]) -> Iterator[str]:
    match missing.end:
        case End.UNKNOWN:
            near = nearest(missing.name, names)
            told = f"; the nearest names are {_series(near)}" if len(near) > 1 else ""
            told = f"; the nearest name is {near[0]}" if len(near) == 1 else told
            yield f"no repository has a package {missing.name}{told}"
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


def _hint(error: NoAnswerError, shown: Sequence[Repair], options: str) -> str:
    numbers = [str(n) for n, repair in enumerate(shown, 1) if not any(map(by_hand, repair.edits))]
    if len(numbers) == 1:
        return f"mono lock{options} --apply {numbers[0]} makes change {numbers[0]}, and locks"
    if numbers:
        return f"mono lock{options} --apply N makes change N, and locks; N is {_series(numbers, 'or')}"
    if error.repairs:
        return ""
    if error.explanation.cause is Cause.UNKNOWN:
        return f"are all repositories that the project needs in {FILE}?"
    newer = "" if options else "; mono lock --upgrade looks for newer packages"
    return f"no small change to the project would help{newer}"
