"""The ways from what a project asks for to one of its packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from monorepo.lock.graph import Need, NeedGraph
from monorepo.lock.model import LockedPackage

Path: TypeAlias = "tuple[Need, ...]"
"""A root or whatever else is asked for, then each package that the one before needs, on a common target."""


def paths(graph: NeedGraph, goal: LockedPackage) -> Iterator[Path]:
    """Every path to ``goal`` that comes by no package twice: the shortest first, then by name.

    There may be more than anyone can read, so they are found as they are asked for, in the memory of one.
    """
    lengths = _lengths(graph, goal)
    most = len(graph.packages)
    for length in range(most):
        if any(lengths.get(entry.whom.identity, 0) >> length & 1 for entry in graph.entries):
            yield from _of_length(graph, goal.identity, length, lengths)


def _lengths(graph: NeedGraph, goal: LockedPackage) -> dict[str, int]:
    """For each package a mask: bit n is set where some walk of n steps leads to ``goal``.

    A walk may go in a circle, which no path does; where there is no circle the two are the same.
    """
    everything = (1 << len(graph.packages)) - 1
    lengths = {goal.identity: 1}
    waiting = [goal]
    while waiting:
        package = waiting.pop()
        further = lengths[package.identity] << 1 & everything
        for need in graph.needed_by(package):
            assert need.who is not None  # entries are not among these
            known = lengths.get(need.who.identity, 0)
            if need.who != goal and known | further != known:
                lengths[need.who.identity] = known | further
                waiting.append(need.who)
    return lengths


def _of_length(graph: NeedGraph, goal: str, length: int, lengths: dict[str, int]) -> Iterator[Path]:
    """The paths of exactly so many steps from an entry."""
    path: list[Need] = []
    choices = [iter(graph.entries)]
    while choices:
        need = next(choices[-1], None)
        if need is None:
            choices.pop()
            del path[-1:]  # nothing before the entries
            continue
        left = length - len(path)
        name = need.whom.identity
        if not lengths.get(name, 0) >> left & 1 or any(name == passed.whom.identity for passed in path):
            continue
        path.append(need)
        if not _common_targets(path):
            path.pop()
        elif left == 0:
            yield tuple(path)
            path.pop()
        else:
            choices.append(iter(graph.needs(need.whom)))


def _common_targets(path: list[Need]) -> set[str]:
    return set.intersection(*(set(need.targets) for need in path))
