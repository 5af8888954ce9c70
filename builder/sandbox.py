"""A room in a sandbox of bubblewrap.

In it sources, build folder and home have the places that the context names, nothing but the build folder
stays of what is written, there is no network, and user and machine have fixed names; so neither the place of
the project nor anything around it gets into an artefact. People's own folders are not to be seen.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from builder.context import Context, Sandbox
from builder.errors import ToolError
from builder.processes import run
from builder.rooms import TEMPORARY, Conditions, Person, Room, made, room_environment
from builder.toolchain import Installation

Wish: TypeAlias = Literal["auto", "require", "off"]

_NOT_SHOWN = frozenset({"dev", "home", "lost+found", "proc", "root", "run", "sys", "tmp"})


def find_bubblewrap(wish: Wish, context: Context, environment: Mapping[str, str]) -> str | None:
    """The path of a bubblewrap that works here; None where there is none, or none is wished for.

    Raises:
        ToolError: a sandbox is required, and there is none.
    """
    if wish == "off":
        return None
    path = shutil.which("bwrap", path=environment.get("PATH"))
    trial = (
        None
        if path is None
        else run((path, *_isolation(context.sandbox, Conditions()), "true"), folder=Path("/"), environment={})
    )
    if trial is not None and trial.status == 0:
        return path
    if wish == "require":
        raise ToolError(
            "a sandbox is required, but bubblewrap "
            + ("is not on PATH" if trial is None else "does not work here"),
            place="bwrap",
            hint="install bubblewrap, or build with --sandbox=auto",
            details=() if trial is None else tuple(trial.output.splitlines()[:3]),
        )
    return None


def sandboxed_room(
    context: Context,
    installation: Installation,
    project: Path,
    work: Path,
    bubblewrap: str,
    conditions: Conditions,
) -> Room:
    """A room in a sandbox; ``work`` is where its build folder is kept."""
    build = made(work / "dune")
    places = context.sandbox
    home = str(Path(places.home).with_name(conditions.home))
    entrance = (
        bubblewrap,
        *_isolation(places, conditions),
        *_tools_not_shown(installation),
        *_identity(conditions.person, home, made(work / "identity")),
        *("--tmpfs", home),
        *("--ro-bind", str(project), places.sources),
        *("--bind", str(build), places.build),
        *("--remount-ro", "/", "--chdir", places.sources),
        "--",
    )
    environment = room_environment(context, installation, home, TEMPORARY, conditions)
    return Room(project, build, places.build, entrance, environment, conditions.umask)


def _isolation(places: Sandbox, conditions: Conditions) -> list[str]:
    """bubblewrap's arguments for a machine that can be read but neither written nor left.

    The root is a fresh one into which the machine's folders are bound one by one, so that the context's own
    places can be made beside them.
    """
    own = {Path(place).parts[1] for place in (places.sources, places.build, places.home)}
    binds: list[str] = []
    for entry in sorted(Path("/").iterdir()):
        if entry.name in _NOT_SHOWN | own:
            continue
        if entry.is_symlink():
            binds += ["--symlink", str(entry.readlink()), str(entry)]
        elif entry.is_dir():
            binds += ["--ro-bind-try", str(entry), str(entry)]
    number = str(conditions.person.number)
    return [
        *("--die-with-parent", "--new-session"),
        *("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-cgroup-try"),
        *("--unshare-user", "--uid", number, "--gid", number),
        *("--unshare-uts", "--hostname", conditions.host),
        *binds,
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", TEMPORARY),
    ]


def _identity(person: Person, home: str, folder: Path) -> Iterator[str]:
    """bubblewrap's arguments by which that person, and nobody else, is who builds."""
    for name, line in (
        ("passwd", f"{person.name}:x:{person.number}:{person.number}::{home}:/bin/sh"),
        ("group", f"{person.name}:x:{person.number}:"),
    ):
        if Path("/etc", name).is_file():
            (folder / name).write_text(f"{line}\n", encoding="utf-8")
            yield from ("--ro-bind", str(folder / name), f"/etc/{name}")


def _tools_not_shown(installation: Installation) -> Iterator[str]:
    """bubblewrap's arguments that show the tools which are installed in folders that it does not show."""
    folders = {Path(folder) for folder, _ in installation.libraries}
    folders |= {Path(path).parent for path, _ in installation.files}
    for tool in installation.tools:
        folders |= {Path(tool.path).parent, Path(tool.path).resolve().parent}
    for folder in sorted(folders):
        if folder.parts[1] in _NOT_SHOWN:
            prefix = folder.parent if len(folder.parts) > 3 else folder
            yield from ("--ro-bind", str(prefix), str(prefix))
