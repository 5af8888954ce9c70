"""The real adapters, each imported when a command needs it. Only here are ports and adapters joined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monorepo.ports import Git, Http, Processes, Workers


@contextmanager
def http() -> Iterator[Http]:
    """http and https; connections are given up at the end."""
    from monorepo.adapters.http import HttpClient

    with HttpClient() as client:
        yield client


def git(cache: Path) -> Git:
    """git, with its bare clones below ``cache``."""
    from monorepo.adapters.git import GitClones

    return GitClones(cache)


def processes() -> Processes:
    """Other programs, whose output goes straight to the terminal."""
    from monorepo.adapters.processes import SystemProcesses

    return SystemProcesses()


def workers() -> Workers:
    """Processes, one on each processor."""
    from monorepo.adapters.workers import ProcessWorkers

    return ProcessWorkers()
