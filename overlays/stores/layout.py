"""How a repository is laid out (opam manual, "Repositories").

``packages/NAME/NAME.VERSION/opam``, or flat, ``packages/NAME.VERSION/opam``; where both are there the first
counts. Beside the opam file may be a folder ``files``. A name has no dot, so the first one ends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol, TypeAlias

from overlays.errors import RepositoryUnreadable

Stamp: TypeAlias = tuple[int | str, ...]
"""Tells one state of a file from another without reading it; plain values, so that it can be stored."""

PACKAGES = "packages"

_NAME = re.compile(r"[A-Za-z0-9_+\-]+")


class Store(Protocol):
    """The files of one repository; paths have ``/`` between their parts, and begin at its top."""

    @property
    def key(self) -> str:
        """Tells this repository from others in a cache of metadata."""

    def names(self) -> Iterable[str]:
        """Every name that has a folder, in any order."""

    def folders(self, package: str) -> dict[str, str]:
        """The folder of each version of a package; empty where the package is not there."""

    def stamp(self, path: str) -> Stamp | None:
        """The state of a file, None where it is absent."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None where it is absent."""

    def identity(self) -> str | None:
        """The hash of everything that is in the store, None where knowing it would take reading it all."""


NO_PACKAGES = "it has no packages/NAME/NAME.VERSION/opam"


def split_identity(folder: str) -> tuple[str, str] | None:
    """Name and version of ``NAME.VERSION``; None for any other text."""
    name, dot, version = folder.partition(".")
    return (name, version) if dot and version and _NAME.fullmatch(name) else None


def index_of(paths: Iterable[str], repository: str, place: str) -> dict[str, dict[str, str]]:
    """The folder of every version of every package whose opam file is among ``paths``.

    Raises:
        RepositoryUnreadable: there is none at all.
    """
    index: dict[str, dict[str, str]] = {}
    for path in paths:
        parts = path.split("/")
        if parts[-1] != "opam" or parts[0] != PACKAGES or len(parts) not in (3, 4):
            continue
        identity = split_identity(parts[-2])
        if identity is None:
            continue
        name, version = identity
        folder = path.removesuffix("/opam")
        if len(parts) == 3:
            index.setdefault(name, {}).setdefault(version, folder)
        elif parts[1] == name:
            index.setdefault(name, {})[version] = folder
    if not index:
        raise RepositoryUnreadable(repository, place, NO_PACKAGES)
    return index


def safe_path(folder: str, file: str) -> str | None:
    """``file`` below ``folder``; None where it is absolute, climbs, or is not a plain relative path."""
    parts = file.split("/")
    if "\\" in file or "\0" in file or any(part in ("", ".", "..") for part in parts):
        return None
    return f"{folder}/{file}"
