"""Files and folders that one process at a time holds, or several together: flock(2).

What is held is let go when its descriptor is closed, so whoever ends, however it does, holds nothing. The
library filelock holds files that it makes itself; it knows nothing of folders, and of what several share.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def take(descriptor: int, waiting: Callable[[], None] = lambda: None, *, shared: bool = False) -> None:
    """Hold what is open as ``descriptor``; calls ``waiting`` before it waits for others who hold it."""
    if not take_if_free(descriptor, shared=shared):
        waiting()
        fcntl.flock(descriptor, _how(shared))


def take_if_free(descriptor: int, *, shared: bool = False) -> bool:
    """Hold what is open as ``descriptor``, unless others do; whether it is held."""
    try:
        fcntl.flock(descriptor, _how(shared) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(path: Path, descriptor: int) -> bool:
    """Whether what is open as ``descriptor`` is still at ``path``: who held it before may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def alone_at(path: Path) -> Iterator[None]:
    """Alone among all threads and processes that ask for ``path``, a file that is there only meanwhile.

    Raises OSError where it cannot be made.
    """
    from filelock import FileLock

    with FileLock(path, thread_local=False):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def clear_at(path: Path) -> None:
    """Remove what `alone_at` left there when it was killed."""
    with suppress(OSError), path.open("rb") as file:
        if take_if_free(file.fileno()) and is_at(path, file.fileno()):
            path.unlink(missing_ok=True)


def _how(shared: bool) -> int:
    return fcntl.LOCK_SH if shared else fcntl.LOCK_EX
