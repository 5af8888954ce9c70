"""The answer: one version per package, for all platforms at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from solver.universe import Candidate


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate that is in the answer, and the numbers of the platforms where it is used."""

    candidate: Candidate
    platforms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Solution:
    """The chosen versions, sorted by name; several of one name where no one will do for all platforms."""

    choices: tuple[Choice, ...]

    def several(self) -> Mapping[str, tuple[Choice, ...]]:
        """The packages of which there is more than one version, by name."""
        by_name: dict[str, list[Choice]] = {}
        for choice in self.choices:
            by_name.setdefault(choice.candidate.name, []).append(choice)
        return {name: tuple(choices) for name, choices in by_name.items() if len(choices) > 1}


@dataclass(frozen=True, slots=True)
class Unsolvable:
    """No answer exists. `solver.explanation.explain` tells why."""
