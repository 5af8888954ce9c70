"""The same work on many things at once, in threads that a Ctrl-C does not wait for."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import zip_longest
from queue import Empty, SimpleQueue
from typing import TypeVar

from monorepo.errors import MonoError

Item = TypeVar("Item")
Result = TypeVar("Result")

_POLL = 0.1  # seconds after which a thread that waits looks whether anybody wants it to
_GRACE = 0.2  # seconds that threads have to clean up after an interruption


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


class Turns:
    """Lets ``most`` threads work at a time, and ``each`` of them with any one host."""

    def __init__(self, most: int, each: int) -> None:
        self._most = most
        self._each = each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._given_back: dict[str, threading.Condition] = {}

    @contextmanager
    def turn(self, host: str, stop: Stop) -> Iterator[None]:
        """Wait until this thread may work with ``host``; raises `StoppedError` as ``stop`` does."""
        with self._lock:
            while self._taken.total() >= self._most or self._taken[host] >= self._each:
                self._given_back.setdefault(host, threading.Condition(self._lock)).wait(_POLL)
                stop.check()
            self._taken[host] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken[host] -= 1
                for waiting in self._given_back.values():
                    waiting.notify()  # one for each host, as no more than one of them all can go on


def taking_turns(items: Iterable[Item], group: Callable[[Item], str]) -> list[Item]:
    """``items``, the first of each group, then the second of each, and so on."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(group(item), []).append(item)
    return [item for round_ in zip_longest(*groups.values()) for item in round_ if item is not None]


def in_parallel(
    work: Callable[[Item, Stop], Result], items: Sequence[Item], threads: int
) -> list[Result | MonoError]:
    """What ``work`` makes of each item, in the order of ``items``.

    Expected failures stand in the place of results, so that one does not hide another; anything else is
    raised at once. Threads are daemons: an interruption gives them a moment, then leaves them behind.
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

    def thread() -> None:
        try:
            labour()
        except StoppedError:
            pass
        except BaseException as accident:
            accidents.append(accident)
            stop.request()
        finally:
            ended.put(None)

    # Not `Thread.join`: until Python 3.13 it takes a thread for dead once an interruption has hit it.
    ended: SimpleQueue[None] = SimpleQueue()
    running = 0
    try:
        for _ in range(min(threads, len(items))):
            threading.Thread(target=thread, daemon=True).start()
            running += 1
        while running:
            ended.get()
            running -= 1
    except BaseException:
        stop.request()
        deadline = time.monotonic() + _GRACE
        with suppress(Empty):
            for _ in range(running):
                ended.get(timeout=max(0.0, deadline - time.monotonic()))
        raise
    if accidents:
        raise accidents[0]
    return [results[index] for index in range(len(items))]
