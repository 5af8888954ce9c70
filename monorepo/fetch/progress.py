"""What the stages of a pull tell while they work; the command line draws it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears of the work, from several threads at once."""

    def started(self, stage: str, items: int) -> None:
        """A stage begins (``fetching``, ``preparing``) that will finish ``items`` things."""

    def advanced(self, item: str, done: int, total: int | None) -> None:
        """``done`` bytes of ``item`` are here, of ``total`` where that is known."""

    def finished(self, item: str) -> None:
        """``item`` of the stage that was started last is done."""

    def noted(self, message: str) -> None:
        """Something worth knowing that stops nothing: a mirror passed over, a wait for another pull."""


class Silence:
    """Tells nobody."""

    def started(self, stage: str, items: int) -> None:
        pass

    def advanced(self, item: str, done: int, total: int | None) -> None:
        pass

    def finished(self, item: str) -> None:
        pass

    def noted(self, message: str) -> None:
        pass
