"""Where a build takes place: in a sandbox of bubblewrap, or plainly on the machine.

In the sandbox sources, build folder and home have the places that the context names, sources cannot be
written, and there is no network; so neither the place of the project nor anything around it gets
into an artefact.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from builder.context import Context, Sandbox
from builder.errors import ToolError
from builder.processes import UMASK, Completed, run
from builder.toolchain import Installation

Wish: TypeAlias = Literal["auto", "require", "off"]

_NOT_SHOWN = frozenset({"dev", "lost+found", "proc", "run", "sys", "tmp"})
_TEMPORARY = "/tmp"


@dataclass(frozen=True, slots=True)
class Conditions:
    """What may differ from one build to the next without any artefact differing.

    ``jobs`` None leaves their number to dune; ``timezone`` None leaves it as the context says; ``home`` is
    the last part of HOME's path.
    """

    jobs: int | None = None
    umask: int = UMASK
    timezone: str | None = None
    home: str = "home"


@dataclass(frozen=True, slots=True)
class Room:
    """A place to build in.

    Args:
        project: the sources, as the machine sees them.
        build_folder: dune's build folder, as the machine sees it.
        build_folder_inside: the same, as a command that runs in the room sees it.
        entrance: the command that leads into the sandbox; empty where there is none.
        environment: all that a command in the room gets to know.
        umask: of every file that it makes.
    """

    project: Path
    build_folder: Path
    build_folder_inside: str
    entrance: tuple[str, ...]
    environment: Mapping[str, str]
    umask: int

    def run(self, *arguments: str) -> Completed:
        """Run a command in the project's folder."""
        return run(
            (*self.entrance, *arguments), folder=self.project, environment=self.environment, umask=self.umask
        )


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
        else run((path, *_isolation(context.sandbox), "true"), folder=Path("/"), environment={})
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
    build = _made(work / "dune")
    places = context.sandbox
    home = _home(places.home, conditions)
    entrance = (
        bubblewrap,
        *_isolation(places),
        *_tools_not_shown(installation),
        *("--dir", home),
        *("--ro-bind", str(project), places.sources),
        *("--bind", str(build), places.build),
        *("--chdir", places.sources),
        "--",
    )
    environment = _environment(context, installation, home, _TEMPORARY, conditions)
    return Room(project, build, places.build, entrance, environment, conditions.umask)


def plain_room(
    context: Context, installation: Installation, project: Path, work: Path, conditions: Conditions
) -> Room:
    """A room on the machine itself; ``work`` is where its build folder, HOME and TMPDIR are kept."""
    build = _made(work / "dune")
    home = _home(str(work / "home"), conditions)
    temporary = str(work / "temporary")
    for folder in (home, temporary):
        shutil.rmtree(folder, ignore_errors=True)
        _made(Path(folder))
    environment = _environment(context, installation, home, temporary, conditions)
    return Room(project, build, str(build), (), environment, conditions.umask)


def _environment(
    context: Context, installation: Installation, home: str, temporary: str, conditions: Conditions
) -> dict[str, str]:
    """Nothing of the caller's environment but the way to the tools."""
    own = {"HOME": home, "PATH": installation.search_path, "TMPDIR": temporary}
    if conditions.timezone is not None:
        own["TZ"] = conditions.timezone
    return {**dict(context.environment), **own}


def _home(usual: str, conditions: Conditions) -> str:
    return str(Path(usual).with_name(conditions.home))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _isolation(places: Sandbox) -> list[str]:
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
    return [
        *("--die-with-parent", "--new-session"),
        *("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "mono"),
        *binds,
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", _TEMPORARY),
    ]


def _tools_not_shown(installation: Installation) -> Iterator[str]:
    """bubblewrap's arguments that show the tools which are installed in folders that it does not show."""
    folders = {Path(folder) for folder, _ in installation.libraries}
    for tool in installation.tools:
        folders |= {Path(tool.path).parent, Path(tool.path).resolve().parent}
    for folder in sorted(folders):
        if folder.parts[1] in _NOT_SHOWN:
            prefix = folder.parent if len(folder.parts) > 3 else folder
            yield from ("--ro-bind", str(prefix), str(prefix))
