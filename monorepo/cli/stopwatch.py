"""How long something took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """The seconds since it was started, whenever asked."""
    started = time.monotonic()
    yield lambda: time.monotonic() - started
