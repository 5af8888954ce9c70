"""What several demands on one package come to, in as few words as will do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from solver.formula import Bound
from solver.reduction import ANY_VERSION, Bounds, EveryBound, leaves
from solver.version import Version


def weakest(
    admitted: Set[Version], demanded: Iterable[Bounds], known: Sequence[Version], rest: Set[Version]
) -> Bounds | None:
    """Bounds that let through all of ``admitted``, and none of the ``rest``, at most two; else None.

    One bound, below or above, comes before two. They are worded as some of what is ``demanded`` where that
    says the same.

    Args:
        known: all versions there are, newest first.
        rest: what others let through, empty where that is not known.
    """
    places = [place for place, version in enumerate(known) if version in admitted]
    if not places:
        return None
    newest, oldest = places[0], places[-1]
    others = [place for place, version in enumerate(known) if version in rest]
    said = list(dict.fromkeys(leaf for bounds in demanded for leaf in leaves(bounds)))
    lower = _worded(">", set(known[: oldest + 1]), said, known, Bound(">=", known[oldest]))
    upper = _worded("<", set(known[newest:]), said, known, Bound("<=", known[newest]))
    if others and others[0] > oldest:
        return lower
    if others and others[-1] < newest:
        return upper
    if places != list(range(newest, oldest + 1)):
        return None
    if newest == oldest:
        return Bound("=", known[oldest])
    sides = [lower] * (oldest < len(known) - 1) + [upper] * (newest > 0)
    if len(sides) < 2:
        return sides[0] if sides else ANY_VERSION
    return EveryBound(tuple(sides))


def _worded(
    direction: str, meant: Set[Version], said: Iterable[Bound], known: Sequence[Version], plain: Bound
) -> Bound:
    """The loosest ``said`` of that direction that admits just what is meant; else the ``plain`` one."""
    fitting = [
        leaf
        for leaf in said
        if leaf.relation[0] == direction and {version for version in known if leaf.admits(version)} == meant
    ]
    loosest = min if direction == ">" else max
    return loosest(fitting, key=lambda leaf: leaf.version.key, default=plain)
