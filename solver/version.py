"""opam's versions and their order.

The order is opam's own (opam manual, "Version ordering"), which is Debian's without an epoch:
a version is split at its last ``-``; each half is compared as alternating runs of non-digits and
digits; in a non-digit run ``~`` sorts before the end, the end before letters, letters before all else;
digit runs compare as numbers.
"""

from __future__ import annotations

import re
import sys
from dataclasses import field
from functools import cache, total_ordering
from typing import TypeAlias

from solver.values import dataclass

_RUNS = re.compile(r"([^0-9]*)([0-9]*)")
_END = 0
_ALWAYS_READ = sys.int_info.str_digits_check_threshold
"""Python reads numbers of as many digits whatever limit it was given."""

HalfKey: TypeAlias = tuple[int, ...]
Key: TypeAlias = tuple[HalfKey, HalfKey]


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """One opam version: the text as written, and a key that sorts as opam does.

    Two versions are equal when opam orders neither before the other (``1.0`` and ``1.00``).
    Make one with `Version.parse`, which never fails: opam accepts any text as a version.
    """

    text: str
    key: Key = field(repr=False)

    @staticmethod
    def parse(text: str) -> Version:
        """The version that ``text`` writes; the same object for the same text."""
        return _parse(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.key == other.key

    def __lt__(self, other: Version) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.text


@cache
def _parse(text: str) -> Version:
    upstream, _, revision = text.rpartition("-") if "-" in text else (text, "", "")
    return Version(text, (_half_key(upstream), _half_key(revision)))


@cache
def _half_key(half: str) -> HalfKey:
    """A flat tuple that compares as the half does.

    Every non-digit run ends in `_END`, every run is followed by its number (0 where there is none),
    and a last `_END` stands for the end of the half, so that ``~`` sorts before it.
    """
    key: list[int] = []
    runs: list[tuple[str, str]] = _RUNS.findall(half)
    for letters, digits in runs[:-1] or runs:  # the last is the empty one at the end
        key += map(_character_rank, letters)
        key += (_END, _number(digits) if digits else 0)
    key.append(_END)
    return tuple(key)


def _number(digits: str) -> int:
    """What sorts as the number does: itself, or, of a very long one, its digits as bytes.

    Those are read at the cost of their length, and exceed every number that has fewer digits.
    """
    if len(digits) > _ALWAYS_READ:
        digits = digits.lstrip("0")
        if len(digits) > _ALWAYS_READ:
            return int.from_bytes(digits.encode("ascii"), "big")
    return int(digits or "0")


def _character_rank(character: str) -> int:
    if character == "~":
        return -1
    if character.isascii() and character.isalpha():
        return ord(character)
    return ord(character) + 256
