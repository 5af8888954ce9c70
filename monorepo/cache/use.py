"""Whoever uses the cache holds it, shared; whoever removes from it holds it alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from monorepo.alone import take
from monorepo.errors import MonoError

LOCK = "use.lock"


@contextmanager
def in_use(cache: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Nothing is removed from ``cache`` meanwhile; calls ``waiting`` before it waits for one who does so.

    Where there is no lock to be had, as on a file system that can only be read, nobody can remove anything.
    """
    try:
        descriptor = _opened(cache, os.O_RDONLY)
    except OSError:
        yield
        return
    try:
        take(descriptor, waiting, shared=True)
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
        descriptor = _opened(cache, os.O_RDWR)
    except OSError as error:
        raise MonoError(
            f"the cache cannot be written: {error.strerror}", str(cache), "set MONO_CACHE to another folder"
        ) from error
    try:
        take(descriptor, waiting)
        yield
    finally:
        os.close(descriptor)


def _opened(cache: Path, how: int) -> int:
    cache.mkdir(parents=True, exist_ok=True)
    return os.open(cache / LOCK, how | os.O_CREAT | os.O_CLOEXEC, 0o644)
