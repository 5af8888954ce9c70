"""Runs the real programs as a user would, in an environment that has nothing of this machine but PATH."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program left behind."""

    status: int
    stdout: str
    stderr: str

    def succeeded(self) -> Outcome:
        """Itself, or a failure of the test that shows all the program said."""
        assert self.status == 0, (
            f"exit status {self.status}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        )
        return self


@dataclass(frozen=True, slots=True)
class Program:
    """One program with its own home and mono cache, both inside ``home``."""

    executable: Path
    home: Path

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def environment(self) -> dict[str, str]:
        """PATH, a home and a cache of its own, a plain locale, no network settings; nothing else."""
        return {
            "PATH": os.pathsep.join([str(self.executable.parent), os.environ.get("PATH", os.defpath)]),
            "HOME": str(self.home),
            "MONO_CACHE": str(self.cache),
            "LC_ALL": "C.UTF-8",
        }

    def __call__(
        self,
        *arguments: str | Path,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        timeout: float = 600,
    ) -> Outcome:
        """Run with ``arguments`` in ``folder`` to the end."""
        done = subprocess.run(
            [self.executable, *map(str, arguments)],
            cwd=folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="strict",
            timeout=timeout,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)
