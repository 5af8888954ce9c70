"""Archives without any checksum, which the user allows by name: fetched, and pinned by what came.

Nothing says of such an archive what it must be until its tree is recorded in the lock. So it is asked for
whenever its directory is made. What its url gave last is remembered in the cache, and stands in where that
gives nothing now; but only for a source whose recorded tree tells afterwards that it is the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from monorepo.errors import FetchError, NowhereError, TemporaryError, refuse_failed, without_logins
from monorepo.fetch.archives import ArchiveCache
from monorepo.fetch.bringing import body_of
from monorepo.fetch.checksums import Checksum
from monorepo.fetch.parallel import Stop
from monorepo.fetch.patience import Patience
from monorepo.fetch.places import SWHID_URL, packages_and
from monorepo.fetch.progress import Progress
from monorepo.lock.model import LockedSource
from monorepo.ports import Http

_BLOCK = 1 << 18


def pin_unverified(
    sources: Sequence[LockedSource],
    cache: Path,
    http: Http,
    progress: Progress,
    patience: Patience | None = None,
    *,
    compared: bool = False,
) -> tuple[tuple[LockedSource, ...], tuple[str, ...]]:
    """``sources``, each unverified one with the checksum of what its url gives now, which is in the cache.

    Where the trees that are recorded of them are ``compared`` afterwards, what it gave last will do as well;
    that is told in notes, which are given too.

    Raises:
        FetchError: some could not be had, neither from their urls nor from their mirrors.
    """
    wanted = sum(source.unverified for source in sources)
    if not wanted:
        return tuple(sources), ()
    progress.started("pinning", wanted)
    patience, archives = patience or Patience(), ArchiveCache(cache)
    pinned: list[LockedSource] = []
    errors: list[FetchError] = []
    notes: list[str] = []
    for source in sources:
        try:
            pinned.append(_pinned(source, archives, http, patience) if source.unverified else source)
        except NowhereError as error:
            last = archives.given_last(source.url) if compared and source.tree else None
            if last is None:
                errors.append(error)
                continue
            pinned.append(replace(source, checksums=(str(last),)))
            notes.append(without_logins(f"{source.url} could not be had: what it gave last is taken"))
            progress.noted(notes[-1])
        if source.unverified:
            progress.finished(source.directory)
    refuse_failed(errors, len(sources))
    return tuple(pinned), tuple(notes)


def _pinned(source: LockedSource, cache: ArchiveCache, http: Http, patience: Patience) -> LockedSource:
    failures: list[FetchError] = []
    for url in (url for url in (source.url, *source.mirrors) if not url.startswith(SWHID_URL)):
        with TemporaryFile() as file:
            try:
                checksum = patience.ask(partial(_receive, url, http, file), Stop())
            except FetchError as error:
                failures.append(error)
                continue
            with cache.bringing((checksum,)) as entry:
                if cache.find((checksum,)) is None:
                    file.seek(0)
                    entry.begin(url, "")
                    with entry.adding() as add:
                        while block := file.read(_BLOCK):
                            add(block)
                    entry.keep()
            cache.remember(source.url, checksum)
            return replace(source, checksums=(str(checksum),))
    raise NowhereError(
        "its source could not be had, and without a checksum nothing else can stand in for it",
        place=packages_and(source),
        hint="check the network",
        details=tuple(map(str, failures)),
        source=source.directory,
        failures=tuple(failures),
    )


def _receive(url: str, http: Http, file: IO[bytes]) -> Checksum:
    """Have in ``file`` all that ``url`` gives; its checksum."""
    file.seek(0)
    file.truncate()
    total = hashlib.sha256()
    with body_of(url, http) as body:
        for chunk in body.chunks():
            total.update(chunk)
            file.write(chunk)
    if body.length is not None and file.tell() != body.length:
        raise TemporaryError(f"the body ends after {file.tell()} of {body.length} bytes", place=url)
    return Checksum("sha256", total.hexdigest())
