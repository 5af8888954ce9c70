"""What an answer costs by each of the wishes of docs/solving.md: their definition, apart from any solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from solver.archive import group_by_archive, normalised_dev_repo
from solver.nature import Nature
from solver.solution import Solution
from solver.universe import Candidate, Universe
from solver.version import Version

WISHES = (
    "several",
    "avoided",
    "sought",
    "compiler moved",
    "moved",
    "compiler",
    "direct",
    "indirect",
    "archives",
    "added",
    "packages",
)
"""Most important first, without that of cross compilers and the last, which is of targets too."""

Staying = Mapping[str, frozenset[Version]]
"""The versions of an old lock that can stay, by name: those that some answer has."""


def costs(universe: Universe, answer: Solution, staying: Staying) -> dict[str, int]:
    """What ``answer`` costs by each of `WISHES`."""
    preferences = universe.request.preferences
    candidates = [choice.candidate for choice in answer.choices]
    told = dict.fromkeys(WISHES, 0)
    told["several"] = len(candidates) - len({candidate.name for candidate in candidates})
    told["archives"] = _further_archives(candidates)
    told["packages"] = len(candidates)
    for candidate in candidates:
        role = _role(universe, candidate)
        if role != "sought" and candidate.version in preferences.kept.get(candidate.name, ()):
            continue
        told[role] += _age(universe, candidate)
        told["avoided"] += candidate.avoided
        told["added"] += bool(preferences.kept) and candidate.name not in preferences.kept
        if role != "sought" and staying.get(candidate.name):
            told["compiler moved" if role == "compiler" else "moved"] += 1
    told["compiler moved"] = min(told["compiler moved"], 1)
    return told


def _role(universe: Universe, candidate: Candidate) -> str:
    if candidate.name in universe.request.preferences.sought:
        return "sought"
    if candidate.nature is Nature.COMPILER:
        return "compiler"
    return "direct" if candidate.name in universe.request.direct else "indirect"


def _age(universe: Universe, candidate: Candidate) -> int:
    """How many other versions come first."""
    own = candidate.version
    others = {other.version for other in universe.candidates[candidate.name]}
    if universe.request.preferences.lowest:
        return sum(other < own for other in others)
    return sum(other > own for other in others)


def _further_archives(candidates: Sequence[Candidate]) -> int:
    vendored = [candidate.package for candidate in candidates if candidate.nature is Nature.DUNE]
    archives = group_by_archive(vendored)
    taken = {
        (normalised_dev_repo(package.dev_repo), archives[id(package)])
        for package in vendored
        if package.dev_repo is not None and id(package) in archives
    }
    return len(taken) - len({repository for repository, _ in taken})
