"""Takes artefacts out of dune's build folder: finds, copies, checks, hashes, and strips them if need be."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from builder.context import Check, Companion, Context, Step
from builder.digest import file_digest
from builder.errors import ArtefactError, ToolError
from builder.processes import run
from builder.rooms import Room
from builder.toolchain import Installation

_ELF = b"\x7fELF"
_BYTECODE = b"Caml1999X"
_TRAILER = 12
_BUILD_ID = ".note.gnu.build-id"


Role: TypeAlias = Literal["built", "made", "companion"]


@dataclass(frozen=True, slots=True)
class Artefact:
    """A finished file.

    Args:
        source: where below dune's build folder it came from; what a step made of another, or what
            accompanies it, came from where that did.
        role: whether dune built it, a step made it of what dune built, or it accompanies that.
        stripped: whether it lost its debug information, as that told where it was built.
        tells_place: whether it tells that all the same.
    """

    name: str
    path: Path
    source: str
    size: int
    digest: str
    role: Role = "built"
    stripped: bool = False
    tells_place: bool = False


def take_artefacts(
    context: Context, installation: Installation, room: Room, folder: Path
) -> tuple[Artefact, ...]:
    """Copy every artefact that the context expects into ``folder``, made anew, and check each copy.

    Where one tells of the room's own paths, debug information and the linker's build id are removed from it:
    there was a compiler that could not be told to write others. Beside each comes what the context's steps
    make of it, and its companions, some of which are files of the project.

    Raises:
        ArtefactError: a glob matches nothing, two artefacts have one name, or a check or a step fails.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    environment = {**dict(context.environment), "PATH": installation.search_path}
    made: list[tuple[Path, Path, Role]] = []
    stripped: set[Path] = set()
    sources = {source for glob in context.artefacts for source in _matches(glob, room.build_folder, context)}
    for source in sorted(sources):
        path = _new(folder, source.name)
        shutil.copyfile(source, path)
        path.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
        if _tells(path, room.own_paths) and _strip(path, installation.strip, environment):
            stripped.add(path)
        for check in context.checks:
            _ask(check, path, environment)
        made.append((path, source, "built"))
    for path, source, _ in tuple(made):
        made += [(_take(step, path, environment), source, "made") for step in context.steps]
        made += [(_accompany(each, path, room.project), source, "companion") for each in context.companions]
    return tuple(
        Artefact(
            name=path.name,
            path=path,
            source=source.relative_to(room.build_folder).as_posix(),
            size=path.stat().st_size,
            digest=file_digest(path),
            role=role,
            stripped=path in stripped,
            tells_place=_tells(path, room.own_paths),
        )
        for path, source, role in sorted(made)
    )


def _new(folder: Path, name: str) -> Path:
    """The place for a file of that name, which nothing has yet."""
    if (folder / name).exists():
        raise ArtefactError("two artefacts have this name", place=name)
    return folder / name


def _matches(glob: str, build_folder: Path, context: Context) -> Iterator[Path]:
    found = [
        path for path in sorted(build_folder.glob(glob)) if path.is_file() and not path.name.startswith(".")
    ]
    if glob.startswith("install/"):
        found = [path for path in found if _is_own(path, build_folder, context)]
    if not found:
        raise ArtefactError(
            "dune succeeded, but nothing that it built is called so",
            place=glob,
            hint=f"is it enabled in the dune context {context.dune.context}, and does "
            f"{context.dune.arguments[-1]} build it? The artefacts of a target can be set in mono.toml",
        )
    yield from found


def _is_own(path: Path, build_folder: Path, context: Context) -> bool:
    """Whether a file that dune laid out for installation is one of the project's own packages.

    dune also lays out what its rules run, such as a generator; the ``.install`` files tell whose a file is.
    For a findlib toolchain they are called after that too.
    """
    ending = f'/{path.relative_to(build_folder).as_posix()}"'
    toolchain = "" if context.toolchain.name is None else f"-{context.toolchain.name}"
    lists = [
        file
        for package in context.project.packages
        for suffix in {"", toolchain}
        for file in build_folder.glob(f"*/**/{package}{suffix}.install")
    ]
    return not lists or any(ending in file.read_text(encoding="utf-8") for file in lists)


def _tells(path: Path, places: Sequence[str]) -> bool:
    """Whether one of ``places`` is written in a file, be it in a compressed section."""
    if not places:
        return False
    from builder.elf import compressed_contents

    contents = (path.read_bytes(), *compressed_contents(path))
    return any(os.fsencode(place) in content for place in places for content in contents)


def _strip(path: Path, strip: str | None, environment: Mapping[str, str]) -> bool:
    """Strip a native executable, and say so; bytecode stands behind its end, where strip would cut it off."""
    with path.open("rb") as file:
        start = file.read(len(_ELF))
        file.seek(max(0, path.stat().st_size - _TRAILER))
        is_native = start == _ELF and not file.read().startswith(_BYTECODE)
    if not is_native:
        return False
    if strip is None:
        raise ToolError(
            "is not on PATH, and what was built tells where it was built",
            place="strip",
            hint="install binutils",
        )
    command = (strip, "--strip-debug", f"--remove-section={_BUILD_ID}", str(path))
    completed = run(command, folder=path.parent, environment=environment)
    if completed.status != 0:
        raise ArtefactError(
            f"cannot be stripped by {strip}",
            place=path.name,
            details=tuple(completed.output.splitlines()[:3]),
        )
    return True


def _ask(check: Check, path: Path, environment: Mapping[str, str]) -> None:
    arguments = tuple(argument.replace("%{artefact}", str(path)) for argument in check.arguments)
    completed = run((check.tool, *arguments), folder=path.parent, environment=environment)
    if completed.status != 0 or check.expected not in completed.output:
        raise ArtefactError(
            f"{' '.join((check.tool, *check.arguments))} does not answer {check.expected}",
            place=path.name,
            details=tuple(completed.output.splitlines()[:5]) or (f"exit status {completed.status}",),
        )


def _take(step: Step, artefact: Path, environment: Mapping[str, str]) -> Path:
    """The file that a step makes of an artefact."""
    output = _new(artefact.parent, _named(step.output, artefact))
    replaced = {"%{artefact}": str(artefact), "%{output}": str(output), "%{name}": artefact.stem}
    arguments = tuple(_filled(argument, replaced) for argument in step.arguments)
    completed = run((step.tool, *arguments), folder=artefact.parent, environment=environment)
    if completed.status != 0 or not output.is_file():
        raise ArtefactError(
            f"{' '.join((step.tool, *step.arguments))} does not make {output.name} of it",
            place=artefact.name,
            details=tuple(completed.output.splitlines()[:5]) or (f"exit status {completed.status}",),
        )
    return output


def _accompany(companion: Companion, artefact: Path, project: Path) -> Path:
    """The companion of an artefact, written or copied."""
    path = _new(artefact.parent, _named(companion.name, artefact))
    if companion.file is None:
        replaced = {"%{name}": artefact.stem, "%{artefact}": artefact.name}
        path.write_text(_filled(companion.text, replaced), encoding="utf-8", newline="")
    else:
        try:
            shutil.copyfile(project / companion.file, path)
        except OSError as error:
            raise ArtefactError(
                f"cannot be copied ({error.strerror}), but goes with {artefact.name}", place=companion.file
            ) from error
    path.chmod(0o644)
    return path


def _named(name: str, artefact: Path) -> str:
    return name.replace("%{name}", artefact.stem)


def _filled(text: str, replaced: Mapping[str, str]) -> str:
    """``text`` with each place in it replaced at once: what is put in is left as it is."""
    return re.sub("|".join(map(re.escape, replaced)), lambda place: replaced[place[0]], text)
