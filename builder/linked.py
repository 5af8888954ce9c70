"""Which packages are in an artefact: those whose libraries it was linked with, not all that were locked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.account import Account, Made
from builder.artefacts import Artefact
from builder.certificate import Package
from builder.context import Context
from builder.digest import file_digest
from builder.outside import package_at
from builder.toolchain import WITH_THE_COMPILER

_LIBRARY = re.compile(r"\(\s*library\b")
_NAME = re.compile(r"\(\s*(name|public_name)\s+([^\s()]+)\s*\)")


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in an artefact.

    Args:
        packages: locked ones, sorted by name.
        known: whether it is known what was linked; otherwise all that was locked for the target is given.
    """

    packages: tuple[Package, ...]
    known: bool


def contents_of(
    artefact: Artefact, context: Context, project: Path, build_folder: Path, account: Account
) -> Contents:
    """What ``artefact`` was linked with, by the ``account`` of dune's ``build_folder``."""
    links = _links(artefact, context, build_folder, account)
    if not links:
        everything = (package for package in context.locked if _is_from_elsewhere(package, context))
        return Contents(tuple(everything), known=False)
    names = {
        name
        for made in links
        for library in made.libraries or ()
        for name in _packages(library, context, project)
    }
    names |= set(context.toolchain.linked)
    return Contents(tuple(package for package in context.locked if package.name in names), known=True)


def _links(artefact: Artefact, context: Context, build_folder: Path, account: Account) -> list[Made]:
    """How the program was linked that an artefact is.

    An artefact may be a link to a program or a copy of one. One that was made of a program in some other way
    may be of any that was linked for the target.
    """
    programs = {
        path: made
        for path, made in account.items()
        if made.context == context.dune.context and made.libraries is not None
    }
    place = build_folder / artefact.source
    target = place.resolve()
    if target.is_relative_to(build_folder) and (path := str(target.relative_to(build_folder))) in programs:
        return [programs[path]]
    size, digest = place.stat().st_size, file_digest(place)
    same = [
        made
        for path, made in programs.items()
        if (build_folder / path).stat().st_size == size and file_digest(build_folder / path) == digest
    ]
    return same[:1] or list(programs.values())


def _packages(library: str, context: Context, project: Path) -> Iterator[str]:
    """Names of the packages to which a library may belong: of one in the project's own sources, none."""
    if library.startswith("/"):
        name = package_at(Path(library).parent)
        if name is not None and name not in WITH_THE_COMPILER:
            yield name
        return
    for folder, _ in context.inputs.folders:
        if library.startswith(f"{folder}/"):
            packages = [p.name for p in context.locked if p.source is not None and p.source.folder == folder]
            sources = project / context.inputs.place_of(folder) / Path(library).relative_to(folder)
            yield from packages if len(packages) == 1 else _narrowed(packages, sources)


def _narrowed(packages: Sequence[str], library: Path) -> Sequence[str]:
    """The one of a source's packages to which a library belongs, as the dune file says, or else all."""
    try:
        text = (library.parent / "dune").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return packages
    for stanza in _LIBRARY.split(text)[1:]:
        names = dict(reversed(_NAME.findall(stanza)))
        public = names.get("public_name", "")
        if library.stem == names.get("name", public.replace(".", "_")):
            return [name for name in packages if name == public.partition(".")[0]] or packages
    return packages


def _is_from_elsewhere(package: Package, context: Context) -> bool:
    return package.source is not None or package.name in context.toolchain.linked
