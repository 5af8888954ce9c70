"""How a lock is made anew, beside that it is made to hold again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monorepo.states import States


@dataclass(frozen=True, slots=True)
class Renewal:
    """What is wished of a new lock; without any wish every locked version that can stay stays.

    So does the recorded state of git repositories and remote archives. That is otherwise with

    * ``upgrade``: all is chosen anew, from repositories as they are now;
    * ``update``: these packages become the newest that repositories have now, and others move for that alone;
    * ``lowest``: all is chosen anew, the lowest versions;
    * ``states``: git repositories are taken in older states, and all is chosen anew, unless ``update`` is
      given too.
    """

    upgrade: bool = False
    update: tuple[str, ...] = ()
    lowest: bool = False
    states: States | None = None


AS_LOCKED = Renewal()
"""Nothing is wished: all stays that can."""
