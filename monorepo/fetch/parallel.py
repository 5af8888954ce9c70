"""The same work on many things at once, in threads that a Ctrl-C does not wait for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from monorepo.errors import MonoError

Item = TypeVar("Item")
Result = TypeVar("Result")

_GRACE = 0.5  # seconds that threads have to clean up after an interruption


class StoppedError(Exception):
    """The work was called off; whoever called it off knows why."""


class Stop:
    """Tells threads that nobody wants their results any more."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        self._event.set()

    def check(self) -> None:
        """Raises `StoppedError` where a stop was requested."""
        if self._event.is_set():
            raise StoppedError

    def pause(self, seconds: float) -> None:
        """Sleep, but wake up and raise `StoppedError` as soon as a stop is requested."""
        if self._event.wait(seconds):
            raise StoppedError


def in_parallel(
    work: Callable[[Item, Stop], Result], items: Sequence[Item], threads: int
) -> list[Result | MonoError]:
    """What ``work`` makes of each item, in the order of ``items``.

    Expected failures stand in the place of results, so that one does not hide another; anything else is
    raised at once. Threads are daemons: an interruption gives them half a second, then leaves them behind.
    """
    stop = Stop()
    results: dict[int, Result | MonoError] = {}
    accidents: list[BaseException] = []
    waiting = iter(range(len(items)))
    lock = threading.Lock()

    def labour() -> None:
        while True:
            with lock:
                index = next(waiting, None)
            if index is None:
                return
            try:
                stop.check()
                results[index] = work(items[index], stop)
            except MonoError as error:
                results[index] = error
            except StoppedError:
                return
            except BaseException as accident:
                accidents.append(accident)
                stop.request()
                return

    crew = [threading.Thread(target=labour, daemon=True) for _ in range(min(threads, len(items)))]
    try:
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()
    except BaseException:
        stop.request()
        deadline = time.monotonic() + _GRACE
        for thread in crew:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
        raise
    if accidents:
        raise accidents[0]
    return [results[index] for index in range(len(items))]
