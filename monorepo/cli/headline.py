"""What is the matter in one clause: what the user asked for, and where it clashes."""

from __future__ import annotations

from collections.abc import Sequence

from monorepo.cli.formulas import plain, series
from monorepo.manifest import FILE
from solver.compilers import OCAML
from solver.explanation import Cause, End, Explanation, Missing, Side
from solver.reason import Relation


def headline(told: Explanation) -> str:
    """The class of the failure in one clause."""
    on = f" on {', '.join(told.targets)}" if told.targets else ""
    if told.cause is Cause.UNKNOWN:
        unknown = [missing.name for missing in told.missing if missing.end is End.UNKNOWN]
        return f"there is no package {series(unknown, 'or')}{_which_is_needed(told, unknown)}"
    if told.cause is Cause.FOREIGN:
        names = _names(told, Relation.FOREIGN)
        return f"{_that(told, names, _does_not(names))}{on}"
    if told.cause is Cause.UNAVAILABLE:
        return _unavailable(told)
    for missing in sorted(told.missing, key=lambda missing: len(missing.sides) < 2):
        if told.cause is Cause.UNUSABLE:
            return f"{missing.name} cannot be used{on}"
        if missing.end is End.ABSENT and all(side.who for side in missing.sides):
            return f"{_absent(told, missing)}{on}"
        if missing.end is End.NO_COMPILER:
            return f"no compiler exists for {_all_wanted(missing)}{on}"
        if len(missing.sides) > 1 or missing.end is End.ABSENT:
            on = "" if any(side.target for side in missing.sides) else on
            return f"{_against_each_other(missing)}{on}"
        if missing.name == OCAML and missing.sides:
            return f"no compiler goes with {_all_wanted(missing)}{on}"
    if told.cause is Cause.EXCLUDED:
        return f"the project's own bound on {series(_names(told, Relation.BOUND))} is in the way{on}"
    return f"{_conflict(told)}{on}"


def _names(told: Explanation, relation: Relation) -> list[str]:
    return list(dict.fromkeys(s.reason.who for s in told.steps if s.reason.relation is relation))


def _does_not(names: Sequence[str]) -> str:
    return f"{'does' if len(names) == 1 else 'do'} not build with dune"


def _that(told: Explanation, names: Sequence[str], what: str) -> str:
    """``names`` do ``what``, and who needs them where nobody asked for them."""
    if any(told.origins.get(name, (name, ""))[0] == name for name in names):
        return f"{series(names)} {what}"
    return f"{_origins(told, names)} {series(names)}, which {what}"


def _which_is_needed(told: Explanation, names: Sequence[str]) -> str:
    if any(told.origins.get(name, (name, ""))[0] == name for name in names):
        return ""
    origins = _origins(told, names)
    asking = {
        step.reason.who
        for step in told.steps
        if step.reason.relation is Relation.NEEDS and not set(names).isdisjoint(step.reason.whom)
    }
    through = asking - {told.origins[name][0] for name in names}
    return f", which {origins}" + (f" through {through.pop()}" if len(asking) == len(through) == 1 else "")


def _origins(told: Explanation, names: Sequence[str]) -> str:
    found = list(dict.fromkeys(told.origins[name][0] for name in names))
    return f"{series(found)} need{'s' * (len(found) == 1)}"


def _unavailable(told: Explanation) -> str:
    hidden = [s.reason for s in told.steps if s.reason.relation is Relation.UNAVAILABLE]
    if len(hidden) == 1:
        return _that(told, [hidden[0].who], f"is not available on {series(hidden[0].whom)}")
    targets = [target for reason in hidden for target in reason.whom]
    return f"no version of {hidden[0].who} is available on all of {series(targets)}"


def _absent(told: Explanation, missing: Missing) -> str:
    if len(missing.asked) == 1:
        such = plain(f"{missing.name} {{{missing.asked[0]}}}")
        return f"there is no {such}{_which_is_needed(told, [missing.name])}"
    needed = _which_is_needed(told, [missing.name]).removeprefix(", which ")
    return f"no version of {missing.name} is what {needed}" if needed else f"there is no such {missing.name}"


def _all_wanted(missing: Missing) -> str:
    sides = [side for side in missing.sides if side.wording != missing.name]
    wanted = " & ".join(plain(side.wording) for side in sides)
    if len(sides) != 1:
        return wanted
    return (
        f"{wanted}, which {_who(sides[0])} wants" if sides[0].who else f"{wanted}, and {FILE} allows no other"
    )


def _against_each_other(missing: Missing) -> str:
    """Who wants what of a package, the project's own bounds last."""
    choosy = [side for side in missing.sides if side.wording != missing.name]
    sides = missing.sides if len(choosy) < 2 else choosy
    wanting = [side for side in sides if side.who]
    own = [side for side in choosy if not side.who]
    if missing.end is End.ABSENT and own and (len(choosy) == 1 or missing.asked == (own[0].wording,)):
        return f"there is no {plain(own[0].wording)}, and {FILE} allows no other"
    allowed = series([plain(side.wording) for side in sides if not side.who])
    parts = [f"{_who(side)} wants {_wanted(side, missing)}" for side in wanting]
    if allowed:
        parts.append(f"{FILE} allows only {allowed}")
    elif len({_who(side) for side in wanting}) == 1:
        parts[-1] = f"also {_wanted(wanting[-1], missing)}"
    return ", but ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _who(side: Side) -> str:
    return f"the target {side.target}" if side.target else side.who


def _wanted(side: Side, missing: Missing) -> str:
    through = side.through or (side.who if side.target and side.who != missing.name else "")
    wanted = plain(side.wording) or f"other versions of {missing.name}"
    return f"{wanted} through {through}" if through else wanted


def _conflict(told: Explanation) -> str:
    """What cannot stand together, in one clause."""
    for step in told.steps:
        if step.reason.relation is Relation.CONFLICTS:
            return _that(told, [step.reason.who], f"conflicts with {series(step.reason.whom, 'or')}")
        if step.reason.relation is Relation.CLASS:
            return f"{series(step.members)} exclude each other"
    for missing in told.missing:
        return f"no version of {missing.name} will do"
    own = [step for step in told.steps if step.place]
    if len(own) == 1 and own[0].reason.relation is Relation.NEEDS and len(own[0].reason.whom) == 1:
        wording = " & ".join(plain(demand.wording) for demand in own[0].demands)
        return f"{own[0].reason.who} wants {wording}, which no version is"
    wanted = dict.fromkeys(name for step in told.steps if step.place for name in step.reason.whom)
    return f"{series(list(wanted))} cannot be had together" if wanted else "its parts cannot be had together"
