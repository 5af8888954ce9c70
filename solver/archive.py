"""Which packages share an archive, and which share a repository of sources."""

from __future__ import annotations

import re
from collections.abc import Iterable

from solver.package import Package

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
