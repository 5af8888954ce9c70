"""Whoever uses the cache holds it, shared; whoever removes from it holds it alone.

A cache is for one user: what is prepared there is believed, so whoever can write it decides what is built.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from monorepo.alone import take
from monorepo.errors import MonoError

LOCK = "use.lock"

Kind = TypeVar("Kind", bound=MonoError)


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
        raise unusable(cache, error, MonoError) from error
    try:
        take(descriptor, waiting)
        yield
    finally:
        os.close(descriptor)


def is_of(cache: Path, error: OSError) -> bool:
    """Whether it is something of ``cache`` that could not be read or written."""
    return _place(error).is_relative_to(cache)


def _place(error: OSError) -> Path:
    """The file that could not be read or written, or the one that another should have become."""
    return Path(os.fsdecode(error.filename2 or error.filename or ""))


def unusable(cache: Path, error: OSError, kind: type[Kind]) -> Kind:
    """What to say, as an error of this ``kind``, where something of ``cache`` cannot be read or written."""
    place = _place(error)
    if isinstance(error, PermissionError):
        there = next(one for one in (place, *place.parents) if os.path.lexists(one))
        owner = there.lstat().st_uid
        if there.is_relative_to(cache) and owner != os.geteuid():
            return kind(
                f"some of this cache is {_name(owner)}'s, and a cache is for one user",
                str(cache),
                "set MONO_CACHE to a folder of your own, or have all of it made yours with chown -R",
            )
    return kind(
        f"the cache cannot be used: {error.strerror or error}",
        str(cache if place == Path() else place),
        "make it readable and writable, free some space, or set MONO_CACHE to another folder",
    )


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # of another machine, or outside of a container
        return f"user {user}"


def _opened(cache: Path, how: int) -> int:
    cache.mkdir(parents=True, exist_ok=True)
    return os.open(cache / LOCK, how | os.O_CREAT | os.O_CLOEXEC, 0o644)
