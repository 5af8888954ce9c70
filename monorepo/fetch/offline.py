"""Doing without the network: what is lacking is told all at once, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from monorepo.errors import FetchError, RepositoryError
from monorepo.fetch.archives import ArchiveCache
from monorepo.fetch.places import (
    WAYS,
    Document,
    documents_of,
    folder_of,
    git_address,
    local_path,
    packages_and,
    places_of,
)
from monorepo.lock.model import LockedSource
from monorepo.ports import Git, HttpBody


class NoHttp:
    """`monorepo.ports.Http` that asks nobody."""

    def stream(self, url: str, *, start: int = 0, validator: str = "") -> AbstractContextManager[HttpBody]:
        raise _not_asked(url)

    def post(self, url: str) -> AbstractContextManager[HttpBody]:
        raise _not_asked(url)


def _not_asked(url: str) -> FetchError:
    return FetchError("not asked, as mono is offline", place=url, hint=WAYS)


@dataclass(frozen=True, slots=True)
class Missing:
    """A file or commit that is nowhere on this machine.

    Args:
        packages: those that want it.
        url: where it could be had.
        pin: what it must be: a checksum, or ``commit`` and its id.
        size: bytes, None where that is not known.
        reason: why it cannot be had.
    """

    packages: str
    url: str
    pin: str
    size: int | None = None
    reason: str = ""

    def __str__(self) -> str:
        size = "" if self.size is None else f", {self.size} bytes"
        return f"{self.packages}: {self.url} ({self.pin}{size})"


@dataclass(frozen=True, slots=True)
class Tip:
    """A commit that a lock wants: of its own, or of a submodule."""

    packages: str
    url: str
    commit: str


Below: TypeAlias = Callable[[str, str], tuple[tuple[str, str], ...]]
"""The submodules of a commit by url and commit (`monorepo.ports.Git.submodules`), or RepositoryError."""


def commits_of(sources: Sequence[LockedSource]) -> list[Tip]:
    """The commits that pin ``sources``, each once; ``url`` is what git takes."""
    tips = {
        (source.url, source.commit): Tip(packages_and(source), git_address(source.url), source.commit)
        for source in sources
        if source.commit
    }
    return list(tips.values())


def with_submodules(tips: Sequence[Tip], below: Below) -> Iterator[Tip | Missing]:
    """``tips`` and the commits of their submodules, and of theirs; what ``below`` cannot have is missing."""
    waiting = list(reversed(tips))
    seen: set[tuple[str, str]] = set()
    while waiting:
        tip = waiting.pop()
        if (tip.url, tip.commit) in seen:
            continue
        seen.add((tip.url, tip.commit))
        try:
            submodules = below(tip.url, tip.commit)
        except RepositoryError as error:
            yield Missing(tip.packages, tip.url, f"commit {tip.commit}", reason=error.reason)
            continue
        yield tip
        waiting += [Tip(tip.packages, url, commit) for url, commit in reversed(submodules)]


def refuse_missing(
    sources: Sequence[LockedSource],
    mirrors: Sequence[str],
    cache: Path,
    git: Git,
    *,
    software_heritage: str = "",
    compared: bool = False,
) -> None:
    """Raises FetchError with every archive and commit that ``sources`` want and this machine has not.

    ``git`` is one without network; the others are as `monorepo.fetch.download.fetch` takes them.
    """
    archives = ArchiveCache(cache)
    missing = [
        Missing(", ".join(document.packages) or document.name, document.url, _pin(document))
        for document in documents_of(sources)
        if not _is_here(document, mirrors, archives, software_heritage, compared=compared)
    ]
    missing += [
        one for one in with_submodules(commits_of(sources), git.submodules) if isinstance(one, Missing)
    ]
    if missing:
        things = "thing that the lock wants is" if len(missing) == 1 else "things that the lock wants are"
        raise FetchError(
            f"{len(missing)} {things} not on this machine, and mono is offline",
            hint=WAYS,
            details=tuple(sorted(map(str, missing))),
        )


def _pin(document: Document) -> str:
    return str(document.checksums[0]) if document.checksums else "without a checksum"


def _is_here(
    document: Document,
    mirrors: Sequence[str],
    archives: ArchiveCache,
    software_heritage: str,
    *,
    compared: bool,
) -> bool:
    if document.checksums and archives.find(document.checksums) is not None:
        return True
    if compared and document.recorded and archives.given_last(document.url) is not None:
        return True
    folders = map(folder_of, document.swhids) if software_heritage else ()
    if any(archives.path(folder).exists() for folder in folders if folder):
        return True
    return any(_is_file(place.url) for place in places_of(document, mirrors))


def _is_file(url: str) -> bool:
    path = local_path(url)
    return path is not None and path.is_file()
