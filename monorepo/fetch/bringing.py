"""One document into the cache: from the first place that has it, gone on with where it was cut off."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from builder.digest import sha256_of_file
from monorepo.errors import (
    AbsentError,
    FetchError,
    NowhereError,
    TemporaryError,
    hints_of,
    without_logins,
)
from monorepo.fetch.archives import ArchiveCache, Entry
from monorepo.fetch.checksums import Checksum, Verifier
from monorepo.fetch.heritage import Heritage, refusals
from monorepo.fetch.parallel import Stop, Turns
from monorepo.fetch.patience import Patience
from monorepo.fetch.places import ELSEWHERE, Document, Place, local_path, places_of
from monorepo.fetch.progress import Progress
from monorepo.fetch.tree import Limits
from monorepo.ports import Http, HttpBody

_BLOCK = 1 << 18
_MOST = Limits().bytes


@dataclass(frozen=True, slots=True)
class Brought:
    """``document`` is at ``path``; ``received`` counts bytes that came, None where it was in the cache."""

    document: Document
    path: Path
    received: int | None
    notes: tuple[str, ...] = ()


class _WrongBytesError(FetchError):
    """What came from a place is not what the lock says."""


@dataclass
class Bringer:
    """Brings documents, several at once; remembers who did not answer."""

    cache: ArchiveCache
    http: Http
    mirrors: tuple[str, ...]
    heritage: Heritage | None
    patience: Patience
    progress: Progress
    turns: Turns
    compared: bool
    answering: set[str] = field(default_factory=set)
    unanswering: dict[str, FetchError] = field(default_factory=dict)

    def bring(self, document: Document, stop: Stop) -> Brought:
        """``document``, from the cache or from the first place that has it, with its checksums.

        Raises:
            FetchError: no place has it as the lock says; the details tell of each.
            StoppedError: a stop was requested; what came so far stays.
        """
        if not document.checksums:
            return self._bring_unpinned(document, stop)
        path = self.cache.find(document.checksums)
        if path is None:
            with self.cache.bringing(document.checksums) as entry:
                path = self.cache.find(document.checksums)  # another process may have been faster
                if path is None:
                    return self._from_some_place(document, entry, stop)
        return Brought(document, path, None)

    def _bring_unpinned(self, document: Document, stop: Stop) -> Brought:
        """``document``, of which nothing says beforehand what it must be: so it is asked for in any case."""
        try:
            with self.cache.bringing(document.identity) as entry:
                brought = self._from_some_place(document, entry, stop)
        except NowhereError:
            last = self.cache.given_last(document.url) if self.compared and document.recorded else None
            if last is None:
                raise
            note = without_logins(f"{document.url} could not be had: what it gave last is taken")
            self.progress.noted(note)
            return Brought(replace(document, checksums=(last,)), self.cache.path((last,)), None, (note,))
        self.cache.remember(document.url, *brought.document.checksums)
        return brought

    def _from_some_place(self, document: Document, entry: Entry, stop: Stop) -> Brought:
        failures: list[tuple[Place, FetchError]] = []
        for place in places_of(document, self.mirrors):
            if place.mirror in self.unanswering:
                continue
            try:
                received = self._patiently(document, place, entry, stop)
            except FetchError as error:
                failures.append((place, error))
                if isinstance(error, TemporaryError) and (place.mirror or place.host not in self.answering):
                    self.unanswering[place.mirror or place.host] = error
                continue
            self.answering.add(place.host)
            notes = tuple(
                without_logins(f"passed over {passed.url}: {error.reason}")
                for passed, error in failures
                if not _is_no_news(passed, error)
            )
            for note in notes:
                self.progress.noted(note)
            came = _pinned(document, entry.part)
            return Brought(came, entry.keep(self.cache.path(came.checksums)), received, notes)
        return self._from_heritage(document, failures, stop)

    def _patiently(self, document: Document, place: Place, entry: Entry, stop: Stop) -> int:
        def ask() -> int:
            with self.turns.turn(place.host, stop):
                return self._once(document, place.url, entry, stop)

        def hopeless() -> bool:
            """Whether somebody else has been as patient with that host, to no avail."""
            return (place.mirror or place.host) in self.unanswering

        tries = min(2, self.patience.tries) if place.mirror else self.patience.tries
        return self.patience.ask(ask, stop, tries, hopeless)

    def _once(self, document: Document, url: str, entry: Entry, stop: Stop) -> int:
        """Take what is missing of ``document`` from ``url``; the count of bytes that came."""
        verifier = Verifier(document.checksums)
        validator = entry.validator(url)
        present = entry.read_into(verifier)
        if not document.checksums:
            present = present if validator else 0  # nothing else tells that what comes goes on with it
        elif present and not verifier.mismatches():
            return 0  # the process ended between the last byte and putting the file in its place
        received = 0
        with body_of(url, self.http, start=present, validator=validator) as body:
            start = body.start
            _refuse_too_much(body.length or 0, url, entry)
            if start != present or not present:
                entry.begin(url, body.validator)
                verifier = Verifier(document.checksums)
            with entry.adding() as add:
                for chunk in body.chunks():
                    stop.check()
                    verifier.feed(chunk)
                    add(chunk)
                    received += len(chunk)
                    _refuse_too_much(start + received, url, entry)
                    self.progress.advanced(document.name, start + received, body.length)
            if body.length is not None and start + received < body.length:
                came = start + received
                raise TemporaryError(f"the body ends after {came} of {body.length} bytes", place=url)
        mismatches = verifier.mismatches()
        if not mismatches:
            return received
        entry.discard()
        if start:  # perhaps the part was damaged, or of something else: the whole document tells
            return received + self._once(document, url, entry, stop)
        wrong = mismatches[0]  # one is enough to tell by
        reason = f"wrong checksum, expected {wrong.expected}, got {wrong.actual} ({received} bytes)"
        raise _WrongBytesError(reason, place=url)

    def _from_heritage(
        self, document: Document, failures: Sequence[tuple[Place, FetchError]], stop: Stop
    ) -> Brought:
        asked = {place.mirror for place, _ in failures}
        unasked = [one for one in self.mirrors if one in self.unanswering and one not in asked]
        answers = [error for place, error in failures if not _is_no_news(place, error)]
        answers += [self.unanswering[mirror] for mirror in unasked]
        reasons = list(_told_once(failures))
        reasons += [f"{mirror}: not asked again, as it did not answer before" for mirror in unasked]
        if self.heritage is None:
            reasons += refusals(document.swhids)
        else:
            for swhid in document.swhids:
                try:
                    path, received = self.heritage.bring(swhid, document.name, stop)
                except FetchError as error:
                    reasons.append(f"{error.place}: {error.reason}")
                    answers.append(error)
                    continue
                note = without_logins(
                    f"{document.name} is from Software Heritage, as {swhid}: {document.url} could not be had"
                )
                self.progress.noted(note)
                return Brought(document, path, received, (note,))
        raise _nowhere(document, failures, answers, reasons)


def _pinned(document: Document, path: Path) -> Document:
    """``document`` with checksums: that of what came, which is at ``path``, where it had none."""
    if document.checksums:
        return document
    return replace(document, checksums=(Checksum("sha256", sha256_of_file(os.fsencode(path))),))


@dataclass(frozen=True, slots=True)
class _File:
    """A file of this machine as `monorepo.ports.HttpBody`; it is read anew from its start."""

    file: BinaryIO
    start: int = 0
    length: None = None
    validator: str = ""

    def chunks(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(_BLOCK), b"")


@contextmanager
def body_of(url: str, http: Http, *, start: int = 0, validator: str = "") -> Iterator[HttpBody]:
    """What is at ``url``; `monorepo.ports.Http.stream` for files of this machine as well.

    Raises:
        FetchError: it could not be had.
    """
    path = local_path(url)
    if path is None:
        with http.stream(url, start=start, validator=validator) as body:
            yield body
        return
    with _opened(path, url) as file:
        yield _File(file)


def _opened(path: Path, url: str) -> BinaryIO:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FetchError("it is no plain file", place=url)  # it might never end, or never begin
        return path.open("rb")
    except FileNotFoundError as error:
        raise AbsentError("there is no such file", place=url) from error
    except OSError as error:
        raise FetchError(error.strerror or "cannot be read", place=url) from error


def _refuse_too_much(count: int, url: str, entry: Entry) -> None:
    if count > _MOST:
        entry.discard()
        raise FetchError(f"it has more than {_MOST} bytes, which is refused", place=url)


def _is_no_news(place: Place, error: FetchError) -> bool:
    """No mirror has everything."""
    return place.mirror is not None and isinstance(error, AbsentError)


def _told_once(failures: Sequence[tuple[Place, FetchError]]) -> Iterator[str]:
    """What each place answered; of a mirror, which is asked by each checksum, the same answer once."""
    told: set[tuple[str, str]] = set()
    for place, error in failures:
        who = place.mirror or place.url
        if (who, error.reason) not in told:
            told.add((who, error.reason))
            yield f"{place.url}: {error.reason}"


def _nowhere(
    document: Document,
    failures: Sequence[tuple[Place, FetchError]],
    answers: Sequence[FetchError],
    reasons: Sequence[str],
) -> NowhereError:
    """Nothing gave ``document``: its places failed with ``failures``, and these are all the ``reasons``."""
    errors = [error for asked, error in failures if not asked.mirror]
    damaged = [asked.mirror for asked, error in failures if isinstance(error, _WrongBytesError)]
    outcome = "could not be had"
    hint = hints_of(errors) or ELSEWHERE
    if any(isinstance(error, _WrongBytesError) for error in errors):
        outcome = "is not what the lock says"
        hint = (
            "the release was replaced, or something on the way changes it: do not use it unseen; "
            "compare it with its author's word, then lock again"
        )
    elif damaged:
        hint = f"what the mirror {damaged[0]} has under that checksum is damaged: mend it, or try without it"
    elif not document.checksums:
        outcome = "could not be had, and without a checksum nothing else can stand in for it"
        hint = hints_of(errors) or "check the network"
    directory, _, file = document.name.partition("/")
    return NowhereError(
        f"its {f'file {file}' if file else 'source'} {outcome}",
        ", ".join(document.packages) or document.name,
        hint,
        tuple(reasons),
        source=directory,
        failures=tuple(answers),
    )
