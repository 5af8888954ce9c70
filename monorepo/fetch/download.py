"""Brings every archive and commit of a lock into the cache, verified, or says why each could not be had."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from monorepo.errors import AbsentError, FetchError, MonoError, TemporaryError
from monorepo.fetch.archives import ArchiveCache, Entry
from monorepo.fetch.arrivals import Arrivals, Arrived
from monorepo.fetch.checksums import Checksum, Mismatch, Verifier
from monorepo.fetch.parallel import Stop, in_parallel
from monorepo.fetch.places import (
    Document,
    Place,
    documents_of,
    git_address,
    local_path,
    packages_and,
    places_of,
)
from monorepo.fetch.progress import Progress
from monorepo.lock.model import LockedSource
from monorepo.ports import Git, Http

_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to ask one place, and how long to wait (seconds; doubled each time) where it may help."""

    tries: int = 4
    first_wait: float = 0.3
    longest_wait: float = 30.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch brought.

    ``paths`` has the cached file of each set of checksums; ``downloaded`` counts files that were not in the
    cache, ``received`` their bytes; ``notes`` tells of places that were passed over.
    """

    paths: Mapping[tuple[Checksum, ...], Path]
    downloaded: int = 0
    received: int = 0
    notes: tuple[str, ...] = ()


def fetch(
    sources: Sequence[LockedSource],
    mirrors: Sequence[str],
    cache: Path,
    http: Http,
    git: Git,
    progress: Progress,
    *,
    threads: int = 16,
    patience: Patience | None = None,
    arrived: Arrived | None = None,
) -> Fetched:
    """Bring all of ``sources`` into ``cache``; every listed checksum of every file is verified.

    Each archive is looked for in the cache, then on ``mirrors`` by checksum, then at its url, then on its
    own mirrors. git commits are fetched into bare clones. ``arrived`` hears of each source that is complete.

    Raises:
        FetchError: something could not be had from any place. Everything else was still tried (and is in the
            cache); the details name every failure, place by place.
    """
    documents = documents_of(sources)
    commits = list({(source.url, source.commit): source for source in sources if source.commit}.values())
    downloader = _Downloader(ArchiveCache(cache), http, tuple(mirrors), patience or Patience(), progress)

    arrivals = Arrivals(sources, arrived or _nobody)

    def bring(wanted: Document | LockedSource, stop: Stop) -> _Brought | None:
        if isinstance(wanted, Document):
            brought = downloader.bring(wanted, stop)
            arrivals.document(brought.document.checksums, brought.path)
            return brought
        _bring_commit(wanted, git, progress)
        arrivals.commit(wanted.url, wanted.commit or "")
        return None

    wanted: list[Document | LockedSource] = [*commits, *documents]
    progress.started("fetching", len(wanted))
    outcomes = in_parallel(bring, wanted, threads)
    raise_together(
        "sources could not be fetched", [error for error in outcomes if isinstance(error, MonoError)]
    )
    brought = [outcome for outcome in outcomes if isinstance(outcome, _Brought)]
    return Fetched(
        paths={one.document.checksums: one.path for one in brought},
        downloaded=sum(one.received is not None for one in brought),
        received=sum(one.received or 0 for one in brought),
        notes=tuple(sorted({note for one in brought for note in one.notes})),
    )


def _nobody(source: LockedSource, paths: Mapping[tuple[Checksum, ...], Path]) -> None:
    """Nobody waits for single sources."""


def raise_together(what: str, errors: Sequence[MonoError]) -> None:
    """Raise nothing for no error, a single one as it is, and one that tells of all for several."""
    if not errors:
        return
    if len(errors) == 1:
        raise errors[0]
    lines = [line for error in errors for line in (str(error), *(f"  {detail}" for detail in error.details))]
    hints = dict.fromkeys(error.hint for error in errors if error.hint)
    raise type(errors[0])(f"{len(errors)} {what}", hint="; ".join(hints), details=tuple(lines))


@dataclass(frozen=True, slots=True)
class _Brought:
    document: Document
    path: Path
    received: int | None  # bytes; None where it was in the cache
    notes: tuple[str, ...] = ()


class _WrongBytesError(FetchError):
    """What came from a place is not what the lock says."""


@dataclass
class _Downloader:
    cache: ArchiveCache
    http: Http
    mirrors: tuple[str, ...]
    patience: Patience
    progress: Progress
    down: set[str] = field(default_factory=set)

    def bring(self, document: Document, stop: Stop) -> _Brought:
        path = self.cache.find(document.checksums)
        if path is None:
            with self.cache.bringing(document.checksums) as entry:
                path = self.cache.find(document.checksums)  # another process may have been faster
                if path is None:
                    brought = self._from_some_place(document, entry, stop)
                    self.progress.finished(document.name)
                    return brought
        self.progress.finished(document.name)
        return _Brought(document, path, None)

    def _from_some_place(self, document: Document, entry: Entry, stop: Stop) -> _Brought:
        failures: list[tuple[Place, FetchError]] = []
        for place in places_of(document, self.mirrors):
            if place.mirror in self.down:
                continue
            try:
                received = self._patiently(document, place, entry, stop)
            except FetchError as error:
                failures.append((place, error))
                if place.mirror and isinstance(error, TemporaryError):
                    self.down.add(place.mirror)
                continue
            notes = tuple(
                f"passed over {passed.url}: {error.reason}"
                for passed, error in failures
                if not passed.mirror or not isinstance(error, AbsentError)  # no mirror has everything
            )
            for note in notes:
                self.progress.noted(note)
            return _Brought(document, entry.keep(), received, notes)
        skipped = [mirror for mirror in self.mirrors if mirror in self.down]
        raise _nowhere(document, failures, skipped)

    def _patiently(self, document: Document, place: Place, entry: Entry, stop: Stop) -> int:
        wait = self.patience.first_wait
        tries = min(2, self.patience.tries) if place.mirror else self.patience.tries
        for attempt in range(1, tries + 1):
            stop.check()
            try:
                return self._once(document, place.url, entry, stop)
            except TemporaryError as error:
                if attempt == tries:
                    raise
                # Jitter keeps many clients from coming back to a busy server in step.
                pause = error.wait if error.wait is not None else wait * random.uniform(0.7, 1.3)
                stop.pause(min(pause, self.patience.longest_wait))
                wait *= 2
        raise AssertionError("a place is asked at least once")

    def _once(self, document: Document, url: str, entry: Entry, stop: Stop) -> int:
        verifier = Verifier(document.checksums)
        received = 0

        def fill(file: BinaryIO) -> None:
            nonlocal received
            with body_of(url, self.http) as (length, chunks):
                for chunk in chunks:
                    stop.check()
                    verifier.feed(chunk)
                    file.write(chunk)
                    received += len(chunk)
                    self.progress.advanced(document.name, received, length)
                if length is not None and received != length:
                    raise TemporaryError(f"the body ends after {received} of {length} bytes", place=url)

        entry.write(fill)
        mismatches = verifier.mismatches()
        if mismatches:
            raise _WrongBytesError(
                f"wrong checksum, {_compare(mismatches)} ({received} bytes)",
                place=url,
            )
        return received


@contextmanager
def body_of(url: str, http: Http) -> Iterator[tuple[int | None, Iterator[bytes]]]:
    """The length, where it is told beforehand, and the bytes of what is at ``url``.

    Raises:
        FetchError: it could not be had.
    """
    path = local_path(url)
    if path is None:
        with http.stream(url) as body:
            yield body.length, body.chunks()
        return
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise AbsentError("there is no such file", place=url) from error
    except OSError as error:
        raise FetchError(error.strerror or "cannot be read", place=url) from error
    with file:
        yield None, iter(lambda: file.read(_BLOCK), b"")


def _bring_commit(source: LockedSource, git: Git, progress: Progress) -> None:
    try:
        git.objects(git_address(source.url), source.commit or "")
    except MonoError as error:
        raise FetchError(
            f"{source.url} at {source.commit}: {error.reason}",
            place=packages_and(source),
            hint=error.hint,
            details=error.details,
        ) from error
    progress.finished(source.directory)


def _compare(mismatches: Sequence[Mismatch]) -> str:
    return "; ".join(f"expected {mismatch.expected}, got {mismatch.actual}" for mismatch in mismatches)


def _nowhere(
    document: Document, failures: Sequence[tuple[Place, FetchError]], skipped: Sequence[str]
) -> FetchError:
    lied = any(isinstance(error, _WrongBytesError) for place, error in failures if not place.mirror)
    details = [f"{place.url}: {error.reason}" for place, error in failures]
    asked = {place.mirror for place, _ in failures}
    details += [
        f"{mirror}: not asked again, as it did not answer before" for mirror in skipped if mirror not in asked
    ]
    reason = f"{document.url} is not what the lock says" if lied else f"{document.url} could not be had"
    hint = (
        "the release was replaced, or something on the way changes it: do not use it unseen; "
        "compare it with its author's word, then lock again"
        if lied
        else "check the network, or add a mirror that has it under [mirrors] in mono.toml"
    )
    return FetchError(
        reason, place=", ".join(document.packages) or document.name, hint=hint, details=tuple(details)
    )
