"""A repository in a folder. Only what is asked for is listed and read, and what that was can be told."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from overlays.errors import RepositoryUnreadable
from overlays.stores.files import read_bytes, stamp_of
from overlays.stores.layout import NO_PACKAGES, PACKAGES, Stamp, split_identity


class FolderStore:
    """The repository in ``folder``.

    Every method raises `RepositoryUnreadable` where the operating system refuses, and making one also where
    there is no folder ``packages``.
    """

    def __init__(self, repository: str, folder: Path) -> None:
        self._repository = repository
        self._top = str(folder.absolute())
        self._consulted: dict[str, Stamp | None] = {}
        self._nested: set[str] = set()
        self._flat: dict[str, dict[str, str]] = {}
        if folder.is_dir() and not (folder / PACKAGES).exists():
            raise RepositoryUnreadable(repository, self._top, NO_PACKAGES)
        for entry in self._list(PACKAGES):
            if "." not in entry:
                self._nested.add(entry)
            elif (identity := split_identity(entry)) is not None:
                self._flat.setdefault(identity[0], {})[identity[1]] = f"{PACKAGES}/{entry}"

    @property
    def key(self) -> str:
        return f"folder {self._top}"

    def names(self) -> Iterable[str]:
        return self._nested | self._flat.keys()

    def folders(self, package: str) -> dict[str, str]:
        found = dict(self._flat.get(package, {}))
        if package in self._nested:
            folder = f"{PACKAGES}/{package}"
            for entry in self._list(folder):
                identity = split_identity(entry)
                if identity is not None and identity[0] == package:
                    found[identity[1]] = f"{folder}/{entry}"
        return found

    def stamp(self, path: str) -> Stamp | None:
        try:
            stamp = stamp_of(f"{self._top}/{path}")
        except OSError as error:
            raise self._refused(path, error) from error
        self._consulted.setdefault(path, stamp)
        return stamp

    def read(self, path: str) -> bytes | None:
        if path not in self._consulted:
            self.stamp(path)  # before reading, so that a change in between is seen as one
        place = f"{self._top}/{path}"
        try:
            if "/files/" in path and not _stays_below(place, self._top):
                raise RepositoryUnreadable(
                    self._repository, path, "it is a link that leads out of the repository"
                )
            return read_bytes(place)
        except OSError as error:
            raise self._refused(path, error) from error

    def identity(self) -> str | None:
        return None

    def consulted(self) -> dict[str, Stamp | None]:
        """Every folder listed and every file read or looked for, with its state; sorted by path."""
        return dict(sorted(self._consulted.items()))

    def _list(self, folder: str) -> list[str]:
        """The names of the folders in a folder, sorted."""
        place = f"{self._top}/{folder}"
        try:
            self._consulted.setdefault(folder, stamp_of(place))
            with os.scandir(place) as entries:
                return sorted([entry.name for entry in entries if entry.is_dir()])
        except OSError as error:
            raise self._refused(folder, error) from error

    def _refused(self, path: str, error: OSError) -> RepositoryUnreadable:
        return RepositoryUnreadable(self._repository, f"{self._top}/{path}", error.strerror or str(error))


def unchanged(folder: Path, consulted: Mapping[str, Sequence[int | str] | None]) -> bool:
    """Whether all that was consulted of the repository in ``folder`` is still as it was.

    ``consulted`` may have been stored as JSON meanwhile.
    """
    top = str(folder.absolute())
    try:
        return all(
            stamp_of(f"{top}/{path}") == (None if stamp is None else tuple(stamp))
            for path, stamp in consulted.items()
        )
    except OSError:
        return False


def _stays_below(place: str, top: str) -> bool:
    return os.path.realpath(place).startswith(os.path.realpath(top) + os.sep)
