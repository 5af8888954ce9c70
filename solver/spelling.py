"""Which of the names there are may be meant by one that is not."""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import pairwise

ALIKE, VERY_MUCH_ALIKE = 0.7, 0.8
"""As `difflib.SequenceMatcher.ratio` counts: ``cohtp`` and ``cohttp`` have 0.9, ``core`` and ``re`` 0.67."""

_SHORT = 3

_OF_OCAML = frozenset(
    ("bigarray", "compiler-libs", "dynlink", "ocamldoc", "runtime_events", "stdlib", "str", "threads", "unix")
)
"""The libraries that the compiler installs (OCaml manual, part IV)."""


def nearest(word: str, known: Iterable[str], most: int = 3, alike: float = ALIKE) -> tuple[str, ...]:
    """At most so many names that ``word`` may be a slip for, the most alike first.

    Those that differ by case, dashes or underscores alone come before all others, then those with two
    neighbouring letters the other way round. Of a short word one letter is a third, and may still be a slip.
    For a library only the package is meant that has it.
    """
    import difflib  # only a slip takes it

    names = sorted(known)
    package = package_of_library(word, names)
    if package:
        return (package,)
    same = [name for name in names if _plain(name) == _plain(word)]
    swapped = [name for name in names if name in _with_a_swap(word)]
    cutoff = alike if len(word) > _SHORT else alike - 0.05
    near = difflib.get_close_matches(word, names, n=most, cutoff=cutoff)
    return tuple(dict.fromkeys((*same, *swapped, *near)))[:most]


def package_of_library(word: str, known: Container[str]) -> str:
    """``lwt`` for ``lwt.unix``, which is how dune and ocamlfind name a library; empty for anything else.

    No package has a dot in its name.
    """
    package, dot, _ = word.partition(".")
    return package if dot and package in known else ""


def comes_with_ocaml(word: str) -> bool:
    """Whether that is a library of the OCaml distribution, which no package has."""
    return word.partition(".")[0] in _OF_OCAML


def _with_a_swap(word: str) -> frozenset[str]:
    """``word`` with each two neighbouring letters the other way round: ``ltw`` for ``lwt``."""
    return frozenset(f"{word[:i]}{b}{a}{word[i + 2 :]}" for i, (a, b) in enumerate(pairwise(word)) if a != b)


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")
