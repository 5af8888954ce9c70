"""The smallest edits that would make an unsolvable request solvable, each proved by a solve."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from solver.edit import Edit, Kind, edited
from solver.explanation import End, Explanation
from solver.formula import dependencies_in
from solver.optimise import is_solvable
from solver.reason import Relation
from solver.relaxation import Relaxation
from solver.request import Request
from solver.universe import PackageIndex, build_universe

MOST_REPAIRS = 5
_MOST_TRIED = 8


@dataclass(frozen=True, slots=True)
class Repair:
    """Edits that together make a request solvable; none of them can be left out."""

    edits: tuple[Edit, ...]


def repairs(
    relaxation: Relaxation, index: PackageIndex, explanation: Explanation, names: Sequence[str] = ()
) -> tuple[Repair, ...]:
    """At most five repairs, the cheapest first: fewest edits, and of these the mildest.

    A misspelt name comes first. Relaxing a bound of the user's own comes before installing a package outside,
    this before porting it, and giving up a target last; where a target is made by a cross compiler, which sees
    nothing that is installed outside, porting comes before.

    Args:
        names: of all packages there are, among which a misspelt one is looked for.
    """
    request = relaxation.request
    found: list[Repair] = []
    smallest = 0
    for edits in _candidates(relaxation, explanation, names):
        if smallest and len(edits) > smallest + 1:
            break
        told = tuple(_told(edit, explanation) for edit in edits)
        if is_solvable(build_universe(*edited(request, index, told))):
            smallest = smallest or len(edits)
            found.append(Repair(told))
        if len(found) == MOST_REPAIRS:
            break
    return tuple(found)


def _candidates(
    relaxation: Relaxation, explanation: Explanation, names: Sequence[str]
) -> Iterator[tuple[Edit, ...]]:
    misspelt = _renamed(relaxation.request, explanation, names)
    if misspelt:
        yield misspelt
    yield from islice(relaxation.edits(), _MOST_TRIED)


def _renamed(request: Request, explanation: Explanation, names: Sequence[str]) -> tuple[Edit, ...]:
    """Every name that the roots misspell, as its nearest; nothing where one has none."""
    unknown = {missing.name for missing in explanation.missing if missing.end is End.UNKNOWN}
    places = request.root_places or {}
    edits = []
    for root in request.roots:
        for name in sorted({d.name for d in dependencies_in(root.depends)} & unknown):
            near = difflib.get_close_matches(name, names, n=1)
            if not near:
                return ()
            place = places.get((root.name, name), "")
            edits.append(Edit(Kind.RENAME, near[0], root=root.name, before=name, after=near[0], place=place))
    return tuple(edits)


def _told(edit: Edit, explanation: Explanation) -> Edit:
    """``edit`` with what it serves."""
    if edit.kind not in (Kind.PROVIDED, Kind.PORT):
        return edit
    needing = [
        step.reason.who
        for step in explanation.steps
        if step.reason.relation is Relation.NEEDS and edit.name in step.reason.whom
    ]
    return replace(edit, serves=tuple(dict.fromkeys(needing)))
