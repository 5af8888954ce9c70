"""`mono pull`: fetch what the lock names, and make duniverse/ of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from monorepo.duniverse import DUNIVERSE
from monorepo.duniverse.clashes import refuse_clashes
from monorepo.duniverse.state import Vendored
from monorepo.duniverse.swap import alone, repair
from monorepo.duniverse.vendor import plan, vendor
from monorepo.fetch.download import Patience, fetch
from monorepo.fetch.offline import NoHttp, refuse_missing
from monorepo.fetch.places import documents_of
from monorepo.fetch.progress import Progress, Silence
from monorepo.lock.itself import refuse_uncertified
from monorepo.lock.model import Lock
from monorepo.ports import Git, Http


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a pull did. ``made``, ``kept`` and ``removed`` are directories of duniverse/, sorted.

    ``archives`` counts the files that were wanted for them, ``downloaded`` those that were not in the cache,
    ``received`` their bytes; ``notes`` tells of places that were passed over.
    """

    made: tuple[str, ...]
    kept: tuple[str, ...]
    removed: tuple[str, ...] = ()
    archives: int = 0
    downloaded: int = 0
    received: int = 0
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.made and not self.removed:
            return f"duniverse/ is up to date ({_count(len(self.kept), 'source')})"
        parts = [f"{len(self.made)} made", f"{len(self.kept)} kept", f"{len(self.removed)} removed"]
        cached = self.archives - self.downloaded
        return (
            f"duniverse/ has {_count(len(self.made) + len(self.kept), 'source')} ({', '.join(parts)}); "
            f"{_count(self.downloaded, 'file')} fetched ({_size(self.received)}), {cached} from the cache"
        )


def pull(
    lock: Lock,
    project: Path,
    cache: Path,
    http: Http,
    git: Git,
    progress: Progress | None = None,
    *,
    force: bool = False,
    offline: bool = False,
    patience: Patience | None = None,
) -> PullReport:
    """Make ``project``/duniverse what ``lock`` says, by way of ``cache``.

    Nothing to do: no network, no writing. Otherwise the old duniverse stands until the new one is complete.
    A second pull at the same time waits for the first. ``offline`` takes everything from the cache and from
    this machine, and where something is lacking tells of all that is; ``force`` discards what was changed by
    hand.

    Raises:
        LockError: the lock breaks the formulas that it records of its own packages.
        FetchError: a source could not be had, verified or unpacked.
        DuniverseError: duniverse/ was changed by hand (and not ``force``), a source cannot be prepared, or
            dune would refuse what the sources and the roots define together.
    """
    progress = progress or Silence()
    if offline:
        http, git = NoHttp(), git.without_network()
    refuse_uncertified(lock)
    documents_of(lock.sources)  # whatever is not pinned is refused before anything else happens

    def check(folder: Path, directories: Mapping[str, Vendored]) -> None:
        refuse_clashes(lock, {name: one.shown for name, one in directories.items()}, folder, project)

    with alone(project, lambda: progress.noted("waiting for another mono pull of this project")):
        repair(project)
        todo = plan(lock.sources, project, force=force)
        if todo.nothing:
            check(project / DUNIVERSE, todo.kept)
            return PullReport((), tuple(sorted(todo.kept)))
        mirrors = archive_mirrors(lock.archive_mirrors, project)
        if offline:
            refuse_missing(todo.fresh, mirrors, cache, git)
        fetched = fetch(todo.fresh, mirrors, cache, http, git, progress, patience=patience)
        vendor(todo, project, fetched.paths, git, progress, check)
    return PullReport(
        made=tuple(sorted(source.directory for source in todo.fresh)),
        kept=tuple(sorted(todo.kept)),
        removed=todo.removed,
        archives=len(fetched.paths),
        downloaded=fetched.downloaded,
        received=fetched.received,
        notes=fetched.notes,
    )


def archive_mirrors(mirrors: Sequence[str], project: Path) -> tuple[str, ...]:
    """``mirrors`` as `fetch` takes them: a path without a scheme is relative to ``project``."""
    return tuple(mirror if "://" in mirror else str((project / mirror).absolute()) for mirror in mirrors)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _size(count: int) -> str:
    """Bytes in the unit that people read."""
    for unit, bytes_ in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= bytes_:
            return f"{count / bytes_:.1f} {unit}"
    return f"{count} bytes"
