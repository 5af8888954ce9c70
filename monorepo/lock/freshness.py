"""Telling at a glance that nothing has changed since the last lock, without solving.

A note in the cache holds the hashes of the project's own files and the state, as the file system tells it, of
all that was asked of local repositories. Without the note, or where anything differs, the project is
solved again: the note can save time but never decide what is in a lock.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from monorepo import __version__
from monorepo.lock.format import FILE
from monorepo.repository_url import RepositoryKind, RepositorySetting
from overlays.stores.files import stamp_of
from overlays.stores.folder import unchanged

if TYPE_CHECKING:
    from overlays.stack import RepositoryStack

MANIFEST = "mono.toml"


@dataclass(frozen=True, slots=True)
class Freshness:
    """The notes on the project in ``folder``, kept in ``cache``."""

    folder: Path
    cache: Path

    def holds(self) -> bool:
        """Whether the project is as it was when `note` was last called."""
        try:
            note = json.loads(self._file.read_text(encoding="utf-8"))
            return (
                note["mono"] == __version__
                and note["opam"] == self._opam_files()
                and all(self._hash(name) == known for name, known in note["files"].items())
                and all(_state(Path(place)) == stamp for place, stamp in note["archives"].items())
                and all(
                    unchanged(Path(place), {path: _stamp(stamp) for path, stamp in consulted.items()})
                    for place, consulted in note["folders"].items()
                )
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def note(
        self, files: Sequence[str], repositories: Sequence[RepositorySetting], stack: RepositoryStack
    ) -> None:
        """Remember the present state; ``files`` are the project's own beside its manifest and lock, relative.

        A cache that cannot be written is no reason to fail: the next lock takes longer, that is all.
        """
        note = {
            "mono": __version__,
            "opam": self._opam_files(),
            "files": {name: self._hash(name) for name in (MANIFEST, FILE, *files)},
            "archives": {
                str(setting.path): _state(setting.path)
                for setting in repositories
                if setting.kind is RepositoryKind.ARCHIVE and setting.path is not None
            },
            "folders": {
                str(setting.path): repository.consulted()
                for setting, repository in zip(repositories, stack.repositories, strict=True)
                if setting.kind is RepositoryKind.FOLDER
            },
        }
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            aside = self._file.with_suffix(f".{os.getpid()}")
            aside.write_text(json.dumps(note), encoding="utf-8")
            aside.replace(self._file)
        except OSError:
            return

    @property
    def _file(self) -> Path:
        project = hashlib.sha256(os.fsencode(self.folder.absolute())).hexdigest()
        return self.cache / "fresh" / f"{project[:32]}.json"

    def _opam_files(self) -> list[str]:
        """Roots are found by name at the top, so a new file there may be a new root."""
        return sorted(path.name for path in self.folder.glob("*.opam"))

    def _hash(self, name: str) -> str | None:
        try:
            return hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
        except FileNotFoundError:
            return None


def _state(path: Path) -> list[int | str] | None:
    stamp = stamp_of(str(path))
    return None if stamp is None else list(stamp)


def _stamp(stored: list[int | str] | None) -> tuple[int | str, ...] | None:
    return None if stored is None else tuple(stored)
