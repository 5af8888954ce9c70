"""Answers that were proved before, kept in the cache by the problem they answer.

The same problem comes back more often than not: `mono lock --check` after `mono lock`, another branch and
back, every run in CI. What is remembered is replayed and certified like any other answer.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from overlays.stores.files import touch
from solver.optimise import Uses


class Answers:
    """`solver.optimise.Memory`, one file for each problem in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, problem: str) -> Uses | None:
        """The answer to ``problem`` (its digest); None where it is not known, or is damaged."""
        try:
            digest, _, uses = self._file(problem).read_text(encoding="ascii").partition("\n")
            if digest != _digest(problem, uses):
                return None
            touch(self._file(problem))
            return frozenset((candidate, platform) for candidate, platform in json.loads(uses))
        except (OSError, ValueError):
            return None

    def remember(self, problem: str, uses: Uses) -> None:
        """Keep an answer; a cache that cannot be written is done without."""
        text = json.dumps(sorted(uses))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside = self._folder / f"{problem}.{os.getpid()}"
            aside.write_text(f"{_digest(problem, text)}\n{text}", encoding="ascii")
            aside.replace(self._file(problem))
        except OSError:
            return

    def _file(self, problem: str) -> Path:
        return self._folder / f"{problem}.json"


def _digest(problem: str, text: str) -> str:
    return hashlib.sha256(f"{problem}\n{text}".encode("ascii")).hexdigest()
