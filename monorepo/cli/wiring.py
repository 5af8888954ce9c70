"""The real adapters, each imported when a command needs it. Only here are ports and adapters joined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from monorepo.cli.talk import Talk
from monorepo.ports import Git, Http, Processes, Team, Workers


@contextmanager
def http() -> Iterator[Http]:
    """http and https; connections are given up at the end."""
    from monorepo.adapters.http import HttpClient

    with HttpClient() as client:
        yield client


@contextmanager
def opened(cache: Path, talk: Talk, *, offline: bool = False) -> Iterator[tuple[Http, Git]]:
    """http and git while ``cache`` is in use, so that nobody removes from it."""
    from monorepo.cache.use import in_use

    with in_use(cache, lambda: talk.say("waiting for another mono that removes from the cache")):
        if offline:
            from monorepo.fetch.offline import NoHttp

            yield NoHttp(), git(cache).without_network()
            return
        with http() as client:
            yield client, git(cache)


def git(cache: Path) -> Git:
    """git, with its bare clones below ``cache``."""
    from monorepo.adapters.git import GitClones

    return GitClones(cache)


def processes(*, capture: bool = False) -> Processes:
    """Other programs, whose output goes straight to the terminal, or is kept."""
    from monorepo.adapters.processes import SystemProcesses

    return SystemProcesses(capture=capture)


class _Processes:
    """`monorepo.ports.Workers`, imported when there is something to do."""

    def team(self, held: int) -> AbstractContextManager[Team]:
        from monorepo.adapters.workers import ProcessWorkers

        return ProcessWorkers().team(held)


def workers() -> Workers:
    """Processes, one on each processor."""
    return _Processes()
