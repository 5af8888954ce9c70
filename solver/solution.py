"""The answer: one version per package, for all platforms at once."""

from __future__ import annotations

from dataclasses import dataclass

from solver.universe import Candidate


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate that is in the answer, and the numbers of the platforms where it is used."""

    candidate: Candidate
    platforms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Solution:
    """The chosen versions, sorted by name.

    ``costs`` are sums over the chosen versions, most important first: versions to avoid, age of the compiler,
    of direct dependencies, of the rest, number of packages. No answer has less.
    """

    choices: tuple[Choice, ...]
    costs: tuple[int, ...]

    def choice(self, name: str) -> Choice | None:
        """The choice of that name, None where it is not in the answer."""
        return next((choice for choice in self.choices if choice.candidate.name == name), None)


@dataclass(frozen=True, slots=True)
class Unsolvable:
    """No answer exists. `solver.explanation.explain` tells why."""
