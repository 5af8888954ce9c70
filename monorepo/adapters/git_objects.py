"""What a bare clone holds, at a commit that is there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from monorepo.adapters.git_clone import Clone
from monorepo.adapters.git_commands import BlobReader
from monorepo.adapters.git_environment import COMMIT
from monorepo.errors import RepositoryError


class TreeEntry:
    """A line of ``git ls-tree``: mode, object id, path."""

    __slots__ = ("identifier", "mode", "path")

    def __init__(self, mode: str, identifier: str, path: str) -> None:
        self.mode = mode
        self.identifier = identifier
        self.path = path


class Objects:
    """`overlays.ports.GitObjects`: what one clone holds, at a commit that is there."""

    def __init__(self, clone: Clone, commit: str, reader: BlobReader) -> None:
        self._clone = clone
        self._commit = commit
        self._reader = reader

    def files(self, commit: str, folder: str) -> Mapping[str, str]:
        """See `overlays.ports.GitObjects`."""
        return {
            entry.path: entry.identifier
            for entry in self._list(commit, folder)
            if entry.mode in ("100644", "100755", "100664")
        }

    def blob(self, identifier: str) -> bytes:
        """See `overlays.ports.GitObjects`; RepositoryError where there is no such blob."""
        if not COMMIT.fullmatch(identifier):
            raise RepositoryError(f"{identifier!r} is not the id of an object", place=self._clone.url)
        found = self._reader.read(identifier)
        if found is None:
            raise RepositoryError(f"there is no object {identifier}", place=self._clone.url)
        return found

    def entries(self) -> Iterator[TreeEntry]:
        """Everything at the commit, submodules and links included."""
        return self._list(self._commit, "")

    def module_settings(self) -> str:
        """What .gitmodules sets, as ``git config --list -z`` prints it; empty where there is none.

        What it would include are files of this machine, which are none of its business.
        """
        if ".gitmodules" not in self.files(self._commit, ".gitmodules"):
            return ""
        modules = f"{self._commit}:.gitmodules"
        return self._clone.run("config", "--blob", modules, "--no-includes", "--list", "-z")

    def _list(self, commit: str, folder: str) -> Iterator[TreeEntry]:
        within = ["--", folder] if folder else []
        listing = self._clone.run_bytes(
            "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit, *within
        )
        for line in listing.split(b"\0")[:-1]:
            about, _, path = line.partition(b"\t")
            mode, _, identifier = about.decode("ascii").split(" ")
            yield TreeEntry(mode, identifier, os.fsdecode(path))
