"""Which of the names there are may be meant by one that is not."""

from __future__ import annotations

from collections.abc import Iterable

ALIKE, VERY_MUCH_ALIKE = 0.7, 0.8
"""As `difflib.SequenceMatcher.ratio` counts: ``cohtp`` and ``cohttp`` have 0.9, ``core`` and ``re`` 0.67."""

_SHORT = 3


def nearest(word: str, known: Iterable[str], most: int = 3, alike: float = ALIKE) -> tuple[str, ...]:
    """At most so many names that ``word`` may be a slip for, the most alike first.

    Those that differ by case, dashes or underscores alone come before all others. Of a short word one letter
    is a third, and may still be a slip.
    """
    import difflib  # only a slip takes it

    names = sorted(known)
    same = [name for name in names if _plain(name) == _plain(word)]
    cutoff = alike if len(word) > _SHORT else alike - 0.05
    near = difflib.get_close_matches(word, names, n=most, cutoff=cutoff)
    return tuple(dict.fromkeys((*same, *near)))[:most]


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")
