"""Formulas as people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CONDITION = re.compile(r"(?P<name>[^\s{}()|&]+) \{(?P<bounds>[^{}]*)\}")
_FILTER = re.compile(r"(?:^|[&|(!?]) *[A-Za-z?]")
"""A variable where a bound could begin."""


def plain(wording: str, *, whole: bool = False) -> str:
    """opam's syntax without quotes, and without braces around mere bounds.

    A choice among many is shortened unless the ``whole`` of it is asked for.
    """

    def outside(found: re.Match[str]) -> str:
        bounds = found["bounds"].strip()
        if _FILTER.search(bounds):
            return f"{found['name']} {{{bounds}}}"
        return f"{found['name']} ({bounds})" if " | " in bounds else f"{found['name']} {bounds}"

    text = _CONDITION.sub(outside, wording).replace('"', "")
    return text if whole else _shortened(text)


def _shortened(text: str) -> str:
    """A choice among many without those in the middle."""
    parts = text.split(" | ")
    if len(parts) <= 4:
        return text
    return " | ".join((*parts[:2], f"… {len(parts) - 3} more", parts[-1]))


def series(words: Sequence[str], joint: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def few(words: Sequence[str], most: int = 3) -> str:
    """``a, b, c and 9 more``."""
    more = len(words) - most
    return series([*words[:most], f"{more} more"] if more > 1 else words)
