"""Brings every archive and commit of a lock into the cache, verified, or says why each could not be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from monorepo.errors import FetchError, MonoError, NowhereError, UnreachedError, refuse_failed
from monorepo.fetch.archives import ArchiveCache
from monorepo.fetch.arrivals import Arrivals, Arrived, Fetched
from monorepo.fetch.bringing import Bringer, Brought
from monorepo.fetch.checksums import Checksum
from monorepo.fetch.heritage import Heritage
from monorepo.fetch.parallel import Stop, Turns, in_parallel, taking_turns
from monorepo.fetch.patience import Patience
from monorepo.fetch.places import (
    Document,
    documents_of,
    git_address,
    host_of,
    packages_and,
    places_of,
)
from monorepo.fetch.progress import Progress
from monorepo.lock.model import LockedSource
from monorepo.ports import Git, Http

_AT_A_TIME = 16
_FROM_ONE_HOST = 8
_THREADS = 2 * _AT_A_TIME  # while one waits for its turn with a busy host, another goes to a free one


def fetch(
    sources: Sequence[LockedSource],
    mirrors: Sequence[str],
    cache: Path,
    http: Http,
    git: Git,
    progress: Progress,
    *,
    software_heritage: str = "",
    compared: bool = False,
    threads: int = _THREADS,
    patience: Patience | None = None,
    arrived: Arrived | None = None,
) -> Fetched:
    """Bring all of ``sources`` into ``cache``; every listed checksum of every file is verified.

    Each archive is looked for in the cache, then on ``mirrors`` by checksum, then at its url, then on its
    own mirrors; last, where it has an SWHID, at ``software_heritage`` (the base url of such an interface,
    empty for none). One that is unverified is asked for at its own urls, whatever the cache has; what these
    gave last will do as well where its recorded tree is ``compared`` afterwards. git commits are fetched into
    bare clones. At most 16 things are fetched at a time, and 8 of them from one host. ``arrived`` hears of
    each source that is complete.

    Raises:
        FetchError: something could not be had from any place. Everything else was still tried (and is in the
            cache); the details name every failure, place by place.
    """
    patience = patience or Patience()
    archives = ArchiveCache(cache)
    turns = Turns(_AT_A_TIME, _FROM_ONE_HOST)
    heritage = Heritage(software_heritage, archives, http, patience, progress) if software_heritage else None
    bringer = Bringer(archives, http, tuple(mirrors), heritage, patience, progress, turns, compared)
    arrivals = Arrivals(sources, arrived or _nobody)

    def bring(wanted: Document | LockedSource, stop: Stop) -> Brought | None:
        if isinstance(wanted, Document):
            brought = bringer.bring(wanted, stop)
            progress.finished(wanted.name)
            arrivals.document(wanted, brought.document.checksums, brought.path)
            return brought
        with turns.turn(host_of(wanted.url), stop):
            _bring_commit(wanted, git)
        progress.finished(wanted.directory)
        arrivals.commit(wanted.url, wanted.commit or "")
        return None

    def host(wanted: Document | LockedSource) -> str:
        """Whom it is asked of first."""
        if isinstance(wanted, Document):
            return next((place.host for place in places_of(wanted, mirrors)), "")
        return host_of(wanted.url)

    commits = {(source.url, source.commit): source for source in sources if source.commit}.values()
    wanted: list[Document | LockedSource] = taking_turns([*commits, *documents_of(sources)], host)
    progress.started("fetching", len(wanted))
    outcomes = in_parallel(bring, wanted, threads)
    errors = [error for error in outcomes if isinstance(error, MonoError)]
    refuse_failed(errors, len(wanted))
    brought = [outcome for outcome in outcomes if isinstance(outcome, Brought)]
    return Fetched(
        paths={one.document.checksums: one.path for one in brought},
        downloaded=sum(one.received is not None for one in brought),
        received=sum(one.received or 0 for one in brought),
        notes=tuple(sorted({note for one in brought for note in one.notes})),
    )


def _nobody(source: LockedSource, paths: Mapping[tuple[Checksum, ...], Path]) -> None:
    """Nobody waits for single sources."""


def _bring_commit(source: LockedSource, git: Git) -> None:
    try:
        git.objects(git_address(source.url), source.commit or "")
    except MonoError as error:
        host = host_of(source.url) if isinstance(error, UnreachedError) else ""
        raise NowhereError(
            f"{source.url} at {source.commit}: {error.reason}",
            place=packages_and(source),
            hint=error.hint or "check the address and the network, or lock again",
            details=error.details,
            source=source.directory,
            failures=(FetchError(error.reason, source.url, error.hint, host=host),),
        ) from error
