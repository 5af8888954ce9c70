"""opam's versions and their order.

The order is opam's own (opam manual, "Version ordering"), which is Debian's without an epoch:
a version is split at its last ``-``; each half is compared as alternating runs of non-digits and
digits; in a non-digit run ``~`` sorts before the end, the end before letters, letters before all else;
digit runs compare as numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, total_ordering
from typing import TypeAlias

_RUNS = re.compile(r"([^0-9]*)([0-9]*)")
_END = 0

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
    position = 0
    while True:
        match = _RUNS.match(half, position)
        assert match is not None  # both runs may be empty
        letters, digits = match.groups()
        key.extend(_character_rank(character) for character in letters)
        key.append(_END)
        key.append(int(digits) if digits else 0)
        position = match.end()
        if position >= len(half):
            break
    key.append(_END)
    return tuple(key)


def _character_rank(character: str) -> int:
    if character == "~":
        return -1
    if character.isascii() and character.isalpha():
        return ord(character)
    return ord(character) + 256
