"""The packages of a lock as a tree: what needs what, or what is needed by what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from monorepo.lock.graph import Need, NeedGraph
from monorepo.lock.model import LockedPackage
from solver.values import dataclass


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of the tree.

    Args:
        depth: how many needs lie between it and where the tree begins.
        last: for each of these and itself, whether nothing follows beside it.
        need: what brought it here; None where the tree begins.
        repeated: what is below it, as deep as it would be shown here, was shown before.
    """

    package: LockedPackage
    depth: int
    last: tuple[bool, ...] = ()
    need: Need | None = None
    repeated: bool = False


def tree(
    graph: NeedGraph, starts: Iterable[LockedPackage], *, inverted: bool = False, depth: int | None = None
) -> Iterator[Branch]:
    """A tree from each of ``starts``, parents first, what is beside one another by name.

    Args:
        inverted: what needs a package is below it, not what it needs.
        depth: how many needs deep; None for all.
    """
    shown: dict[str, int] = {}  # how many needs deep, by identity
    for start in starts:
        waiting = [Branch(start, 0)]
        while waiting:
            branch = waiting.pop()
            below = _below(graph, branch.package, inverted=inverted)
            levels = 0
            if below and branch.depth != depth:
                levels = _levels(graph, branch.package, branch.depth, depth, inverted=inverted)
            repeated = bool(below) and shown.get(branch.package.identity, -1) >= levels
            yield Branch(branch.package, branch.depth, branch.last, branch.need, repeated)
            if repeated or branch.depth == depth:
                continue
            shown[branch.package.identity] = levels
            for place, (package, need) in reversed(tuple(enumerate(below, 1))):
                waiting.append(Branch(package, branch.depth + 1, (*branch.last, place == len(below)), need))


def _levels(graph: NeedGraph, package: LockedPackage, at: int, depth: int | None, *, inverted: bool) -> int:
    """How many needs below a package are shown where it is ``at`` that depth; those there are, at most."""
    if depth is None:
        return 0  # it is shown whole the first time
    known = {package.identity}
    edge = [package]
    for level in range(depth - at):
        further = {p.identity: p for one in edge for p, _ in _below(graph, one, inverted=inverted)}
        edge = [p for identity, p in further.items() if identity not in known]
        if not edge:
            return level
        known.update(further)
    return depth - at


def _below(
    graph: NeedGraph, package: LockedPackage, *, inverted: bool
) -> Sequence[tuple[LockedPackage, Need]]:
    if not inverted:
        return [(need.whom, need) for need in graph.needs(package)]
    return [(need.who, need) for need in graph.needed_by(package) if need.who is not None]
