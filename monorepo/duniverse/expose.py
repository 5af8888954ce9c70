"""Only what is locked of a source is shown to dune; the rest is hidden as ``dune build -p`` hides it.

opam builds each package with ``dune build -p NAME``, which drops every stanza that belongs to another
package (`filter_out_stanzas_from_hidden_packages` in dune 2.9, `Dune_file.Mask` in 3.x, `stanza_package` in
both); so what is left is known to build. A duniverse has no such option, so the files say it: the opam file
and the stanzas of a hidden package go, and where a stanza that stays names a hidden library by its private
name it gets the public one, which dune then finds in another source. Where nothing is hidden not one byte
changes.

A dune file whose stanzas cannot be seen (a program that computes them, a syntax error) is left as it is,
and so is every package that it names; `monorepo.duniverse.clashes` tells where that matters.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from monorepo.duniverse.projects import Project, projects_in
from monorepo.duniverse.source_tree import DuneFile, SourceTree, placed
from monorepo.duniverse.stanzas import Atom, Edit, Form, erased, line_at

_LIBRARY_FIELDS = frozenset(
    {
        "allow_unused_libraries",
        "backend",
        "default_implementation",
        "embed_in_plugin_libraries",
        "extends",
        "forbidden_libraries",
        "implements",
        "lib",
        "libraries",
        "parameters",
        "plugins",
        "pps",
        "ppx",
        "ppx_runtime_libraries",
        "re_export",
        "replaces",
        "runner_libraries",
        "staged_pps",
        "virtual_deps",
    }
)
"""Fields whose words are names of libraries (wherever dune's `Lib_name.decode` reads one)."""

_LIBRARIES = frozenset({"library", "library_parameter"})
_DEFINING = _LIBRARIES | {"deprecated_library_name"}
_OF_DEFAULT_PACKAGE = frozenset({"install", "documentation", "plugin"})
_TOOL = "dune"
"""Provided in every build as a program, with or without the libraries that opam installs beside it."""

_COPIES = {"stdune.csexp": "csexp", "dyn.pp": "pp"}
"""Libraries in dune's own source, up to 3.20, that are copies of others: their public and private names."""

_IN_TEXT = re.compile(r"(%\{(?:lib|libexec|lib-private|libexec-private|lib-available):)([^:}\s]+)")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a source defines for a whole workspace, each with its place: ``file:line``, of the source.

    ``packages`` by name; ``libraries`` are only those whose name does not say their package (old names of
    libraries of deprecated packages); ``language`` is the highest X.Y of ``(lang dune X.Y)``. ``nested`` are
    the names of packages in projects that the source itself vendors.
    """

    packages: Mapping[str, str]
    libraries: Mapping[str, str]
    language: tuple[int, int] = (0, 0)
    language_place: str = ""
    nested: tuple[str, ...] = ()


def expose(top: Path, packages: Collection[str], tree: SourceTree | None = None) -> Shown:
    """Hide in the source at ``top`` every package but ``packages``; what it shows to dune then.

    ``tree`` is that of ``top``, where somebody has it.

    Projects that the source itself vendors keep all their packages, as ``-p`` keeps them since dune 3.0; see
    `hide_copies` for those that are locked from elsewhere. Of dune's own source the old names of locked
    libraries stay as well (``dune.configurator``), with the package dune that they are in: opam would have
    installed them with dune, but here dune may be a program alone. Its copies of csexp and pp go, as opam's
    builds of its packages begin with removing them: what names them means the packages csexp and pp.
    """
    return _expose(tree or SourceTree(top), packages, ())


def hide_copies(top: Path, packages: Collection[str], copies: Collection[str]) -> Shown:
    """Hide ``copies`` too, in projects that the source at ``top``, exposed already, vendors itself."""
    return _expose(SourceTree(top), packages, copies)


def _expose(tree: SourceTree, packages: Collection[str], copies: Collection[str]) -> Shown:
    projects = projects_in(tree)
    nested = {name for project in projects if project.vendored for name in project.packages}
    shown: dict[str, str] = {}
    libraries: dict[str, str] = {}
    highest: tuple[tuple[int, int], str] = ((0, 0), "")
    folders = frozenset(project.folder for project in projects)
    for project in projects:
        unwanted = set(copies) if project.vendored else project.packages.keys() - set(packages)
        hidden = unwanted & project.packages.keys()
        if hidden or project.has_old_names:
            files = list(dict.fromkeys(tree.dune_files(project.folder, folders)))
            hidden -= _named_in(hidden, [file.text for file in files if file.stanzas is None])
            if hidden:
                _hide_stanzas(project, hidden, packages, files, tree)
            stanzas = [stanza for file in files for _, stanza in placed(file.stanzas or ())]
            if _TOOL in hidden and any(_is_old_name(stanza, packages) for stanza in stanzas):
                hidden.remove(_TOOL)
            _hide_packages(project, hidden, tree)
            libraries |= _old_names(project, hidden, files)
        shown |= {name: place for name, place in project.packages.items() if name not in hidden}
        highest = max(highest, project.language, key=lambda one: one[0])
    return Shown(shown, libraries, *highest, tuple(sorted(nested)))


def _named_in(packages: Collection[str], texts: Collection[str]) -> set[str]:
    """Those of ``packages`` whose name stands somewhere in ``texts``."""
    return {
        name
        for name in packages
        if any(re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) for text in texts)
    }


def _is_old_name(stanza: Form, packages: Collection[str]) -> bool:
    """Whether ``stanza`` is a name below the package dune for a library of ``packages``."""
    new = stanza.word("new_public_name") or ""
    return package_of(stanza, None) == _TOOL and new.partition(".")[0] in packages


def _is_copy(stanza: Form) -> bool:
    """Whether ``stanza`` is one of dune's `_COPIES`."""
    name = _COPIES.get(stanza.word("public_name") or "")
    return name is not None and name == stanza.word("name")


def _hide_packages(project: Project, hidden: Set[str], tree: SourceTree) -> None:
    for name in hidden & project.opam_files.keys():
        # It is gone already where another project is the same one behind a link.
        (tree.top / project.opam_files[name]).unlink(missing_ok=True)
    tree.edit(project.file, _without_packages(project, hidden))


def _hide_stanzas(
    project: Project,
    hidden: Set[str],
    packages: Collection[str],
    files: Collection[DuneFile],
    tree: SourceTree,
) -> None:
    gone = {*hidden, *project.old_names(hidden)}
    default = next(iter(project.packages)) if len(project.packages) == 1 else None
    going: list[tuple[DuneFile, Form]] = []
    staying: list[tuple[DuneFile, Form]] = []
    for file in files:
        for _, stanza in placed(file.stanzas or ()):
            belongs = package_of(stanza, default) in gone and not _is_old_name(stanza, packages)
            goes = belongs or _is_copy(stanza)
            (going if goes else staying).append((file, stanza))
    names = _public_names(stanza for _, stanza in going if not _is_copy(stanza))
    for _, stanza in staying:
        if stanza.head in _LIBRARIES:
            names.pop(stanza.word("name") or "", None)  # the name is still one of the project's own
    edits: dict[DuneFile, list[Edit]] = {file: [] for file in files}
    for file, stanza in going:
        edits[file].append(erased(file.text, stanza))
    for file, stanza in staying:
        edits[file] += _renamed(stanza, names)
    for file in files:
        tree.edit(file, edits[file])


def package_of(stanza: Form, default: str | None) -> str | None:
    """The package that dune attaches ``stanza`` to; ``default`` is that of a project with only one."""
    said = stanza.word("package")
    match stanza.head:
        case "library" | "library_parameter" | "coq.theory" | "rocq.theory":
            public = stanza.word("public_name")
            return public.partition(".")[0] if public else said
        case "deprecated_library_name":
            old = stanza.word("old_public_name")
            return old.partition(".")[0] if old else None
        case "executable" | "executables":
            names = stanza.field("public_name") or stanza.field("public_names")
            installed = names and any(atom.text != "-" for atom in names.atoms)
            return said or (default if installed else None)
        case head if head in _OF_DEFAULT_PACKAGE:
            return said or default
    return said


def _public_names(stanzas: Iterable[Form]) -> dict[str, str]:
    """What dune finds the libraries of ``stanzas`` by elsewhere, by their private names."""
    names: dict[str, str] = {}
    for stanza in stanzas:
        name = stanza.word("name")
        if stanza.head not in _LIBRARIES or name is None:
            continue
        package = stanza.word("package")
        public = stanza.word("public_name") or (f"{package}.__private__.{name}" if package else name)
        if public != name:
            names.setdefault(name, public)
    return names


def _without_packages(project: Project, hidden: Collection[str]) -> list[Edit]:
    """The edits of dune-project. dune wants a package that stands alone to be called as the project is."""
    text = project.file.text
    edits = [erased(text, form) for name, form in project.stanzas.items() if name in hidden]
    left = [name for name in project.stanzas if name not in hidden]
    if edits and len(left) == 1 and project.title:
        edits += [_put(atom, left[0]) for atom in project.title.atoms if atom.text != left[0]]
    return edits


def _renamed(form: Form, names: Mapping[str, str]) -> Iterator[Edit]:
    """The edits that put public names for private ones wherever ``form`` names a library."""
    libraries = form.head in _LIBRARY_FIELDS
    present = {atom.text for atom in form.atoms}
    flags = False
    for position, item in enumerate(form.items):
        if isinstance(item, Form):
            yield from _choices(item, names) if libraries and item.head == "select" else _renamed(item, names)
            continue
        flags = flags or item.text == "--"
        if libraries and position and not flags and item.text in names:
            public = names[item.text]
            yield _put(item, "" if public in present else public)
        else:
            yield from _in_text(item, names)


def _choices(select: Form, names: Mapping[str, str]) -> Iterator[Edit]:
    """The same in ``(select FILE from (library !library -> FILE) …)``."""
    for choice in select.forms:
        for atom in choice.items:
            if not isinstance(atom, Atom) or atom.text == "->":
                break
            mark, name = ("!", atom.text[1:]) if atom.text.startswith("!") else ("", atom.text)
            if name in names:
                yield _put(atom, mark + names[name])


def _in_text(atom: Atom, names: Mapping[str, str]) -> Iterator[Edit]:
    """The same in ``%{lib:library:file}`` and its like."""
    text = _IN_TEXT.sub(lambda found: found[1] + names.get(found[2], found[2]), atom.text)
    if text != atom.text:
        yield _put(atom, text)


def _put(atom: Atom, text: str) -> Edit:
    """``text`` for that of ``atom``, inside of its quotes where it has some."""
    quotes = (atom.end - atom.start - len(atom.text)) // 2
    return Edit(atom.start + quotes, atom.end - quotes, text)


def _old_names(project: Project, hidden: Collection[str], files: Collection[DuneFile]) -> dict[str, str]:
    """The libraries that shown packages of ``project`` define under the name of a package they replace."""
    old = project.old_names(project.packages.keys() - set(hidden))
    return {
        name: f"{file.path}:{line_at(file.text, stanza.start)}"
        for file in files
        for _, stanza in placed(file.stanzas or ())
        if stanza.head == "deprecated_library_name"
        and (name := stanza.word("old_public_name"))
        and name.partition(".")[0] in old
    }


def place_of_library(top: Path, name: str) -> str | None:
    """Where the source at ``top`` defines the public library ``name``, as ``file:line``."""
    tree = SourceTree(top)
    folders = frozenset(folder for folder, _ in tree.projects())
    for folder in sorted(folders):
        for file in tree.dune_files(folder, folders):
            for _, stanza in placed(file.stanzas or ()):
                if (
                    name in (stanza.word("public_name"), stanza.word("old_public_name"))
                    and stanza.head in _DEFINING
                ):
                    return f"{file.path}:{line_at(file.text, stanza.start)}"
    return None
