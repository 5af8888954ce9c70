"""What people and scripts read: lines and tables for the first, JSON for the others.

Lines are folded between words to the width of the terminal that they go to. Where there is none they stay
whole, so that they can be searched; only the story of a failure, which has so many lines at most, is folded
there as well.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence

import click

STORY_WIDTH = 100
"""Columns of a failure's story where there is no terminal."""

_NARROWEST = 40
_LEAST_LAST = 36
"""Columns that the last one of a table takes at least, or it goes below its row."""


def width(descriptor: int) -> int | None:
    """The columns of the terminal there (1 stdout, 2 stderr), None where there is none."""
    if not os.isatty(descriptor):
        return None
    columns = os.get_terminal_size(descriptor).columns  # 0 where the terminal does not know
    return max(columns, _NARROWEST) if columns else None


def story_width(descriptor: int) -> int:
    """The columns to which the story of a failure is folded."""
    return width(descriptor) or STORY_WIDTH


def fold(text: str, columns: int | None, indent: str = "    ") -> list[str]:
    """The lines of ``text``, which may be styled, each in as many as it takes; the later ones are indented.

    A word that is too long for a line has one of its own, and is not broken.
    """
    return [part for line in text.split("\n") for part in _folded(line, columns, indent)]


def _folded(line: str, columns: int | None, indent: str) -> list[str]:
    if columns is None or len(click.unstyle(line)) <= columns:
        return [line]
    content = line.lstrip(" ")
    margin = line[: len(line) - len(content)]
    first, *words = content.split(" ")
    lines, length = [margin + first], len(margin) + len(click.unstyle(first))
    for word in words:
        size = len(click.unstyle(word))
        if length + 1 + size <= columns:
            lines[-1] += f" {word}"
            length += 1 + size
        else:
            lines.append(f"{margin}{indent}{word}")
            length = len(margin) + len(indent) + size
    return lines


def print_json(value: object) -> None:
    """One JSON document, indented, with a line end."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_line(line: str, *, styled: bool) -> None:
    """One line of data for people, folded."""
    click.echo("\n".join(fold(line, width(1))), color=styled)


def row_of(parts: Sequence[str], sign: str, before: str = "") -> list[str]:
    """Parts in a row with a sign between them, folded between parts."""
    columns = width(1)
    lines = [before + parts[0]]
    for part in parts[1:]:
        lines[-1] += sign
        if columns is None or len(lines[-1]) + 1 + len(part) + len(sign) <= columns:
            lines[-1] += f" {part}"
        else:
            lines.append(f"    {part}")
    return lines


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, styled: bool) -> None:
    """Columns side by side; where a terminal is too narrow the last is folded, or put below each row."""
    for number, line in enumerate(table_lines([tuple(header), *map(tuple, rows)], width(1))):
        click.echo(click.style(line, bold=True) if number == 0 else line, color=styled)


def table_lines(rows: Sequence[tuple[str, ...]], columns: int | None) -> Iterator[str]:
    """The lines of such a table on a terminal of so many columns; None where there is none."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    start = sum(size + 2 for size in widths[:-1])
    room = sys.maxsize if columns is None else columns - start
    beside = widths[-1] <= room or room >= _LEAST_LAST
    for *others, last in rows:
        cells = "".join(cell.ljust(size + 2) for cell, size in zip(others, widths[:-1], strict=True))
        if beside:
            first, *below = fold(last, room, "")
            yield (cells + first).rstrip()
            yield from (" " * start + line for line in below)
        else:
            yield cells.rstrip()
            yield from (f"    {line}" for line in fold(last, columns and columns - 4, "") if line)
