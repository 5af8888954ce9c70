"""A repository at one commit of a git repository, read without a work tree."""

from __future__ import annotations

from collections.abc import Iterable

from overlays.ports import GitObjects
from overlays.stores.layout import PACKAGES, Stamp, index_of


class GitStore:
    """The repository at ``commit`` of ``objects``; raises `RepositoryUnreadable` where that is none."""

    def __init__(self, repository: str, objects: GitObjects, commit: str) -> None:
        self._repository = repository
        self._objects = objects
        self._commit = commit
        self._blobs = objects.files(commit, PACKAGES)
        self._index = index_of(self._blobs, repository, commit)

    @property
    def key(self) -> str:
        return f"git {self._repository}"

    def names(self) -> Iterable[str]:
        return self._index

    def folders(self, package: str) -> dict[str, str]:
        return self._index.get(package, {})

    def stamp(self, path: str) -> Stamp | None:
        blob = self._blob(path)
        return None if blob is None else (blob,)

    def read(self, path: str) -> bytes | None:
        blob = self._blob(path)
        return None if blob is None else self._objects.blob(blob)

    def identity(self) -> str | None:
        return self._commit

    def _blob(self, path: str) -> str | None:
        if path.startswith(f"{PACKAGES}/"):
            return self._blobs.get(path)
        return self._objects.files(self._commit, "").get(path)
