"""The project: its roots read, and what they and mono.toml ask for brought together.

The ``x-opam-monorepo-*`` fields of the roots count as they do in opam-monorepo; where mono.toml speaks of the
same thing, mono.toml wins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

from monorepo.errors import ManifestError
from monorepo.manifest import Manifest
from monorepo.pins import Pin, read_pins
from monorepo.repository_url import (
    ARCHIVE_SUFFIXES,
    ImpossibleUrlError,
    RepositorySetting,
    repository_setting,
)
from monorepo.targets.definition import Target
from overlays.errors import OpamSyntaxError
from overlays.notation import parse_dependency
from overlays.opam_file import OpamFile, read_package
from overlays.syntax.tree import Boolean, Identifier, List, String, Value
from solver.formula import Dependency, dependencies_in
from solver.formula import Value as VariableValue
from solver.package import Package
from solver.reduction import Reduction, wanted_in
from solver.request import Platform, Request, package_variables

RUNTIME = "mirage-runtime"
"""A root that depends on it is a unikernel, and gets the packages of its targets."""

COMPILER = "ocaml-base-compiler"

HOST = "host"

_Variables: TypeAlias = "tuple[tuple[str, VariableValue], ...]"

_IN_PROJECT = "file://$OPAM_MONOREPO_CWD/"


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that is asked for, in values.

    The ``variables`` of its targets are all that hold there; what they require is empty where no root is a
    unikernel. ``digest`` is ``sha256:`` over all of it, the
    repositories' content apart.
    """

    name: str
    roots: tuple[Package, ...]
    repositories: tuple[RepositorySetting, ...]
    targets: tuple[Target, ...]
    variables: _Variables
    archive_mirrors: tuple[str, ...]
    request: Request
    root_files: Mapping[str, OpamFile]
    pins: tuple[Pin, ...]
    digest: str


def load_project(folder: Path, manifest: Manifest) -> Project:
    """Read the roots of ``manifest`` and complete it from their fields.

    Raises:
        ManifestError: a root cannot be read, or a field of it says something impossible.
    """
    files = [_read_root(folder, root.file) for root in manifest.roots]
    roots = tuple(_as_root(file, root.name) for root, file in zip(manifest.roots, files, strict=True))
    targets = manifest.targets
    environments = {target.name: _environment(target, files, manifest) for target in targets}
    provided = manifest.provided if "solve.provided" in manifest.stated else _provided(files)
    repositories = manifest.repositories
    if "repositories" not in manifest.stated:
        repositories = _repositories(files, folder) or repositories
    wanted = _wanted_by_roots(roots, environments.values())
    is_unikernel = RUNTIME in wanted
    targets = tuple(
        replace(
            target,
            variables=tuple(sorted(environments[target.name].items())),
            requires=target.requires if is_unikernel else (),
            provided=target.provided if is_unikernel else (),
        )
        for target in targets
    )
    pins = _pins(files, roots)
    request = Request(
        roots=roots,
        platforms=_platforms(targets),
        requires=() if _chooses_compiler(wanted) else (Dependency(COMPILER),),
        restrictions=manifest.restrictions,
        pinned=frozenset(pin.name for pin in pins),
        provided=frozenset((*provided, *(name for target in targets for name in target.provided))),
        root_places=_root_places(manifest, files, roots),
    )
    return Project(
        manifest.project,
        roots,
        repositories,
        targets,
        tuple(sorted({**_variables(files), **dict(manifest.variables)}.items())),
        manifest.archive_mirrors,
        request,
        dict(zip((root.name for root in roots), files, strict=True)),
        pins,
        _digest(manifest, files),
    )


def _read_root(folder: Path, name: str) -> OpamFile:
    path = folder / name
    try:
        file = OpamFile.parse(path.read_text(encoding="utf-8"), name)
        file.check()
        return file
    except OpamSyntaxError as error:
        raise ManifestError(
            error.reason, f"{name}:{error.line}", "mend the opam file", (error.source_line,)
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"cannot be read: {error}", name) from error


def _as_root(file: OpamFile, name: str) -> Package:
    try:
        written = file.string("name")
        if written is not None and written != name:
            raise ManifestError(f'says that its name is "{written}"', file.place, "rename one of the two")
        return read_package(file, name, file.string("version") or "dev")
    except OpamSyntaxError as error:
        raise ManifestError(
            error.reason, f"{file.place}:{error.line}", details=(error.source_line,)
        ) from error


def _environment(target: Target, files: Sequence[OpamFile], manifest: Manifest) -> dict[str, VariableValue]:
    """opam's variables on one target.

    What the roots' fields say describes the host that their author had in mind: other targets know better
    what they are. What mono.toml says holds for every target.
    """
    of_target, of_roots = dict(target.variables), _variables(files)
    told = of_target | of_roots if target.name == HOST else of_roots | of_target
    return told | dict(manifest.variables)


def _platforms(targets: Sequence[Target]) -> tuple[Platform, ...]:
    """Targets with equal variables and requirements see the same packages, and are one platform."""
    groups: dict[tuple[tuple[tuple[str, VariableValue], ...], tuple[str, ...], bool], list[Target]] = {}
    for target in targets:
        groups.setdefault((target.variables, target.requires, target.toolchain is not None), []).append(
            target
        )
    return tuple(
        Platform(
            tuple(target.name for target in group),
            dict(variables),
            tuple(parse_dependency(text, f"target {group[0].name}") for text in requires),
            cross=cross,
        )
        for (variables, requires, cross), group in groups.items()
    )


def _wanted_by_roots(
    roots: Sequence[Package], environments: Iterable[Mapping[str, VariableValue]]
) -> frozenset[str]:
    """Names that some root wants on some target, filters decided."""
    reductions = [Reduction(package_variables(Platform((), e), own=True)) for e in environments]
    return frozenset(
        wanted.name
        for root in roots
        for reduction in reductions
        for wanted in wanted_in(reduction.need(root.depends, root.name, root.version))
    )


def _chooses_compiler(wanted: frozenset[str]) -> bool:
    """Whether a root asks for a variant of the compiler or for an option of it."""
    return any(name == "ocaml-variants" or name.startswith("ocaml-option-") for name in wanted)


def _pins(files: Sequence[OpamFile], roots: Sequence[Package]) -> tuple[Pin, ...]:
    pins = read_pins(files)
    for pin in pins:
        if any(root.name == pin.name for root in roots):
            raise ManifestError(
                f"{pin.name} is a root of this project, and pinned to {pin.url}", pin.place, "drop the pin"
            )
    return pins


def root_places(folder: Path, manifest: Manifest) -> dict[tuple[str, str], str]:
    """Where the roots name what they need: ``(root, dependency)`` to ``hello.opam:5``.

    Raises:
        ManifestError: a root cannot be read.
    """
    files = [_read_root(folder, root.file) for root in manifest.roots]
    roots = tuple(_as_root(file, root.name) for root, file in zip(manifest.roots, files, strict=True))
    return _root_places(manifest, files, roots)


def _root_places(
    manifest: Manifest, files: Sequence[OpamFile], roots: Sequence[Package]
) -> dict[tuple[str, str], str]:
    return {
        (root.name, dependency.name): f"{setting.file}:{file.line_of_dependency(dependency.name)}"
        for setting, file, root in zip(manifest.roots, files, roots, strict=True)
        for dependency in dependencies_in(root.depends)
    }


def _provided(files: Sequence[OpamFile]) -> tuple[str, ...]:
    return tuple(sorted({name for file in files for name in file.strings("x-opam-monorepo-opam-provided")}))


def _variables(files: Sequence[OpamFile]) -> dict[str, VariableValue]:
    """``x-opam-monorepo-global-opam-vars: [["arch" "x86_64"] …]``; a list is joined by blanks."""
    field = "x-opam-monorepo-global-opam-vars"
    variables: dict[str, VariableValue] = {}
    for file in files:
        for name, value in file.pairs(field):
            told = _variable_value(value, file, field)
            if variables.setdefault(name, told) != told:
                raise ManifestError(f"{field} gives {name} another value than another root does", file.place)
    return variables


def _variable_value(value: Value, file: OpamFile, field: str) -> VariableValue:
    match value:
        case String():
            return value.text
        case Boolean():
            return value.truth
        case Identifier():
            return value.name
        case List(_, values, _) if all(isinstance(inner, String) for inner in values):
            return " ".join(inner.text for inner in values if isinstance(inner, String))
    raise ManifestError(f"{field} holds texts, true, false or lists of texts", file.place)


def _repositories(files: Sequence[OpamFile], folder: Path) -> tuple[RepositorySetting, ...]:
    """``x-opam-monorepo-opam-repositories``, in the order written."""
    settings: dict[str, RepositorySetting] = {}
    for file in files:
        for written in file.strings("x-opam-monorepo-opam-repositories"):
            url = _as_mono_writes(written)
            name = f"root-{len(settings) + 1}"
            if any(setting.url == url for setting in settings.values()):
                continue
            try:
                settings[name] = repository_setting(name, url, folder)
            except ImpossibleUrlError as error:
                raise ManifestError(error.reason, file.place, error.hint) from error
    return tuple(settings.values())


def _as_mono_writes(url: str) -> str:
    """opam-monorepo's form of a repository's url in mono's: folders are paths, git says so."""
    if url.startswith(_IN_PROJECT):
        return unquote(url.removeprefix(_IN_PROJECT))
    if url.startswith("file:///") and not url.endswith(ARCHIVE_SUFFIXES):
        return unquote(url.removeprefix("file://"))
    if url.startswith("https://") and url.endswith(".git"):
        return f"git+{url}"
    return url


def _digest(manifest: Manifest, files: Sequence[OpamFile]) -> str:
    digest = hashlib.sha256(manifest.digest_material)
    for file in files:
        digest.update(hashlib.sha256(str(file).encode("utf-8")).digest())
    return f"sha256:{digest.hexdigest()}"
