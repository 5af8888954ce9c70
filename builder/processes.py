"""Runs other programs; the only place of the builder that does."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.errors import ToolError

UMASK = 0o022


@dataclass(frozen=True, slots=True)
class Completed:
    """What became of a process: its exit status, and what it said on both channels in the order of saying."""

    status: int
    output: str


def run(
    arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], umask: int = UMASK
) -> Completed:
    """Run a program to its end, with this environment and no other, and nothing to read.

    Raises:
        ToolError: the program cannot be started.
    """
    try:
        completed = subprocess.run(
            list(arguments),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            umask=umask,
            check=False,
        )
    except OSError as error:
        raise ToolError(f"cannot be started ({error.strerror})", place=arguments[0]) from error
    return Completed(completed.returncode, completed.stdout.decode("utf-8", errors="replace"))
