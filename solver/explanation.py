"""Why there is no answer: the smallest set of reasons that clash, told from the roots to its end, as data.

`solver.story` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from solver.reason import Reason
from solver.universe import Candidate, Rejection
from solver.version import Version


class Cause(Enum):
    """The class of a failure, by what a user would do about it."""

    UNKNOWN = "no-such-package"
    EXCLUDED = "excluded-by-the-project"
    FOREIGN = "does-not-build-with-dune"
    UNAVAILABLE = "not-available-on-target"
    UNUSABLE = "cannot-be-used"
    COMPILER = "needs-another-compiler"
    RANGE = "no-version-in-range"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Demand:
    """What some versions of a package, newest first, or the project ask for in opam's syntax."""

    versions: tuple[Version, ...]
    wording: str


@dataclass(frozen=True, slots=True)
class Companion:
    """What is asked of a compiler beside its version.

    Args:
        need: in opam's syntax, ``base-domains``; ``refused`` where the compiler must not have it.
        whole: whether it is a compiler itself.
        ocaml: what versions of OCaml that leaves, in opam's syntax, the name alone where that is too long to
            say; empty where it leaves none.
    """

    need: str
    refused: bool
    whole: bool
    ocaml: str


@dataclass(frozen=True, slots=True)
class Step:
    """One reason of the derivation.

    Args:
        demands: what it asks for, of the newest versions first; of a fact that asks for nothing, the one
            demand holds the versions that it is about.
        place: file and line, or targets, where the project says so; empty where a package does.
        known: all versions there are of the package that it is about, newest first.
        ports: of what is `FOREIGN`, versions that build with dune but were ruled out before.
        members: of a `CLASS`, the packages of it that are told of.
        together: what several demands on one package come to, in opam's syntax; empty where that is too long
            to say.
        companions: of `COMPILERS`, what is asked of them beside their version.
    """

    reason: Reason
    demands: tuple[Demand, ...] = ()
    place: str = ""
    known: tuple[Version, ...] = ()
    ports: tuple[Candidate, ...] = ()
    members: tuple[str, ...] = ()
    together: str = ""
    companions: tuple[Companion, ...] = ()

    @property
    def versions(self) -> tuple[Version, ...]:
        """Every version that it is about, newest first."""
        return tuple(sorted({v for demand in self.demands for v in demand.versions}, reverse=True))


class End(Enum):
    """Why no version is left of a package."""

    UNKNOWN = "no repository has it"
    ABSENT = "there is no version in the range that is asked for"
    APART = "there is no version in all the ranges that are asked for"
    RULED_OUT = "the versions in range are ruled out"
    NO_COMPILER = "no compiler exists for the versions in range"


@dataclass(frozen=True, slots=True)
class Side:
    """Who asks for what of the package where a story ends, as the user asked for it.

    Args:
        who: a root, or what a root or target asks for; empty for a bound of the project.
        target: the targets that ask for ``who``; empty where the roots do.
        through: who asks for it itself, where that is another package.
        wording: what is asked for, or what all of it comes to, in opam's syntax; empty where that is too long
            to say.
    """

    who: str
    target: str
    through: str
    wording: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A package of which no version will do.

    Args:
        candidates: its versions that could be chosen if all else fitted, newest first.
        rejections: its versions that cannot be used at all, though some step asks for them.
        asked: the bounds that the steps put on it, in opam's syntax.
        sides: the same by who asks, where these bounds have no version in common.
        near: where there is `NO_COMPILER`, the versions that one exists for next below those asked for, and
            next above; None where there is none.
    """

    name: str
    end: End
    candidates: tuple[Version, ...]
    rejections: tuple[Rejection, ...]
    asked: tuple[str, ...] = ()
    sides: tuple[Side, ...] = ()
    near: tuple[Version | None, Version | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Steps from the roots to the clash, and the packages where it ends.

    ``targets`` are those it arises on, empty for all. ``origins`` holds for each package that the steps tell
    of what of the user's wishes leads to it: a root, or what a root or target asks for; and the targets that
    do, empty where the roots do.
    """

    cause: Cause
    steps: tuple[Step, ...]
    missing: tuple[Missing, ...]
    targets: tuple[str, ...] = ()
    origins: Mapping[str, tuple[str, str]] = field(default_factory=dict)
