"""The one effect this room asks for from outside: reading objects of a git repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class GitObjects(Protocol):
    """A git repository on disk, read by commit, without a work tree."""

    def files(self, commit: str, folder: str) -> Mapping[str, str]:
        """Every file below ``folder`` at ``commit``: path from the top of the tree to blob id.

        Symbolic links and submodules are left out. An absent folder has no files.
        """

    def blob(self, identifier: str) -> bytes:
        """The bytes of one blob."""
