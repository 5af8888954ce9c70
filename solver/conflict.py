"""A smallest set that clashes, by asking of sets whether they do, and nothing else of whoever answers.

So the outcome depends on the order of the items alone, not on the solver that is asked, or on its version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def smallest_clash(items: Sequence[T], clashing: Callable[[Sequence[T]], bool]) -> list[T]:
    """Of ``items``, which clash, a subset that does, and would not without any one of its own.

    Where there are several, the one whose last item comes first in the order of ``items``, and so on. Asks
    about ``k log(n / k)`` times for ``k`` of ``n`` items (QuickXplain: Ulrich Junker, AAAI 2004).
    """
    return _search([], list(items), False, clashing) if items else []


def _search(
    kept: list[T], items: list[T], kept_is_new: bool, clashing: Callable[[Sequence[T]], bool]
) -> list[T]:
    """What of ``items`` has to join ``kept`` for a clash; ``kept_is_new`` where it may clash by itself."""
    if kept_is_new and clashing(kept):
        return []
    if len(items) == 1:
        return items
    half = len(items) // 2
    first, second = items[:half], items[half:]
    of_second = _search([*kept, *first], second, True, clashing)
    of_first = _search([*kept, *of_second], first, bool(of_second), clashing)
    return [*of_first, *of_second]
