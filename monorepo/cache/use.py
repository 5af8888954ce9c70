"""Whoever uses the cache holds it, shared; whoever removes from it holds it alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from monorepo.errors import MonoError

LOCK = "use.lock"


@contextmanager
def in_use(cache: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Nothing is removed from ``cache`` meanwhile; calls ``waiting`` before it waits for one who does so.

    Where the lock cannot be had, since the cache can only be read say, nobody here can remove anything.
    """
    try:
        descriptor = _opened(cache)
    except OSError:
        yield
        return
    try:
        _take(descriptor, fcntl.LOCK_SH, waiting)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def alone(cache: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """No other process of this user uses ``cache`` meanwhile; calls ``waiting`` before it waits for one.

    Raises:
        MonoError: the cache cannot be written.
    """
    try:
        descriptor = _opened(cache)
    except OSError as error:
        raise MonoError(
            f"the cache cannot be written: {error.strerror}", str(cache), "set MONO_CACHE to another folder"
        ) from error
    try:
        _take(descriptor, fcntl.LOCK_EX, waiting)
        yield
    finally:
        os.close(descriptor)


def _opened(cache: Path) -> int:
    cache.mkdir(parents=True, exist_ok=True)
    return os.open(cache / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _take(descriptor: int, how: int, waiting: Callable[[], None]) -> None:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        waiting()
        fcntl.flock(descriptor, how)
