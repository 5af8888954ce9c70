"""What dune takes a project for: its packages, where each is defined, and the language it is written in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from monorepo.duniverse.source_tree import PROJECT, DuneFile, SourceTree, Status, join, language, read_text
from monorepo.duniverse.stanzas import Form, line_at


class Project:
    """A folder with a dune-project, which is ``file``.

    ``opam_files`` has the path of each by the name of its package, ``stanzas`` the ``(package …)`` stanza;
    a package may have either or both. ``packages`` has the place of each, as ``file:line``.
    """

    def __init__(self, folder: str, file: DuneFile, opam_files: Mapping[str, str], *, vendored: bool) -> None:
        self.folder = folder
        self.file = file
        self.vendored = vendored
        self.opam_files = opam_files
        self.stanzas = {
            name: stanza
            for stanza in file.stanzas or ()
            if stanza.head == "package" and (name := stanza.word("name"))
        }
        self.packages = {name: f"{path}:1" for name, path in opam_files.items()} | {
            name: self._place(stanza) for name, stanza in self.stanzas.items()
        }
        self.title = self._first("name")
        lang = self._first("lang")
        self.language = language(file.stanzas or ()), self._place(lang) if lang else ""

    @property
    def has_old_names(self) -> bool:
        """Whether some package of it was called otherwise before (``deprecated_package_names``)."""
        return any(stanza.field("deprecated_package_names") for stanza in self.stanzas.values())

    def old_names(self, packages: Collection[str]) -> set[str]:
        """The names that ``packages`` of it had before."""
        fields = (
            self.stanzas[name].field("deprecated_package_names") for name in packages if name in self.stanzas
        )
        return {atom.text for field in fields if field for atom in field.atoms}

    def _first(self, head: str) -> Form | None:
        return next((stanza for stanza in self.file.stanzas or () if stanza.head == head), None)

    def _place(self, stanza: Form) -> str:
        return f"{self.file.path}:{line_at(self.file.text, stanza.start)}"


def projects_in(tree: SourceTree) -> list[Project]:
    """The projects that dune finds in a source, outer ones first."""
    return [_project(tree, folder, status) for folder, status in tree.projects()]


def own_packages(folder: Path) -> Mapping[str, str]:
    """The packages that the project at ``folder`` itself defines at its top, with their places."""
    opam_files = _by_package(path.name for path in folder.glob("*.opam"))
    file = folder / PROJECT
    text = read_text(file) if file.is_file() else ""
    return Project("", DuneFile(PROJECT, text), opam_files, vendored=False).packages


def _project(tree: SourceTree, folder: str, status: Status) -> Project:
    file = tree.read(join(folder, PROJECT)) or DuneFile(join(folder, PROJECT), "")
    inside = any(
        stanza.head == "opam_file_location"
        and "inside_opam_directory" in (atom.text for atom in stanza.atoms)
        for stanza in file.stanzas or ()
    )
    places = (folder, join(folder, "opam")) if inside else (folder,)
    opam_files = _by_package(join(place, name) for place in places for name in tree.files.get(place, ()))
    return Project(folder, file, opam_files, vendored=status is Status.VENDORED)


def _by_package(paths: Iterable[str]) -> dict[str, str]:
    return {
        path.rpartition("/")[2].removesuffix(".opam"): path
        for path in sorted(paths)
        if path.endswith(".opam")
    }
