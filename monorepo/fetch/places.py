"""What is to be fetched for a lock, and every place where each thing may be found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from monorepo.errors import FetchError
from monorepo.fetch.checksums import Checksum, given_by, parse_checksums
from monorepo.lock.model import ExtraSource, LockedSource

SWHID_URL = "https://swhid.opam.ocaml.org/"
"""How opam writes that Software Heritage may have a source: this and its SWHID. It is no address to ask."""


HERITAGE = "swh"
"""Stands in the cache for the algorithm of a checksum where what an archive unpacks to is verified."""

_FOLDER = re.compile(r"swh:1:dir:([0-9a-f]{40})")

ELSEWHERE = "check the network, or add a mirror under [mirrors] in mono.toml"
"""What to do where no place has a document."""

WAYS = "run it once with the network, or unpack a bundle that mono bundle create made where there is one"
"""What to do where mono is offline and this machine lacks something."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file to fetch: where it was released, what it must hash to, and which packages want it.

    Without ``checksums``, as the user may allow, nothing says beforehand what it must be; where it is
    ``recorded``, the tree that it becomes tells afterwards. ``swhids`` are identifiers of what it unpacks to,
    by which Software Heritage may have that.
    """

    name: str
    url: str
    mirrors: tuple[str, ...]
    checksums: tuple[Checksum, ...]
    packages: tuple[str, ...]
    swhids: tuple[str, ...] = ()
    recorded: bool = False

    @property
    def identity(self) -> tuple[Checksum, ...]:
        """What tells it from others: its checksums, or what stands for them where it has none."""
        return self.checksums or given_by(self.url)


@dataclass(frozen=True, slots=True)
class Place:
    """One place to ask for a document; ``mirror`` is the base url of an archive mirror, None elsewhere."""

    url: str
    mirror: str | None = None

    @property
    def host(self) -> str:
        """Whom it is asked of; empty for this machine."""
        return host_of(self.url)


def documents_of(sources: Iterable[LockedSource]) -> list[Document]:
    """Every archive and extra source of ``sources``, each content once.

    Raises:
        FetchError: a source that is not unverified is pinned by neither checksum nor commit; or one by both.
    """
    found: dict[tuple[Checksum, ...], Document] = {}
    for source in sources:
        refuse_unpinned(source)
        wanted = [] if source.commit else [_archive_of(source)]
        for document in (*wanted, *(_extra_of(source, extra) for extra in source.extra_sources)):
            same = found.get(document.identity)
            found[document.identity] = _together(same, document) if same else document
    return list(found.values())


def _archive_of(source: LockedSource) -> Document:
    return Document(
        source.directory,
        source.url,
        tuple(url for url in source.mirrors if not url.startswith(SWHID_URL)),
        parse_checksums(source.checksums),
        source.packages,
        swhids_of(source) if source.checksums else (),
        bool(source.tree),
    )


def swhids_of(source: LockedSource) -> tuple[str, ...]:
    """Identifiers of what the archive of ``source`` unpacks to."""
    urls = (source.url, *source.mirrors)
    return tuple(url.removeprefix(SWHID_URL) for url in urls if url.startswith(SWHID_URL))


def _extra_of(source: LockedSource, extra: ExtraSource) -> Document:
    if not extra.checksums:
        raise _unpinned(source, extra.url)
    name = f"{source.directory}/{extra.file}"
    return Document(name, extra.url, extra.mirrors, parse_checksums(extra.checksums), source.packages)


def _together(first: Document, second: Document) -> Document:
    """One document for what two sources want: asked for everywhere that either names."""
    urls = dict.fromkeys((*first.mirrors, second.url, *second.mirrors))
    return replace(
        first,
        mirrors=tuple(url for url in urls if url != first.url),
        packages=tuple(dict.fromkeys((*first.packages, *second.packages))),
        swhids=tuple(dict.fromkeys((*first.swhids, *second.swhids))),
        recorded=first.recorded and second.recorded,
    )


def folder_of(swhid: str) -> tuple[Checksum, ...]:
    """What stands for the checksums of an archive of the folder ``swhid``; empty where it names none."""
    match = _FOLDER.fullmatch(swhid)
    return (Checksum(HERITAGE, match[1]),) if match else ()


def files_of(source: LockedSource) -> list[tuple[Checksum, ...]]:
    """The checksums of each file that ``source``, which is pinned, is made of: archive and extra sources."""
    listed = [] if source.commit else [source.checksums]
    listed += [extra.checksums for extra in source.extra_sources]
    return list(map(parse_checksums, listed))


def refuse_unpinned(source: LockedSource) -> None:
    """Raises FetchError unless one of checksums and commit pins ``source``, or the user allows neither."""
    if source.commit and source.checksums:
        raise FetchError(
            "the source is pinned by a commit and by checksums at once", place=packages_and(source)
        )
    if not source.commit and not source.checksums and not source.unverified:
        raise _unpinned(source, source.url)


def packages_and(source: LockedSource) -> str:
    """How messages name a source: the packages it carries, else its directory."""
    return ", ".join(source.packages) or source.directory


def places_of(document: Document, archive_mirrors: Sequence[str]) -> list[Place]:
    """Where to ask for ``document``, in order: mirrors by each checksum, its url, its own mirrors."""
    by_checksum = [
        Place(f"{base.rstrip('/')}/{checksum.path}", base)
        for base in archive_mirrors
        for checksum in document.checksums
    ]
    own = [Place(url) for url in (document.url, *document.mirrors) if not url.startswith(SWHID_URL)]
    return [*by_checksum, *own]


def archive_mirrors(mirrors: Sequence[str], project: Path) -> tuple[str, ...]:
    """``mirrors`` of a lock as `places_of` takes them: a path without a scheme is relative to ``project``."""
    return tuple(mirror if "://" in mirror else str((project / mirror).absolute()) for mirror in mirrors)


def host_of(url: str) -> str:
    """The host and port that ``url`` names, empty where it names none."""
    parts = _split(url)
    return "" if parts is None else parts.netloc.rpartition("@")[2]


def _split(url: str) -> SplitResult | None:
    """The parts of ``url``, None where it is none."""
    try:
        return urlsplit(url)
    except ValueError:  # brackets that do not match
        return None


def git_address(url: str) -> str:
    """What git itself takes, of a url in opam's syntax (``git+https://…#reference``)."""
    return url.partition("#")[0].removeprefix("git+")


def local_path(url: str) -> Path | None:
    """The file that a ``file://`` url or an absolute path names; None for http and https.

    Raises:
        FetchError: anything else.
    """
    if url.startswith("/"):
        return Path(url)
    parts = _split(url)
    if parts and parts.scheme in ("http", "https") and parts.netloc:
        return None
    if parts and parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return Path(unquote(parts.path))
    raise FetchError(
        "mono cannot fetch from such a url",
        place=url,
        hint="archives come from http://, https://, file:// or an absolute path, commits from git+https://",
    )


def _unpinned(source: LockedSource, url: str) -> FetchError:
    return FetchError(
        f"{url} has neither a checksum nor a commit, so nothing says what it must contain",
        place=packages_and(source),
        hint="mono does not fetch what it cannot verify: add a checksum to the package's url section, or "
        "allow it under [solve] unverified in mono.toml and lock again",
    )
