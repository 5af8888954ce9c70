"""The smallest edits that would make an unsolvable request solvable, each proved by a solve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeAlias

from solver.edit import Edit, Kind, edited
from solver.explanation import End, Explanation
from solver.formula import dependencies_in
from solver.optimise import is_solvable
from solver.package import Package
from solver.reason import Relation
from solver.relaxation import Relaxation
from solver.request import Request
from solver.spelling import slip
from solver.universe import PackageIndex, Unreadable, build_universe
from solver.version import Version

_Answer: TypeAlias = frozenset[tuple[str, Version]]

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
    this before porting it, and giving up a target last; where a target is made by a cross compiler, which
    sees nothing that is installed outside, porting comes before.

    Args:
        names: of all packages there are, among which a misspelt one is looked for.
    """
    request = relaxation.request
    found: list[Repair] = []
    smallest = 0
    for edits, answer in _candidates(relaxation, explanation, names):
        if smallest and len(edits) > smallest + 1:
            break
        if _would_help(edits, request, index, answer):
            smallest = smallest or len(edits)
            found.append(Repair(tuple(_serving(edit, request, explanation) for edit in edits)))
        if len(found) == MOST_REPAIRS:
            break
    return tuple(found)


def _would_help(edits: Sequence[Edit], request: Request, index: PackageIndex, answer: _Answer | None) -> bool:
    """Whether there is an answer with ``edits``: first whether the one that was found with them is one.

    An answer among fewer packages is one among all, and much sooner proved.
    """
    indexes = (index,) if answer is None else (_Only(index, answer), index)
    return any(is_solvable(build_universe(*edited(request, each, edits))) for each in indexes)


class _Only:
    """An index of some versions, and no others."""

    def __init__(self, index: PackageIndex, versions: _Answer) -> None:
        self.index = index
        self.versions = versions

    def packages(self, name: str) -> Sequence[Package | Unreadable]:
        return [found for found in self.index.packages(name) if (name, found.version) in self.versions]


def _candidates(
    relaxation: Relaxation, explanation: Explanation, names: Sequence[str]
) -> Iterator[tuple[tuple[Edit, ...], _Answer | None]]:
    request = relaxation.request
    told = {missing.name for missing in explanation.missing if missing.end is End.UNKNOWN}
    misspelt = _renamed(request, told, names)
    if misspelt:
        yield misspelt, None
    yield from islice(relaxation.edits(), _MOST_TRIED)


def _renamed(request: Request, unknown: Set[str], names: Sequence[str]) -> tuple[Edit, ...]:
    """Each of the ``unknown`` names that the roots use as what it is a slip for; nothing if one is none."""
    places = request.root_places or {}
    edits = []
    for root in request.roots:
        for name in sorted({d.name for d in dependencies_in(root.depends)} & unknown):
            meant = slip(name, names)
            if not meant:
                return ()
            place = places.get((root.name, name), "")
            edits.append(Edit(Kind.RENAME, meant, root=root.name, before=name, after=meant, place=place))
    return tuple(edits)


def _serving(edit: Edit, request: Request, explanation: Explanation) -> Edit:
    """``edit`` with those of the story, or else of the roots, that need what is provided or ported."""
    if edit.kind not in (Kind.PROVIDED, Kind.PORT):
        return edit
    told = (
        step.reason.who
        for step in explanation.steps
        if step.reason.relation is Relation.NEEDS and edit.name in step.reason.whom
    )
    roots = (root.name for root in request.roots if (root.name, edit.name) in (request.root_places or {}))
    return replace(edit, serves=tuple(dict.fromkeys(told)) or tuple(roots))
