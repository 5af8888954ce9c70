"""opam's order of versions, for the certificate of a context (opam manual, "Version Ordering").

The order is Debian's without epochs. It is written here once more, apart from the solver's, because what
checks an answer shares nothing with what found it.
"""

from __future__ import annotations

from itertools import zip_longest


def compare(one: str, other: str) -> int:
    """Below 0 where ``one`` comes first, 0 where neither does, above 0 where ``other`` does."""
    for left, right in zip(_halves(one), _halves(other), strict=True):
        difference = _compare_half(left, right)
        if difference:
            return difference
    return 0


def _halves(version: str) -> tuple[str, str]:
    """What stands before the last dash, and what behind it."""
    upstream, _, revision = version.rpartition("-") if "-" in version else (version, "", "")
    return upstream, revision


def _compare_half(one: str, other: str) -> int:
    while one or other:
        one, words = _split(one, digits=False)
        other, other_words = _split(other, digits=False)
        difference = _compare_words(words, other_words)
        if difference:
            return difference
        one, number = _split(one, digits=True)
        other, other_number = _split(other, digits=True)
        difference = _compare_numbers(number.lstrip("0"), other_number.lstrip("0"))
        if difference:
            return difference
    return 0


def _split(text: str, *, digits: bool) -> tuple[str, str]:
    """The rest of a text, and the digits, or else the other characters, that it begins with."""
    end = next((i for i, character in enumerate(text) if ("0" <= character <= "9") is not digits), len(text))
    return text[end:], text[:end]


def _compare_numbers(one: str, other: str) -> int:
    """Digits without leading zeros; never read as a number, as there may be thousands of them."""
    return len(one) - len(other) or (one > other) - (one < other)


def _compare_words(one: str, other: str) -> int:
    for left, right in zip_longest(one, other):
        difference = _rank(left) - _rank(right)
        if difference:
            return difference
    return 0


def _rank(character: str | None) -> int:
    """``~`` before the end, the end before letters, letters before all else."""
    if character is None:
        return 0
    if character == "~":
        return -1
    return ord(character) if character.isascii() and character.isalpha() else ord(character) + 0x110000
