"""What would help, in words and as values."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from monorepo.cli.formulas import plain
from monorepo.repairing import by_hand, writer_of
from solver.edit import Edit, Kind
from solver.repair import Repair

_INDENT = 2


def repair_lines(repairs: Sequence[Repair], most: int, whole: str, columns: int) -> tuple[list[str], int]:
    """A numbered list below the line that introduces it, and how many repairs it shows, at least one.

    Nothing where there is none. ``whole`` is the command to name where that takes more than ``most`` lines of
    so many ``columns``.
    """
    if not repairs:
        return [], 0
    lines = ["what would help:" if len(repairs) == 1 else "any of these would help:"]
    for number, repair in enumerate(repairs, 1):
        told = _told(number, repair, columns)
        room = most - len(lines) - (1 if number < len(repairs) else 0)
        if len(told) > room:
            if number == 1:
                lines += told[: most - len(lines) - 1]
            lines.append(f"  … more, which {whole} tells")
            return lines, max(number - 1, 1)
        lines += told
    return lines, len(repairs)


def _told(number: int, repair: Repair, columns: int) -> list[str]:
    lines = []
    for position, edit in enumerate(repair.edits):
        mark = f"  {number}. " if position == 0 else "     and "
        lines += textwrap.wrap(
            in_words(edit),
            columns - _INDENT,
            initial_indent=mark,
            subsequent_indent="     ",
            break_on_hyphens=False,
        )
    return lines


def repair_data(number: int, repair: Repair) -> dict[str, object]:
    """One repair for a script."""
    return {
        "number": number,
        "by-hand": any(map(by_hand, repair.edits)),
        "edits": [
            {
                "kind": edit.kind.value,
                "name": edit.name,
                "versions": [str(version) for version in edit.versions],
                "before": edit.before,
                "after": edit.after,
                "place": edit.place,
                "text": in_words(edit),
            }
            for edit in repair.edits
        ],
    }


def in_words(edit: Edit) -> str:
    """One edit as an order to whoever makes it."""
    at = f" ({edit.place})" if edit.place else ""
    match edit.kind:
        case Kind.RENAME:
            return f"write {edit.name} for {edit.before}{at}{_generated(edit)}"
        case Kind.BOUND | Kind.DEPENDENCY:
            return f"{_bound_in_words(edit)}{at}{_generated(edit)}"
        case Kind.CONFLICT:
            return f"drop the conflict with {plain(edit.before)}{at}{_generated(edit)}"
        case Kind.AVAILABLE:
            return f"drop the field available of {edit.root}{at}{_generated(edit)}"
        case Kind.PROVIDED:
            return f"install {edit.name} with opam, and name it in solve.provided{at}"
        case Kind.PORT:
            serves = list(edit.serves) if len(edit.serves) < 4 else [*edit.serves[:2], "others"]
            then = f", which {' and '.join(serves)} could then use" if serves else ""
            versions = " and ".join(map(str, edit.versions))
            return f"port {edit.name} {versions} to dune by hand{then}"
        case Kind.TARGET:
            return f"give up {edit.name}: drop it from targets.build{at}"


def _generated(edit: Edit) -> str:
    writer = writer_of(edit)
    return f" by hand: {writer} writes {edit.root}.opam" if writer else ""


def _bound_in_words(edit: Edit) -> str:
    before, after = plain(edit.before), plain(edit.after)
    if after in ("", edit.name):
        return f"drop the bound {before}"
    change = f"ask for {after} instead of {before}"
    prereleases = [text for text in map(str, edit.versions) if "~" in text and f'"{text}"' in edit.after]
    return f"allow the prerelease {' and '.join(prereleases)}: {change}" if prereleases else change
