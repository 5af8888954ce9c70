"""The progress of a stage: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from monorepo.cli.talk import Talk

_MOST_BARS = 6
_THINGS = {"verifying": ("entry", "entries"), "packing": ("part", "parts")}
"""What a stage works on, where that is not sources."""


class Lines:
    """`monorepo.fetch.progress.Progress` for a file or a pipe: a line for each stage and each note."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk

    def started(self, stage: str, items: int) -> None:
        if items:
            one, several = _THINGS.get(stage, ("source", "sources"))
            self._talk.say(f"{stage} {items} {one if items == 1 else several}")

    def advanced(self, item: str, done: int, total: int | None) -> None:
        pass

    def finished(self, item: str) -> None:
        self._talk.detail(f"  {item}")

    def noted(self, message: str) -> None:
        self._talk.say(f"note: {message}")


class Drawing:
    """`monorepo.fetch.progress.Progress` for a terminal: a bar for the stage, and for each of a few items."""

    def __init__(self, drawn: Bars) -> None:
        self._drawn = drawn
        self._lock = Lock()
        self._stage: TaskID | None = None
        self._items: dict[str, TaskID] = {}

    def started(self, stage: str, items: int) -> None:
        with self._lock:
            self._forget()
            self._stage = self._drawn.add_task(stage, total=items)

    def advanced(self, item: str, done: int, total: int | None) -> None:
        with self._lock:
            if item not in self._items and len(self._items) < _MOST_BARS:
                self._items[item] = self._drawn.add_task(f"  {item}", total=total)
            if item in self._items:
                self._drawn.update(self._items[item], completed=done, total=total)

    def finished(self, item: str) -> None:
        with self._lock:
            if item in self._items:
                self._drawn.remove_task(self._items.pop(item))
            if self._stage is not None:
                self._drawn.advance(self._stage)

    def noted(self, message: str) -> None:
        self._drawn.console.print(f"note: {message}", markup=False, highlight=False)

    def _forget(self) -> None:
        for task in (*self._items.values(), *(() if self._stage is None else (self._stage,))):
            self._drawn.remove_task(task)
        self._items.clear()


@contextmanager
def bars() -> Iterator[Drawing]:
    """Bars on stderr, gone when the work is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        yield Drawing(drawn)
