"""The progress of a stage: a display that vanishes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from monorepo.cli.sizes import size_text
from monorepo.cli.words import counted, one_line, visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from monorepo.cli.talk import Talk

_MOST_SHOWN = 5
_UNTOLD = 0.5  # seconds that a download may take before it is shown by itself
_NAME, _AMOUNT, _RATE = 36, 20, 10  # columns
_SPARE = 4  # columns that stay free: what Ctrl-C shows must not begin a line of its own
_A_SECOND = 8  # times that a terminal is drawn
_THINGS = {"verifying": "entry", "packing": "part"}
"""What a stage works on, where that is not sources."""


class Lines:
    """`monorepo.fetch.progress.Progress` for a file or a pipe: a line for each stage and each note."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def started(self, stage: str, items: int) -> None:
        if items:
            self._talk.say(f"{stage} {counted(items, _THINGS.get(stage, 'source'))}")

    def advanced(self, item: str, done: int, total: int | None) -> None:
        pass

    def finished(self, item: str) -> None:
        self._talk.detail(f"  {item}")

    def noted(self, message: str) -> None:
        self._talk.say(f"note: {one_line(message)}")


@dataclass(slots=True)
class _Stage:
    name: str
    items: int
    since: float
    finished: int = 0
    received: int = 0


@dataclass(slots=True)
class _Download:
    since: float
    before: int  # bytes that were there when it was first heard of
    done: int
    total: int | None


class Drawing:
    """`monorepo.fetch.progress.Progress` for a terminal.

    Shows the stage with a bar, and of what comes in the few that take the longest, with size and rate. Calls
    ``begin`` when there is something to show.
    """

    def __init__(
        self,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        begin: Callable[[], object] = lambda: None,
    ) -> None:
        self._console = console
        self._clock = clock
        self._begin = begin
        self._lock = Lock()
        self._stage: _Stage | None = None
        self._downloads: dict[str, _Download] = {}

    def started(self, stage: str, items: int) -> None:
        with self._lock:
            self._downloads.clear()
            self._stage = _Stage(stage, items, self._clock()) if items else None
        self._begin()

    def advanced(self, item: str, done: int, total: int | None) -> None:
        with self._lock:
            one = self._downloads.get(item)
            if one is None or done < one.done:  # the latter begins anew
                one = self._downloads[item] = _Download(self._clock(), done, done, total)
            if self._stage is not None:
                self._stage.received += done - one.done
            one.done, one.total = done, total

    def finished(self, item: str) -> None:
        with self._lock:
            self._downloads.pop(item, None)
            if self._stage is not None:
                self._stage.finished += 1

    def noted(self, message: str) -> None:
        self._console.print(f"note: {one_line(message)}", markup=False, highlight=False, soft_wrap=True)

    def __rich__(self) -> RenderableType:
        from rich.table import Table

        with self._lock:
            now = self._clock()
            table = Table.grid(padding=(0, 1), expand=True)
            table.width = max(1, self._console.width - _SPARE)
            name = min(_NAME, table.width // 3)
            table.add_column(no_wrap=True, min_width=name, max_width=name)
            table.add_column(ratio=1)
            table.add_column(no_wrap=True, justify="right", min_width=_AMOUNT)
            table.add_column(no_wrap=True, justify="right", min_width=_RATE)
            if self._stage is not None:
                self._draw_stage(table, self._stage, now)
                self._draw_downloads(table, now)
            return table

    def _draw_stage(self, table: Table, stage: _Stage, now: float) -> None:
        from rich.progress_bar import ProgressBar

        amount = f"{stage.finished}/{stage.items}"
        if stage.received:
            amount += f" · {size_text(stage.received)}"
        bar = ProgressBar(total=stage.items, completed=stage.finished)
        table.add_row(stage.name, bar, amount, _rate(stage.received, now - stage.since))

    def _draw_downloads(self, table: Table, now: float) -> None:
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        slow = [(name, one) for name, one in self._downloads.items() if now - one.since >= _UNTOLD]
        for name, one in sorted(slow, key=lambda pair: pair[1].since)[:_MOST_SHOWN]:
            amount = (
                size_text(one.done)
                if one.total is None
                else f"{size_text(one.done)} of {size_text(one.total)}"
            )
            bar = "" if one.total is None else ProgressBar(total=one.total, completed=one.done)
            rate = _rate(one.done - one.before, now - one.since)
            table.add_row(Text(f"  {visible(name)}"), bar, Text(amount), Text(rate))


def _rate(received: int, seconds: float) -> str:
    return f"{size_text(round(received / seconds))}/s" if received and seconds > 0 else ""


@contextmanager
def drawing() -> Iterator[Drawing]:
    """A display on stderr, gone when the work is done.

    It is drawn from the first stage on, by a thread of its own: before that, processes can be forked.
    """
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)
    drawn = Drawing(console, begin=lambda: live.start())
    live = Live(drawn, console=console, refresh_per_second=_A_SECOND, transient=True)
    try:
        yield drawn
    finally:
        live.stop()
