"""Which packages share an archive, and which share a repository of sources."""

from __future__ import annotations

import re
from collections.abc import Iterable

from solver.package import Package, Source

_SCHEME = re.compile(r"^(?:git\+|hg\+|darcs\+)?(?:[a-z]+://)?(?:[^@/]*@)?", re.IGNORECASE)


def normalised_dev_repo(dev_repo: str) -> str:
    """One spelling for all the ways to write the same repository.

    ``git+https://github.com/mirage/x.git``, ``git://github.com/mirage/x`` and
    ``git@github.com:Mirage/x.git/`` name one repository; the branch behind ``#`` does not matter.
    """
    place = _SCHEME.sub("", dev_repo.strip().split("#", 1)[0]).rstrip("/")
    host, separator, path = place.replace(":", "/", 1).partition("/")
    path = path.strip("/").removesuffix(".git")
    return f"{host.lower().removeprefix('www.')}{separator}{path.lower()}"


_CHECKSUM = re.compile(r"md5=[0-9a-f]{32}|sha256=[0-9a-f]{64}|sha512=[0-9a-f]{128}")


def git_location(url: str) -> tuple[str, str | None] | None:
    """What git takes and the reference; None for the url of an archive (opam manual, "URLs")."""
    place, _, reference = url.partition("#")
    if place.startswith("git+"):
        return place.removeprefix("git+"), reference or None
    if place.startswith(("git://", "ssh://")) or (place.endswith(".git") and "://" in place):
        return place, reference or None
    return None


_ELSEWHERE = {"hg+": "Mercurial", "darcs+": "Darcs", "rsync+": "a folder to copy", "bzr+": "Bazaar"}


def why_unusable(source: Source, *, unverified: bool = False) -> str:
    """Why a source cannot be fetched or verified; empty where it can.

    Git verifies by commit; an archive needs a checksum, unless the user takes it ``unverified``, and a place
    that http or the file system knows.
    """
    if source.subpath is not None and (source.subpath.startswith("/") or ".." in source.subpath.split("/")):
        return f"its subpath {source.subpath} leads out of its source"
    if git_location(source.url) is not None:
        return ""
    for scheme, what in _ELSEWHERE.items():
        if source.url.startswith(scheme):
            return f"its source is in {what}, and mono takes archives and git (an overlay can name a release)"
    if not source.url.startswith(("https://", "http://", "file:///")):
        return f"its source is at {source.url}, which mono does not fetch"
    if not source.checksums:
        return "" if unverified else "its source has no checksum (see [solve] unverified)"
    strange = [checksum for checksum in source.checksums if not _CHECKSUM.fullmatch(checksum)]
    return f"{strange[0]} is no checksum that mono knows" if strange else ""


def group_by_archive(packages: Iterable[Package]) -> dict[int, int]:
    """For each package that has a source (by ``id``), the number of its archive.

    Packages share an archive when they share a checksum or, where one has none, a url. Numbers follow the
    order of ``packages``.
    """
    leader: dict[str, str] = {}

    def find(mark: str) -> str:
        while leader[mark] != mark:
            leader[mark] = leader[leader[mark]]
            mark = leader[mark]
        return mark

    marks_of: list[tuple[Package, tuple[str, ...]]] = []
    for package in packages:
        if package.source is None:
            continue
        marks = package.source.checksums or (package.source.url,)
        marks_of.append((package, marks))
        for mark in marks:
            leader.setdefault(mark, mark)
        for mark in marks[1:]:
            leader[find(mark)] = find(marks[0])
    numbers: dict[str, int] = {}
    return {id(package): numbers.setdefault(find(marks[0]), len(numbers)) for package, marks in marks_of}
