"""Why nothing can be locked, told as a short derivation from the project's own lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from monorepo.document import nearest_hint
from monorepo.errors import UnsolvableError
from monorepo.lock.answer import NoAnswerError
from solver.explanation import Explanation, Missing, Relation, Step
from solver.universe import Universe, Why
from solver.version import Version

_MOST_WORDINGS = 3
_MOST_LINES = 25


def in_words(error: UnsolvableError) -> UnsolvableError:
    """``error`` with its explanation, where it has one, told in its details and hint."""
    if not isinstance(error, NoAnswerError) or error.explanation is None or error.universe is None:
        return error
    lines = list(_lines(error.explanation, error.universe))
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], f"… and {len(lines) - _MOST_LINES + 1} more lines like these"]
    hint = error.hint or _hint(error.explanation, error.names)
    return UnsolvableError(error.reason, error.place, hint, (*error.details, *lines))


def _lines(explanation: Explanation, universe: Universe) -> Iterator[str]:
    roots = {root.name for root in universe.request.roots}
    for step in explanation.steps:
        if step.reason.relation is Relation.ASKED and roots.issuperset(step.reason.whom):
            continue  # that a root is wanted goes without saying
        yield _step(step, universe)
    for missing in explanation.missing:
        yield from _missing(missing)


def _step(step: Step, universe: Universe) -> str:
    who, whom = step.reason.who, " or ".join(step.reason.whom)
    match step.reason.relation:
        case Relation.ASKED:
            return f"{_wording(step)} is asked for"
        case Relation.NEEDS:
            return f"{_subject(who, step.versions, universe)} needs {_wording(step)}{_place(step, universe)}"
        case Relation.CONFLICTS:
            return f"{_subject(who, step.versions, universe)} conflicts with {_wording(step)}"
        case Relation.CLASS:
            return f"only one package of the conflict class {whom} can be chosen"
        case Relation.UNAVAILABLE:
            targets = ", ".join(step.reason.whom)
            return f"{_subject(who, step.versions, universe)} is not available on {targets}"
        case Relation.OUTSIDE:
            return "only what is installed outside may need what does not build with dune"


def _wording(step: Step) -> str:
    shown = step.wordings[:_MOST_WORDINGS] or (" or ".join(step.reason.whom),)
    more = len(step.wordings) - len(shown)
    return ", or ".join(shown) + (f", or {more} like it" if more > 0 else "")


def _place(step: Step, universe: Universe) -> str:
    places = universe.request.root_places or {}
    found = [places[step.reason.who, name] for name in step.reason.whom if (step.reason.who, name) in places]
    return f" ({found[0]})" if found else ""


def _subject(name: str, versions: Sequence[Version], universe: Universe) -> str:
    if any(root.name == name for root in universe.request.roots):
        return name
    return f"{name} {_range(tuple(dict.fromkeys(versions)))}" if versions else name


def _range(versions: Sequence[Version]) -> str:
    """Versions, newest first, as people say them."""
    if len(versions) <= 2:
        return " and ".join(str(version) for version in reversed(versions))
    return f"{versions[-1]} to {versions[0]}"


def _missing(missing: Missing) -> Iterator[str]:
    if not missing.known:
        yield f"no repository has a package {missing.name}"
        return
    if missing.candidates:
        yield f"no version of {missing.name} meets all of this: there is {_range(missing.candidates)}"
    else:
        yield f"no version of {missing.name} can be used"
    rejections = sorted(missing.rejections, key=lambda rejection: (rejection.why.name, rejection.detail))
    for (why, detail), group in groupby(rejections, key=lambda rejection: (rejection.why, rejection.detail)):
        versions = sorted((rejection.version for rejection in group), reverse=True)
        yield f"{missing.name} {_range(versions)} {why.value}" + (f": {detail}" if detail else "")


def _hint(explanation: Explanation, names: Sequence[str]) -> str:
    for missing in explanation.missing:
        if not missing.known:
            return _spelling(missing.name, names)
        if any(rejection.why is Why.FOREIGN for rejection in missing.rejections):
            return f"a port of {missing.name} to dune is wanted, or name it in solve.provided and install it"
    return "relax a bound in mono.toml or in an opam file, or try mono lock --upgrade"


def _spelling(name: str, names: Sequence[str]) -> str:
    near = nearest_hint(name, names)
    return near if near.startswith("did") else "is its repository among those of mono.toml?"
