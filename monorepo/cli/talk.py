"""What mono says while it works. All of it goes to stderr: stdout is for data."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from monorepo.cli.output import fold, width
from solver.values import dataclass

if TYPE_CHECKING:
    from monorepo.fetch.progress import Progress


@dataclass(frozen=True, slots=True)
class Talk:
    """Speaks as much as the user wants to hear, and in colour where that was chosen."""

    quiet: bool = False
    verbose: bool = False
    color: bool = False

    def say(self, text: str) -> None:
        """Tell what was done."""
        if not self.quiet:
            self._tell(text)

    def detail(self, text: str) -> None:
        """Tell what only a curious user wants to know."""
        if self.verbose and not self.quiet:
            self._write("\n".join(map(self.faint, fold(text, width(2)))))

    def warn(self, text: str) -> None:
        """Tell what stops nothing, but may surprise."""
        if not self.quiet:
            self._tell(f"{click.style('warning:', fg='yellow', bold=True)} {text}")

    def complain(self, text: str) -> None:
        """Tell an error, in lines as they are, however quiet the user wants it."""
        self._write(text)

    def faint(self, text: str) -> str:
        return click.style(text, dim=True)

    def _tell(self, text: str) -> None:
        self._write("\n".join(fold(text, width(2))))

    def _write(self, text: str) -> None:
        click.echo(text, err=True, color=self.color)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Hears of a stage's work: a display on a terminal, plain lines elsewhere, or nothing."""
        from monorepo.fetch.progress import Silence

        if self.quiet:
            yield Silence()
        elif sys.stderr.isatty() and self.color:
            from monorepo.cli.progress import drawing

            with drawing() as drawn:
                yield drawn
        else:
            from monorepo.cli.progress import Lines

            yield Lines(self)
