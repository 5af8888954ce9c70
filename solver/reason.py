"""The reasons that can clash: the project's lines, facts of packages, and the rules of building with dune."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Relation(Enum):
    """How a reason ties packages together."""

    ASKED = "is asked for"
    QUESTION = "is asked about"
    NEEDS = "needs"
    CONFLICTS = "refuses"
    CLASS = "only one package of a conflict class"
    UNAVAILABLE = "is not available"
    FOREIGN = "does not build with dune"
    BOUND = "is bounded by the project"
    COMPILERS = "versions of OCaml that a compiler exists for"


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that is so for all versions of a package: ``who relation whom``.

    ``who`` is empty for what the project or the way of building asks for; ``whom`` are names of packages, of
    targets where the relation is `UNAVAILABLE`, the name of a conflict class or dev-repo, or text and place
    of one of the project's bounds.
    """

    who: str
    relation: Relation
    whom: tuple[str, ...] = ()


WISHES = frozenset({Relation.ASKED, Relation.QUESTION})
"""What nobody needs, but is wished for."""

COMPILERS = Reason("", Relation.COMPILERS)
