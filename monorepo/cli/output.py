"""Data on stdout: JSON for scripts, tables for people."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence

import click


def print_json(value: object) -> None:
    """One JSON document, indented, with a line end."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def folded(parts: Sequence[str], sign: str, before: str = "") -> str:
    """Parts in a row with a sign between them: folded to a terminal's width, elsewhere on one line."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = [before + parts[0]]
    for part in parts[1:]:
        lines[-1] += sign
        if width is None or len(lines[-1]) + 1 + len(part) + len(sign) <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(f"    {part}")
    return "\n".join(lines)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, styled: bool) -> None:
    """Columns side by side: folded to a terminal's width, elsewhere one row a line, whatever its length."""
    if sys.stdout.isatty():
        lines = _folded_table(header, rows, styled=styled)
    else:
        widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
        lines = [_aligned(row, widths) for row in (header, *rows)]
        lines[0] = click.style(lines[0], bold=True)
    click.echo("\n".join(lines), color=styled)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _folded_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, styled: bool) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False, color_system="standard" if styled else None)
    with console.capture() as captured:
        console.print(table)
    return [line.rstrip() for line in captured.get().splitlines()]
