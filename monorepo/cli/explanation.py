"""Why nothing can be locked, told as a short derivation from the project's own lines, and what would help."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from monorepo.cli.formulas import plain, series
from monorepo.cli.headline import headline
from monorepo.cli.output import STORY_WIDTH, story_width
from monorepo.cli.repairs import repair_data, repair_lines
from monorepo.errors import UnsolvableError
from monorepo.lock.answer import NoAnswerError
from monorepo.lock.format import FILE as LOCK
from monorepo.manifest import FILE
from monorepo.project import COMPILER, VARIANTS
from monorepo.repairing import by_hand, located
from solver.compilers import OCAML
from solver.explanation import Cause, Companion, Demand, End, Missing, Step
from solver.reason import COMPILERS, Relation
from solver.repair import Repair
from solver.request import Request
from solver.spelling import comes_with_ocaml, nearest, package_of_library
from solver.version import Version

_MOST_LINES = 25
_LEAST_STEPS = 8
"""So many are told, however many lines there are of what would help."""
_MOST_HEADLINES = 3
_MOST_DEMANDS = 3
_RELATION = re.compile(r"([<>=]=?|!=) ")
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
    fixed = bool(options) or not (folder / LOCK).exists()
    hint = error.hint or _hint(error, error.repairs[:shown], options, fixed=fixed)
    room -= len(repairs)
    if not verbose and len(steps) > room:
        # The end tells the culprit, and the beginning where it comes from.
        left_out = len(steps) - room + 1
        steps[room // 2 : room // 2 + left_out] = [f"… {left_out} more lines, which {whole} tells"]
    return UnsolvableError("\n".join(reason), error.place, hint, (*steps, *repairs))


def _reason(error: NoAnswerError, columns: int) -> list[str]:
    """What is the case in one line, or in as few as it takes, the last cut off if need be."""
    return wrapped(
        f"{headline(error.explanation)} {error.where}".rstrip(),
        columns - _INDENT - len("error: "),
        _MOST_HEADLINES,
    )


def as_data(error: NoAnswerError, folder: Path) -> dict[str, object]:
    """The same as values for a script."""
    told = error.explanation
    return {
        "error": headline(told),
        "class": told.cause.value,
        "targets": list(told.targets),
        "steps": [_step_data(step, error.request) for step in told.steps],
        "missing": [_missing_data(missing, error) for missing in told.missing],
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
        "together": step.together,
        "text": [line.strip() for line in _step(step, request, verbose=True)],
    }


def _missing_data(missing: Missing, error: NoAnswerError) -> dict[str, object]:
    return {
        "name": missing.name,
        "why": missing.end.value,
        "versions": [str(version) for version in missing.candidates],
        "rejected": [
            {"version": str(r.version), "why": r.why.value, "detail": r.detail} for r in missing.rejections
        ],
        "sides": [
            {"who": side.who, "target": side.target, "through": side.through, "wording": side.wording}
            for side in missing.sides
        ],
        "nearest": list(nearest(missing.name, error.names)) if missing.end is End.UNKNOWN else [],
        "text": list(_missing(missing, error)),
    }


def derivation(error: NoAnswerError, *, verbose: bool = False, columns: int = STORY_WIDTH) -> Iterator[str]:
    """The steps, each in one line or several, and where they end: to be indented within so many columns."""
    told, request = error.explanation, error.request
    roots = {root.name for root in request.roots}
    lacking = {missing.name for missing in told.missing}
    for step in told.steps:
        if step.reason.relation is Relation.ASKED and roots.issuperset(step.reason.whom):
            continue  # that a root is wanted goes without saying
        at_the_end = lacking.issuperset(step.reason.whom)
        for line in _step(step, request, verbose=verbose, at_the_end=at_the_end):
            yield from wrapped(line, columns - _INDENT)
    for missing in told.missing:
        for line in _missing(missing, error):
            yield from wrapped(line, columns - _INDENT)
    if COMPILERS in (step.reason for step in told.steps) and OCAML not in lacking:
        yield "no compiler goes with all of this"


def sentences(error: NoAnswerError, *, verbose: bool = False) -> list[str]:
    """The same for a script: one sentence a line, as long as it is."""
    return [line.strip() for line in derivation(error, verbose=verbose, columns=sys.maxsize)]


def wrapped(line: str, width: int, most: int | None = None) -> list[str]:
    """``line`` in as many as it takes, or the ``most``, the later ones indented; no bound is torn apart."""
    lines = textwrap.wrap(
        _RELATION.sub("\\1\u00a0", line),
        width,
        subsequent_indent="    ",
        break_on_hyphens=False,
        max_lines=most,
        placeholder=" …",
    )
    return [line.replace("\u00a0", " ") for line in lines] or [""]


def _step(step: Step, request: Request, *, verbose: bool, at_the_end: bool = False) -> Iterator[str]:
    """One reason; ``at_the_end`` where it speaks of a package of which no version is left."""
    who, whom = step.reason.who, " or ".join(step.reason.whom)
    match step.reason.relation:
        case Relation.ASKED | Relation.QUESTION:
            wording = plain(step.demands[0].wording)
            yield f"the target {step.place} needs {wording}" if step.place else f"{wording} is asked for"
        case Relation.NEEDS:
            yield from _demands(step, request, ("needs", "need"), verbose=verbose, brief=at_the_end)
        case Relation.CONFLICTS:
            yield from _demands(step, request, ("conflicts with", "conflict with"), verbose=verbose)
        case Relation.BOUND:
            yield f"the project allows only {plain(step.demands[0].wording)} ({step.place})"
        case Relation.CLASS:
            yield f"{series(step.members)} exclude each other: they share the conflict class {whom}"
        case Relation.UNAVAILABLE:
            fact = _fact(step, "is available", "is not available", "are not available")
            yield f"{fact} on {series(step.reason.whom)}" + (f" ({step.place})" if step.place else "")
        case Relation.FOREIGN:
            yield _fact(step, "builds with dune", "does not build with dune", "do not build with dune")
            if step.ports:
                yield _ports(who, step)
        case Relation.COMPILERS:
            yield from map(_companion, step.companions)


def _companion(companion: Companion) -> str:
    """What asking for something that a compiler brings, or does not, means for the version of OCaml."""
    need, ocaml = plain(companion.need), plain(companion.ocaml)
    ocaml = "some versions of ocaml" if ocaml == OCAML else ocaml
    if _other_compiler(companion):
        return f"mono locks {COMPILER}, or {VARIANTS} if a root asks for it, and no other compiler"
    if companion.whole and not companion.refused:
        return f"{need} is for {ocaml}" if ocaml else f"no compiler goes with {need}"
    if not ocaml:
        return f"every compiler has {need}" if companion.refused else f"no compiler has {need}"
    return f"compilers {'without' if companion.refused else 'with'} {need} are for {ocaml}"


def _other_compiler(companion: Companion) -> str:
    """The name of a compiler that is never locked; empty for any other."""
    name = companion.need.partition(" ")[0]
    never = companion.whole and not companion.refused and not companion.ocaml
    return name if never and name not in (COMPILER, VARIANTS) else ""


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


def _demands(
    step: Step, request: Request, verbs: tuple[str, str], *, verbose: bool, brief: bool = False
) -> Iterator[str]:
    """What the versions of a package ask for, those together that ask for the same; or in ``brief`` all."""
    who = step.reason.who
    if any(root.name == who for root in request.roots):
        wordings = " & ".join(plain(demand.wording, whole=verbose) for demand in step.demands)
        yield f"{who} {verbs[0]} {wordings} ({step.place})"
        return
    demands = step.demands
    if not verbose and _of_the_same_version(step):
        demands = (Demand(step.versions, f"{step.reason.whom[0]} of the same version"),)
    elif not verbose and step.together and (brief or len(demands) > _MOST_DEMANDS):
        demands = (Demand(step.versions, step.together),)
    most = len(demands) if verbose or len(demands) <= _MOST_DEMANDS else _MOST_DEMANDS - 1
    for number, demand in enumerate(demands[:most]):
        several = len(demand.versions) > 1
        versions, verb = _range(demand.versions, step.known), verbs[several]
        subject = f"  and {versions}" if number else f"{who} {versions}"
        if several and len(step.known) == len(demand.versions):
            subject, verb = f"every version of {who}", verbs[0]
        yield f"{subject} {verb} {plain(demand.wording, whole=verbose)}"
    left = {version for demand in demands[most:] for version in demand.versions}
    if left:
        others = " or ".join(step.reason.whom)
        versions = _range(sorted(left, reverse=True), step.known)
        yield f"  and {versions} {verbs[len(left) > 1]} other versions of {others}"


def _of_the_same_version(step: Step) -> bool:
    """Whether each of several versions asks for just the version of its own of one other package."""
    (name, *others) = step.reason.whom
    return (
        len(step.demands) > 1
        and not others
        and all(
            demand.wording == f'{name} {{= "{version}"}}'
            for demand in step.demands
            for version in demand.versions
        )
    )


def _range(versions: Sequence[Version], known: Sequence[Version]) -> str:
    """Versions, newest first, as people say them; gaps show where ``known`` has others between."""
    wanted = set(versions)
    runs: list[list[Version]] = []
    for inside, group in groupby(known, key=wanted.__contains__):
        if inside:
            runs.append(list(group))
    if len(runs) > _MOST_DEMANDS or not runs:
        return f"{_run(versions)} ({len(versions)} of them)" if len(versions) > 1 else str(versions[0])
    return series([_run(run) for run in reversed(runs)])


def _run(versions: Sequence[Version]) -> str:
    if len(versions) <= 2:
        return " and ".join(str(version) for version in reversed(versions))
    return f"{versions[-1]} to {versions[0]}"


def _missing(missing: Missing, error: NoAnswerError) -> Iterator[str]:
    match missing.end:
        case End.UNKNOWN:
            yield _unknown(missing.name, error.names)
        case End.ABSENT if not missing.rejections and missing.name in error.request.pinned:
            yield f"{missing.name} is pinned to {missing.candidates[0]}"
        case End.ABSENT if not missing.rejections:
            yield _absent(missing)
        case End.NO_COMPILER:
            yield _nearest_compilers(missing)
        case End.APART if not missing.rejections and len(missing.sides) != 1:
            yield f"no version of {missing.name} meets {'both' if len(missing.sides) == 2 else 'all of this'}"
    rejections = sorted(missing.rejections, key=lambda rejection: (rejection.why.name, rejection.detail))
    for (why, detail), group in groupby(rejections, key=lambda rejection: (rejection.why, rejection.detail)):
        versions = sorted((rejection.version for rejection in group), reverse=True)
        yield f"{missing.name} {_run(versions)} {why.value}" + (f": {detail}" if detail else "")


def _unknown(name: str, names: Sequence[str]) -> str:
    package = package_of_library(name, names)
    if package:
        return f"{name} is a library of the package {package}"
    if comes_with_ocaml(name):
        return f"{name} is a library that comes with OCaml: opam has no package for it"
    near = nearest(name, names)
    told = f"; the nearest names are {series(near)}" if len(near) > 1 else ""
    told = f"; the nearest name is {near[0]}" if len(near) == 1 else told
    return f"no repository has a package {name}{told}"


def _nearest_compilers(missing: Missing) -> str:
    """Where the compilers are, of which none is for a version in range."""
    below, above = missing.near
    if below and above:
        return f"the nearest versions of ocaml that compilers exist for are {below} and {above}"
    newest = "newest" if below else "oldest"
    return f"the {newest} version of ocaml that a compiler exists for is {below or above}"


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


def _hint(error: NoAnswerError, shown: Sequence[Repair], options: str, *, fixed: bool) -> str:
    """What to do; repositories are ``fixed`` where no older state of them is kept that could be left."""
    numbers = [str(n) for n, repair in enumerate(shown, 1) if not any(map(by_hand, repair.edits))]
    if len(numbers) == 1:
        return f"mono lock{options} --apply {numbers[0]} makes change {numbers[0]}, and locks"
    if numbers:
        return f"mono lock{options} --apply N makes change N, and locks; N is {series(numbers, 'or')}"
    if error.repairs:
        return ""
    unknown = [m.name for m in error.explanation.missing if m.end is End.UNKNOWN]
    libraries = [(name, package_of_library(name, error.names)) for name in unknown]
    orders = [f"write {package} for {name}" for name, package in libraries if package]
    of_ocaml = [name for name in unknown if comes_with_ocaml(name)]
    if of_ocaml:
        orders.append(f"drop {series(of_ocaml)}: whoever has OCaml has {'them' if of_ocaml[1:] else 'it'}")
    if orders:
        return ", and ".join(orders)
    if any(nearest(name, error.names) for name in error.request.direct.intersection(unknown)):
        return f"write the name that is meant, or add the repository that has it to {FILE}"
    if error.explanation.cause is Cause.UNKNOWN:
        return f"are all repositories that the project needs in {FILE}?"
    companions = (companion for step in error.explanation.steps for companion in step.companions)
    if others := list(filter(None, map(_other_compiler, companions))):
        return f"drop {series(others)}"
    newer = "" if fixed else "; mono lock --upgrade looks for newer packages"
    return f"no small change to the project would help{newer}"
