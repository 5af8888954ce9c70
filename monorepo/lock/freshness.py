"""Telling at a glance that nothing has changed since the last lock, without solving.

A note in the cache holds the hashes of the project's own files and the state, as the file system tells it, of
all that was asked of local repositories. Without the note, or where anything differs, the project is
solved again: the note can save time but never decide what is in a lock.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monorepo import __version__
from monorepo.lock.format import FILE, FORMAT, REVISION
from monorepo.lock.notices import Notice, as_rows, of_rows
from monorepo.lock.trees import text_without_trees
from monorepo.repository_url import RepositoryKind, RepositorySetting
from overlays.stores.files import stamp_of, touch
from overlays.stores.folder import unchanged

if TYPE_CHECKING:
    from overlays.stack import RepositoryStack

MANIFEST = "mono.toml"

_THIS_MONO = [__version__, FORMAT, REVISION]


@dataclass(frozen=True, slots=True)
class Begun:
    """What `Freshness.begin` saw: hashes of files, opam files in the tree, stamps of local archives."""

    files: dict[str, str | None]
    deep: bool
    opam_files: list[str]
    archives: list[tuple[str, list[int | str] | None]]


@dataclass(frozen=True, slots=True)
class Freshness:
    """The notes on the project in ``folder``, kept in ``cache``."""

    folder: Path
    cache: Path

    def holds(self) -> bool:
        """Whether the project is as it was when `note` was last called."""
        return self.told() is not None

    def told(self) -> tuple[Notice, ...] | None:
        """What there was to know of the lock then, where the project is as it was; None where it is not."""
        try:
            note = json.loads(self._file.read_text(encoding="utf-8"))
            touch(self._file)
            return of_rows(note["notices"]) if self._is_as(note) else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _is_as(self, note: dict[str, Any]) -> bool:
        return (
            note["mono"] == _THIS_MONO
            and note["opam"] == self._opam_files(note["deep"])
            and all(self._hash(name) == known for name, known in note["files"].items())
            and all(_state(place) == stamp for place, stamp in note["archives"])
            and all(
                unchanged(Path(place), {path: _stamp(stamp) for path, stamp in consulted.items()})
                for place, consulted in note["folders"]
            )
        )

    def changed(self) -> tuple[str, ...]:
        """The project's own files that are not as they were when `note` was last called, where it was."""
        try:
            note = json.loads(self._file.read_text(encoding="utf-8"))
            files = {name: known for name, known in note["files"].items() if name != FILE}
            added = set(self._opam_files(note["deep"])) - set(note["opam"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return ()
        return tuple(sorted({name for name, known in files.items() if self._hash(name) != known} | added))

    def begin(self, files: Sequence[str], repositories: Sequence[RepositorySetting], *, deep: bool) -> Begun:
        """The state before solving, so that what changes meanwhile is seen as a change.

        ``files`` are those of the project that were read, relative; with ``deep`` roots were looked for in
        the whole tree.
        """
        return Begun(
            {name: self._hash(name) for name in (MANIFEST, *files)},
            deep,
            self._opam_files(deep),
            [
                (str(setting.path), _state(str(setting.path)))
                for setting in repositories
                if setting.kind is RepositoryKind.ARCHIVE and setting.path is not None
            ],
        )

    def note(
        self,
        begun: Begun,
        carried: Iterable[str],
        repositories: Sequence[RepositorySetting],
        stack: RepositoryStack,
        notices: Sequence[Notice],
    ) -> None:
        """Remember the state that the lock was made from, and what there is to know of the lock.

        ``carried`` are the files kept beside it.

        A cache that cannot be written is no reason to fail: the next lock takes longer, that is all.
        """
        note = {
            "mono": _THIS_MONO,
            "deep": begun.deep,
            "opam": begun.opam_files,
            "files": begun.files | {name: self._hash(name) for name in (FILE, *carried)},
            "archives": begun.archives,
            "folders": [
                (str(setting.path), repository.consulted())
                for setting, repository in zip(repositories, stack.repositories, strict=True)
                if setting.kind is RepositoryKind.FOLDER
            ],
            "notices": as_rows(notices),
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

    def _opam_files(self, deep: bool) -> list[str]:
        """Roots are found by name, so a new opam file may be a new root, or make one ambiguous."""
        if not deep:
            return sorted(path.name for path in self.folder.glob("*.opam"))
        from monorepo.manifest import opam_files

        return sorted(opam_files(self.folder))

    def _hash(self, name: str) -> str | None:
        try:
            content = (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None
        # A pull may have recorded trees in the lock since: it asks for the same as before.
        return hashlib.sha256(text_without_trees(content) if name == FILE else content).hexdigest()


def _state(place: str) -> list[int | str] | None:
    stamp = stamp_of(place)
    return None if stamp is None else list(stamp)


def _stamp(stored: list[int | str] | None) -> tuple[int | str, ...] | None:
    return None if stored is None else tuple(stored)
