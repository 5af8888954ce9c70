"""`mono pull`: fetch what the lock names, and make duniverse/ of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from monorepo.duniverse import DUNIVERSE
from monorepo.duniverse.clashes import refuse_clashes
from monorepo.duniverse.placing import LinkMode
from monorepo.duniverse.recording import (
    Recorded,
    comparable,
    record_trees,
    refuse_other_trees,
    unrecorded,
)
from monorepo.duniverse.state import Vendored
from monorepo.duniverse.swap import alone, repair
from monorepo.duniverse.vendor import Bring, Means, plan, prepare_aside, vendor
from monorepo.errors import FetchError
from monorepo.fetch.archives import ArchiveCache
from monorepo.fetch.arrivals import Arrived, Fetched
from monorepo.fetch.places import archive_mirrors, documents_of, packages_and
from monorepo.fetch.progress import Progress, Silence
from monorepo.lock.itself import refuse_uncertified
from monorepo.lock.model import Lock, LockedSource
from monorepo.lock.writer import clear_aside
from monorepo.ports import Git, Http, Workers

if TYPE_CHECKING:
    from monorepo.fetch.patience import Patience
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a pull did. ``made``, ``kept`` and ``removed`` are directories of duniverse/, sorted.

    ``archives`` counts the files that were wanted for them, ``downloaded`` those that were not in the cache,
    ``received`` their bytes; ``recorded`` counts the trees that mono.lock did not have before; ``hidden``
    are, by directory, packages of which a source's own copies were hidden; ``notes`` tells of places that
    were passed over, and of what could not be recorded.
    """

    made: tuple[str, ...]
    kept: tuple[str, ...]
    removed: tuple[str, ...] = ()
    archives: int = 0
    downloaded: int = 0
    received: int = 0
    recorded: int = 0
    hidden: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def pull(
    lock: Lock,
    project: Path,
    cache: Path,
    http: Http,
    git: Git,
    workers: Workers,
    progress: Progress | None = None,
    *,
    link_mode: LinkMode | None = None,
    force: bool = False,
    offline: bool = False,
    patience: Patience | None = None,
) -> PullReport:
    """Make ``project``/duniverse what ``lock`` says, by way of ``cache``.

    Nothing to do: no network, no writing. Otherwise the old duniverse stands until the new one is complete.
    What the sources became is held against the trees that ``lock`` records, and written into the project's
    mono.lock where it has none yet.
    A second pull at the same time waits for the first. Sources that the cache has prepared are placed from
    there, by ``link_mode`` or as cheaply as can be; nothing is fetched for them. ``offline`` takes everything
    from the cache and from this machine, and where something is lacking tells of all that is; ``force``
    discards what was changed by hand.

    Raises:
        LockError: the lock breaks the formulas that it records of its own packages.
        FetchError: a source could not be had, verified or unpacked.
        DuniverseError: duniverse/ was changed by hand (and not ``force``), a source cannot be prepared or is
            not what the lock records, or dune would refuse what the sources and the roots define together.
    """
    progress = progress or Silence()
    if offline:
        http, git = _offline(git)
    refuse_uncertified(lock)
    # Whatever is not pinned, and not allowed to be so, is refused before anything else happens.
    documents_of(lock.sources)

    def check(folder: Path, directories: Mapping[str, Vendored]) -> None:
        refuse_other_trees(lock, _trees(directories))
        refuse_clashes(lock, {name: one.shown for name, one in directories.items()}, folder, project)

    with _alone(project, progress) as held:
        repair(project)
        clear_aside(project)
        todo = plan(lock, project, force=force)
        if todo.nothing:
            check(project / DUNIVERSE, todo.kept)
            recorded = record_trees(lock, project, _trees(todo.kept))
            _tell(recorded.notes, progress)
            kept = tuple(sorted(todo.kept))
            return PullReport((), kept, recorded=recorded.trees, notes=recorded.notes)
        bring = _bringing(lock, project, cache, http, git, progress, patience, offline=offline)
        means = Means(cache, link_mode, git, workers, held, progress)
        vendoring = vendor(todo, lock, project, means, bring, check)
        fetched = vendoring.fetched
        recorded = record_trees(lock, project, _trees(vendoring.directories))
        _tell(recorded.notes, progress)
    return PullReport(
        made=tuple(sorted(source.directory for source in todo.fresh)),
        kept=tuple(sorted(todo.kept)),
        removed=todo.removed,
        archives=len(documents_of(todo.fresh)),
        downloaded=fetched.downloaded,
        received=fetched.received,
        recorded=recorded.trees,
        hidden={name: one.without for name, one in vendoring.directories.items() if one.without},
        notes=(*fetched.notes, *recorded.notes),
    )


def _trees(directories: Mapping[str, Vendored]) -> dict[str, str]:
    return {name: vendored.recorded for name, vendored in directories.items()}


def _tell(notes: Sequence[str], progress: Progress) -> None:
    for note in notes:
        progress.noted(note)


def fetch_trees(
    lock: Lock,
    project: Path,
    cache: Path,
    http: Http,
    git: Git,
    workers: Workers,
    progress: Progress,
    *,
    offline: bool = False,
) -> Recorded:
    """Fetch and prepare, away from duniverse/, what ``lock`` has no tree of, and record it in mono.lock.

    ``offline`` is as with `pull`.

    Raises:
        FetchError, DuniverseError: a source cannot be had or prepared; mono.lock stays as it was.
    """
    wanted = unrecorded(lock)
    if not wanted:
        return Recorded()
    if offline:
        http, git = _offline(git)
    with _alone(project, progress) as held:
        bring = _bringing(lock, project, cache, http, git, progress, offline=offline)
        means = Means(cache, None, git, workers, held, progress)
        recorded = record_trees(lock, project, _trees(prepare_aside(wanted, project, means, bring)))
    _tell(recorded.notes, progress)
    return recorded


def fetch_unverified(
    lock: Lock,
    project: Path,
    cache: Path,
    http: Http,
    git: Git,
    workers: Workers,
    progress: Progress,
    *,
    patience: Patience | None = None,
) -> tuple[LockedSource, ...]:
    """The sources of ``lock``, those without a checksum with that of an archive which is now in ``cache``.

    Each of these was prepared, away from duniverse/, and is what ``lock`` records.

    Raises:
        FetchError: ``lock`` has no tree of one, or it cannot be had.
        DuniverseError: one cannot be prepared, or is not what ``lock`` records.
    """
    wanted = [source for source in lock.sources if source.unverified]
    unknown = wanted if not comparable(lock) else [source for source in wanted if not source.tree]
    if unknown:
        raise FetchError(
            "without a checksum nothing tells what it is, as mono.lock has no tree of it",
            ", ".join(map(packages_and, unknown)),
            "run mono lock --fetch, which records it",
        )
    if not wanted:
        return lock.sources
    with _alone(project, progress) as held:
        bring = _bringing(lock, project, cache, http, git, progress, patience)
        means = Means(cache, None, git, workers, held, progress)
        refuse_other_trees(lock, _trees(prepare_aside(wanted, project, means, bring)))
    given = {source.directory: ArchiveCache(cache).given_last(source.url) for source in wanted}
    return tuple(
        replace(source, checksums=(str(given[source.directory]),)) if source.unverified else source
        for source in lock.sources
    )


def _alone(project: Path, progress: Progress) -> AbstractContextManager[int]:
    return alone(project, lambda: progress.noted("waiting for another mono pull of this project"))


def _offline(git: Git) -> tuple[Http, Git]:
    from monorepo.fetch.offline import NoHttp

    return NoHttp(), git.without_network()


def _bringing(
    lock: Lock,
    project: Path,
    cache: Path,
    http: Http,
    git: Git,
    progress: Progress,
    patience: Patience | None = None,
    *,
    offline: bool = False,
) -> Bring:
    mirrors = archive_mirrors(lock.archive_mirrors, project)

    def bring(sources: Sequence[LockedSource], arrived: Arrived) -> Fetched:
        from monorepo.fetch.download import fetch

        if offline:
            from monorepo.fetch.offline import refuse_missing

            refuse_missing(
                sources,
                mirrors,
                cache,
                git,
                software_heritage=lock.software_heritage,
                compared=comparable(lock),
            )
        return fetch(
            sources,
            mirrors,
            cache,
            http,
            git,
            progress,
            software_heritage=lock.software_heritage,
            compared=comparable(lock),
            patience=patience,
            arrived=arrived,
        )

    return bring
