"""Amounts in the units that people read."""

from __future__ import annotations

from monorepo.cli.words import counted


def size_text(count: int) -> str:
    """Bytes: ``12.3 MB``."""
    for unit, bytes_ in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return counted(count, "byte")


def age_text(seconds: float) -> str:
    """How long ago: ``today``, ``1 day``, ``12 days``."""
    days = int(seconds // (24 * 3600))
    return "today" if days <= 0 else "1 day" if days == 1 else f"{days} days"
