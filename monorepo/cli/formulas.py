"""Formulas as people read them."""

from __future__ import annotations

import re

_CONDITION = re.compile(r"(?P<name>[^\s{}()|&]+) \{(?P<bounds>[^{}]*)\}")


def plain(wording: str, *, whole: bool = False) -> str:
    """opam's syntax without its braces and quotes; a choice among many is shortened unless ``whole``."""

    def outside(found: re.Match[str]) -> str:
        bounds = found["bounds"].strip()
        return f"{found['name']} ({bounds})" if " | " in bounds else f"{found['name']} {bounds}"

    text = _CONDITION.sub(outside, wording).replace('"', "")
    return text if whole else _shortened(text)


def _shortened(text: str) -> str:
    """A choice among many without those in the middle."""
    parts = text.split(" | ")
    if len(parts) <= 4:
        return text
    return " | ".join((*parts[:2], f"… {len(parts) - 3} more", parts[-1]))
