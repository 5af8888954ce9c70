"""What is reached by following names."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def reached(entries: Iterable[str], children: Callable[[str], Iterable[str]]) -> set[str]:
    """The ``entries``, and whatever is reached from them by way of ``children``."""
    seen: set[str] = set()
    waiting = sorted(entries)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(children(name))
    return seen
