"""How long to go on asking where something may pass."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from monorepo.errors import TemporaryError
from monorepo.fetch.parallel import Stop

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to ask one place, and how long to wait (seconds) where that may help.

    Args:
        tries: asking a place that many times in all; archive mirrors half as often.
        first_wait: before the second try; doubled each time, up to ``longest_wait``.
        longest_wait: a server that asks to wait longer than this is given up at once.
        kitchen_wait: between two looks whether Software Heritage has made an archive.
        kitchen_looks: after that many it is given up.
    """

    tries: int = 4
    first_wait: float = 0.3
    longest_wait: float = 60.0
    kitchen_wait: float = 10.0
    kitchen_looks: int = 60

    def ask(
        self,
        ask: Callable[[], Answer],
        stop: Stop,
        tries: int | None = None,
        hopeless: Callable[[], bool] = lambda: False,
    ) -> Answer:
        """What ``ask`` gives; asked again, after a while, for as long as its failure is one that may pass.

        Where it has become ``hopeless`` meanwhile, nothing is asked again.

        Raises:
            TemporaryError: the last failure; or the first whose server asks to wait longer than is patience.
            StoppedError: a stop was requested.
        """
        wait = self.first_wait
        for left in reversed(range(tries or self.tries)):
            stop.check()
            try:
                return ask()
            except TemporaryError as error:
                if error.wait is not None and error.wait > self.longest_wait:
                    reason = f"{error.reason} and asks to wait {error.wait:.0f} seconds, which is too long"
                    raise replace(error, reason=reason) from error
                if not left or hopeless():
                    raise
                # Jitter keeps many clients from coming back to a busy server in step.
                jittered = min(wait, self.longest_wait) * random.uniform(0.7, 1.3)
                stop.pause(jittered if error.wait is None else error.wait)
                wait *= 2
        raise AssertionError("a place is asked at least once")
