"""A source as dune walks it: which folders it enters, which dune files it reads there, where projects begin.

After src/source/source_tree.ml and source_dir_status.ml of dune: the stanzas ``dirs``, ``data_only_dirs``,
``ignored_subdirs``, ``vendored_dirs`` and ``subdir``, in dune files and in what they include. A dune file
is read once, and only where the status of a folder below it matters, or its stanzas do. Links to folders are
followed where they stay in the source.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path

from monorepo.duniverse.scripts import OPENING, read_script
from monorepo.duniverse.stanzas import (
    ENCODING,
    Atom,
    Edit,
    Form,
    Node,
    StanzaSyntaxError,
    edited,
    read_stanzas,
)

PROJECT = "dune-project"
_DUNE = ("dune", "dune-file")  # the second where (accept_alternative_dune_file_name) says so
_STANDARD = re.compile(r"[^._]")
_STATUS_STANZAS = ("dirs", "data_only_dirs", "ignored_subdirs", "vendored_dirs")


class Status(Enum):
    """What dune makes of a folder."""

    NORMAL = "normal"
    VENDORED = "vendored"
    SKIPPED = "skipped"  # ignored, or data alone: no dune file in it or below it is read


class DuneFile:
    """One file of stanzas; ``stanzas`` is None where they cannot be seen."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.stanzas: tuple[Form, ...] | None
        try:
            self.stanzas = read_script(text) if text.startswith(OPENING) else read_stanzas(text)
        except StanzaSyntaxError:
            self.stanzas = None


class SourceTree:
    """The folders and files below ``top``; every path is relative to it, with ``/``, and "" for itself."""

    def __init__(self, top: Path) -> None:
        self.top = top.resolve()
        self.files: dict[str, frozenset[str]] = {}
        self._dune_files: dict[str, DuneFile | None] = {}
        self._statuses: dict[str, Status] = {"": Status.NORMAL}
        self._rules: dict[str, list[Form]] = {}
        self._noted: set[str] = set()
        self._cram: dict[str, bool] = {}
        self._has_links = False
        self._list("", str(self.top), frozenset())
        self._projects = frozenset(folder for folder, files in self.files.items() if PROJECT in files)

    def _list(self, folder: str, real: str, above: frozenset[str]) -> None:
        """List ``folder``, which is ``real`` without links, and all below it; ``above`` are those before."""
        way = above | {real}
        files = []
        with os.scandir(real) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    self._list(join(folder, entry.name), entry.path, way)
                    continue
                if entry.is_symlink():
                    self._has_links = True
                    if end := self._entered(Path(entry.path), way):
                        self._list(join(folder, entry.name), end, way)
                        continue
                files.append(entry.name)
        self.files[folder] = frozenset(files)

    def _entered(self, link: Path, way: frozenset[str]) -> str | None:
        """The folder of the source that a link leads to, if to any; not in a circle, which dune refuses."""
        if not link.is_dir():
            return None
        real = link.resolve()
        return str(real) if real.is_relative_to(self.top) and str(real) not in way else None

    def read(self, path: str) -> DuneFile | None:
        """The file at ``path``, read once; None where there is none, or where a link leads out.

        Behind links to its folder it is the same file, with the path that has none of them.
        """
        if path not in self._dune_files:
            self._dune_files[path] = self._read(path)
        return self._dune_files[path]

    def _read(self, path: str) -> DuneFile | None:
        file = self.top / path
        if not file.is_file():
            return None
        if not self._has_links:
            return DuneFile(path, read_text(file))
        folder = file.parent.resolve()
        if not (folder.is_relative_to(self.top) and file.resolve().is_relative_to(self.top)):
            return None
        real = (folder / file.name).relative_to(self.top).as_posix()
        return DuneFile(path, read_text(file)) if real == path else self.read(real)

    def edit(self, file: DuneFile, edits: Collection[Edit]) -> None:
        """Put the edited text in the place of ``file``, which may be a link to another's; it is read anew."""
        if not edits:
            return
        path = self.top / file.path
        mode = path.stat().st_mode
        path.unlink()
        path.write_bytes(edited(file.text, edits).encode(ENCODING))
        path.chmod(mode)
        self._dune_files = {name: known for name, known in self._dune_files.items() if known is not file}

    def projects(self) -> Iterator[tuple[str, Status]]:
        """Every folder with a dune-project that dune finds, outer ones first."""
        for folder in sorted(self._projects):
            status = self.status(folder)
            if status is not Status.SKIPPED:
                yield folder, status

    def dune_files(self, project: str, others: frozenset[str]) -> Iterator[DuneFile]:
        """The dune files of the project in that folder and what they include, without those of ``others``."""
        for folder in sorted(self.files):
            if (
                self._home(folder, others | {project}) == project
                and self.status(folder) is not Status.SKIPPED
            ):
                yield from self._of_folder(folder)

    def status(self, folder: str) -> Status:
        """What dune makes of ``folder``."""
        if folder not in self._statuses:
            parent, _, name = folder.rpartition("/")
            outer = self.status(parent)
            own = Status.SKIPPED if outer is Status.SKIPPED else self._own_status(parent, name)
            self._statuses[folder] = outer if own is Status.NORMAL else own
        return self._statuses[folder]

    def _own_status(self, parent: str, name: str) -> Status:
        self._note_rules(parent)
        if self.is_cram_test(join(parent, name)):
            return Status.SKIPPED
        rules = self._rules.get(parent, ())
        if _told(rules, "data_only_dirs", name) or _told(rules, "ignored_subdirs", name):
            return Status.SKIPPED
        if _told(rules, "vendored_dirs", name):
            return Status.VENDORED
        entered = _told(rules, "dirs", name)
        return Status.NORMAL if (_standard(name) if entered is None else entered) else Status.SKIPPED

    def is_cram_test(self, folder: str) -> bool:
        """Whether ``folder`` is what dune takes for a cram test by its name."""
        return folder.endswith(".t") and self._has_cram(folder.rpartition("/")[0])

    def _note_rules(self, folder: str) -> None:
        """Note what the dune file of ``folder`` says about subfolders, here and further below."""
        if folder in self._noted:
            return
        self._noted.add(folder)
        for file in self._of_folder(folder):
            for place, stanza in placed(file.stanzas or ()):
                if stanza.head in _STATUS_STANZAS:
                    self._rules.setdefault(join(folder, place), []).append(stanza)

    def _of_folder(self, folder: str) -> Iterator[DuneFile]:
        for name in _DUNE:
            if name in self.files.get(folder, ()):
                yield from self._with_includes(join(folder, name), set())

    def _with_includes(self, path: str, seen: set[str]) -> Iterator[DuneFile]:
        file = self.read(path)
        if file is None or path in seen:
            return
        seen.add(path)
        yield file
        for place, stanza in placed(file.stanzas or ()):
            if stanza.head == "include":
                for atom in stanza.atoms:
                    target = os.path.normpath(join(join(path.rpartition("/")[0], place), atom.text))
                    if not target.startswith(("../", "/")):
                        yield from self._with_includes(target, seen)

    def _has_cram(self, folder: str) -> bool:
        """Whether folders NAME.t are tests there: from dune 3.0 on, or where (cram enable) says so."""
        home = self._home(folder, self._projects)
        if home not in self._cram:
            file = self.read(join(home, PROJECT))
            stanzas = (file.stanzas if file else None) or ()
            said = next((next(stanza.atoms, None) for stanza in stanzas if stanza.head == "cram"), None)
            self._cram[home] = said.text == "enable" if said else language(stanzas) >= (3, 0)
        return self._cram[home]

    @staticmethod
    def _home(folder: str, projects: frozenset[str]) -> str:
        while folder and folder not in projects:
            folder = folder.rpartition("/")[0]
        return folder


def read_text(file: Path) -> str:
    """The text of a dune file, byte for byte."""
    return file.read_bytes().decode(ENCODING)


def placed(stanzas: Sequence[Form], folder: str = "") -> Iterator[tuple[str, Form]]:
    """``stanzas`` with those inside of ``(subdir …)``, each with its folder, relative to that of the file."""
    for stanza in stanzas:
        if stanza.head != "subdir":
            yield folder, stanza
        elif (inner := next(stanza.atoms, None)) is not None:
            yield from placed(tuple(stanza.forms), join(folder, inner.text))


def language(stanzas: Sequence[Form]) -> tuple[int, int]:
    """X.Y of ``(lang dune X.Y)``; (0, 0) where it is not said."""
    for stanza in stanzas:
        words = [atom.text for atom in stanza.atoms]
        if stanza.head == "lang" and len(words) == 2 and (version := re.match(r"(\d+)\.(\d+)", words[1])):
            return int(version[1]), int(version[2])
    return 0, 0


def join(folder: str, name: str) -> str:
    """``folder``/``name``, either of which may be empty."""
    return f"{folder}/{name}" if folder and name else folder or name


def _standard(name: str) -> bool:
    return _STANDARD.match(name) is not None


def _told(rules: Sequence[Form], stanza: str, name: str) -> bool | None:
    """Whether ``name`` is among those that the stanzas of that name tell; None where there are none."""
    said = [rule for rule in rules if rule.head == stanza]
    default = stanza == "dirs" and _standard(name)
    return any(_any_of(rule.items[1:], name, default) for rule in said) if said else None


def _any_of(items: Sequence[Node], name: str, default: bool, union: Callable[..., bool] = any) -> bool:
    """dune's predicate language: globs, ``:standard``, ``(or …)``, ``(and …)``, ``(not …)`` and ``\\``."""
    for position, item in enumerate(items):
        if isinstance(item, Atom) and item.text == "\\":
            kept = _any_of(items[:position], name, default, union)
            return kept and not _any_of(items[position + 1 :], name, default)
    return union(_one(item, name, default) for item in items)


def _one(item: Node, name: str, default: bool) -> bool:
    if isinstance(item, Atom):
        return default if item.text == ":standard" else _glob(item.text).fullmatch(name) is not None
    match item.head:
        case "or":
            return _any_of(item.items[1:], name, default)
        case "and":
            return _any_of(item.items[1:], name, default, all)
        case "not":
            return not _any_of(item.items[1:], name, default)
    return _any_of(item.items, name, default)


_GLOB: Mapping[str, str] = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}


def _glob(pattern: str) -> re.Pattern[str]:
    """dune's globs as a regular expression; a pattern that is none matches nothing."""
    parts: list[str] = []
    depth = 0
    for token in re.findall(r"\*\*|\[!?[^]]*\]|\\.|.", pattern, re.DOTALL):
        if token in ("{", "}"):
            depth += 1 if token == "{" else -1
        if token == "*" and not parts:
            parts.append("[^/.][^/]*")
        elif token in _GLOB:
            parts.append(_GLOB[token])
        elif token == "," and depth:
            parts.append("|")
        elif token.startswith("[") and len(token) > 2:
            inner = token[1:-1]
            negated = inner.startswith("!")
            parts.append(f"[{'^' if negated else ''}{re.escape(inner[negated:])}]")
        else:
            parts.append(re.escape(token[1:] if len(token) > 1 else token))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        return re.compile(r"(?!)")
