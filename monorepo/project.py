"""The project: its roots read, and what they and mono.toml ask for brought together.

The ``x-opam-monorepo-*`` fields of the roots count as they do in opam-monorepo; where mono.toml speaks of the
same thing, mono.toml wins.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from monorepo.errors import ManifestError, TargetError
from monorepo.manifest import Manifest
from monorepo.pins import Pin, read_pins
from monorepo.repository_url import ImpossibleUrlError, RepositorySetting, repository_setting
from monorepo.targets.definition import Target
from monorepo.targets.reader import define_target, load_target
from overlays.errors import OpamSyntaxError
from overlays.formulas import parse_dependency
from overlays.opam_file import OpamFile, read_package
from overlays.syntax.tree import Boolean, Identifier, List, String, Value
from solver.formula import Dependency, dependencies_in
from solver.formula import Value as VariableValue
from solver.package import Package
from solver.request import Platform, Request

RUNTIME = "mirage-runtime"
"""A root that depends on it is a unikernel, and gets the packages of its targets."""

COMPILER = "ocaml-base-compiler"


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that is asked for, in values.

    ``digest`` is ``sha256:`` over all of it, the repositories' content apart.
    """

    name: str
    roots: tuple[Package, ...]
    repositories: tuple[RepositorySetting, ...]
    targets: tuple[Target, ...]
    variables: tuple[tuple[str, VariableValue], ...]
    archive_mirrors: tuple[str, ...]
    request: Request
    pins: tuple[Pin, ...]
    digest: str


def load_project(folder: Path, manifest: Manifest) -> Project:
    """Read the roots of ``manifest`` and complete it from their fields.

    Raises:
        ManifestError: a root cannot be read, or a field of it says something impossible.
        TargetError: a target is unknown or refused.
    """
    files = [_read_root(folder, root.file) for root in manifest.roots]
    roots = tuple(_as_root(file, root.name) for root, file in zip(manifest.roots, files, strict=True))
    targets = _targets(manifest)
    variables = dict(_variables(files)) | dict(manifest.variables)
    provided = manifest.provided if "solve.provided" in manifest.stated else _provided(files)
    repositories = manifest.repositories
    if "repositories" not in manifest.stated:
        repositories = _repositories(files, folder) or repositories
    unikernel = any(d.name == RUNTIME for root in roots for d in dependencies_in(root.depends))
    request = Request(
        roots=roots,
        platforms=_platforms(targets, variables, unikernel=unikernel),
        requires=() if _chooses_compiler(roots) else (Dependency(COMPILER),),
        restrictions=manifest.restrictions,
        provided=frozenset(provided) | _provided_by_targets(targets, unikernel=unikernel),
        root_places=_root_places(manifest, files, roots),
    )
    return Project(
        manifest.project,
        roots,
        repositories,
        targets,
        tuple(sorted(variables.items())),
        manifest.archive_mirrors,
        request,
        read_pins(files),
        _digest(manifest, files, targets),
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


def _targets(manifest: Manifest) -> tuple[Target, ...]:
    settings = {setting.name: setting for setting in manifest.target_settings}
    targets = []
    for name in manifest.targets:
        if name in settings:
            targets.append(define_target(name, settings[name].table, place=settings[name].place))
        else:
            try:
                targets.append(load_target(name))
            except TargetError as error:
                raise TargetError(error.reason, "mono.toml, [targets] build", error.hint) from error
    return tuple(sorted(targets, key=lambda target: target.name))


def _platforms(
    targets: Sequence[Target], variables: dict[str, VariableValue], *, unikernel: bool
) -> tuple[Platform, ...]:
    """Targets with equal variables and requirements see the same packages, and are one platform."""
    groups: dict[tuple[object, ...], list[Target]] = {}
    for target in targets:
        requires = target.requires if unikernel else ()
        groups.setdefault((target.variables, requires, target.toolchain is not None), []).append(target)
    return tuple(
        Platform(
            tuple(target.name for target in group),
            dict(group[0].variables) | variables,
            tuple(parse_dependency(text, f"target {group[0].name}") for text in group[0].requires)
            if unikernel
            else (),
            cross=group[0].toolchain is not None,
        )
        for group in groups.values()
    )


def _provided_by_targets(targets: Sequence[Target], *, unikernel: bool) -> frozenset[str]:
    return frozenset(name for target in targets for name in target.provided) if unikernel else frozenset()


def _chooses_compiler(roots: Sequence[Package]) -> bool:
    """Whether a root asks for a variant of the compiler or for an option of it."""
    return any(
        dependency.name == "ocaml-variants" or dependency.name.startswith("ocaml-option-")
        for root in roots
        for dependency in dependencies_in(root.depends)
    )


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


def _variables(files: Sequence[OpamFile]) -> Iterator[tuple[str, VariableValue]]:
    """``x-opam-monorepo-global-opam-vars: [["arch" "x86_64"] …]``; a list is joined by blanks."""
    field = "x-opam-monorepo-global-opam-vars"
    for file in files:
        value = file.field(field)
        if value is None:
            continue
        entries = value.values if isinstance(value, List) else (value,)
        if entries and all(isinstance(entry, String) for entry in entries):
            entries = (value,)  # a single pair may stand without its outer brackets
        for entry in entries:
            match entry:
                case List(_, (String() as name, held), _):
                    yield name.text, _variable_value(held, file, field)
                case _:
                    raise ManifestError(f"{field} holds pairs of a name and a value", file.place)


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
    """``x-opam-monorepo-opam-repositories``, in the order written; ``$OPAM_MONOREPO_CWD`` is the project."""
    settings: dict[str, RepositorySetting] = {}
    for file in files:
        for url in file.strings("x-opam-monorepo-opam-repositories"):
            local = url.replace("$OPAM_MONOREPO_CWD", ".")
            if local.startswith("file://") and not local.endswith((".tar.gz", ".tar.bz2", ".tar.xz", ".zip")):
                local = (
                    local.removeprefix("file://").lstrip("/") if "/./" in local else local[len("file://") :]
                )
            if local.startswith("https://") and local.endswith(".git"):
                local = f"git+{local}"
            name = f"root-{len(settings) + 1}"
            if any(setting.url == local for setting in settings.values()):
                continue
            try:
                settings[name] = repository_setting(name, local, folder)
            except ImpossibleUrlError as error:
                raise ManifestError(error.reason, file.place, error.hint) from error
    return tuple(settings.values())


def _digest(manifest: Manifest, files: Sequence[OpamFile], targets: Sequence[Target]) -> str:
    digest = hashlib.sha256(manifest.digest_material)
    for file in files:
        digest.update(hashlib.sha256(str(file).encode("utf-8")).digest())
    digest.update(json.dumps([repr(target) for target in targets]).encode("ascii"))
    return f"sha256:{digest.hexdigest()}"
