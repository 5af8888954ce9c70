"""Where a build takes place: in a sandbox (`builder.sandbox`), or plainly on the machine.

On the machine itself sources and build folder have places of its own, so compilers are told to write those of
a sandbox in their stead: OCaml's by BUILD_PATH_PREFIX_MAP, C compilers and assemblers by scripts of their
names that come first on PATH.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from builder.context import Context
from builder.processes import UMASK, Completed, run
from builder.toolchain import Installation

TEMPORARY = "/tmp"

_OPTIONS = (("-ffile-prefix-map={}={}",), ("--debug-prefix-map", "{}={}"))
"""How a C compiler and how an assembler is told to write another path."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who builds, as programs that ask get to know."""

    name: str = "mono"
    number: int = 1000


@dataclass(frozen=True, slots=True)
class Conditions:
    """What may differ from one build to the next without any artefact differing.

    ``jobs`` None leaves their number to dune; ``timezone`` and ``locale`` None leave them as the context
    says; ``home`` is the last part of HOME's path. ``person`` and ``host`` are seen in a sandbox; elsewhere
    ``entrance`` is a command that leads to where others are seen.
    """

    jobs: int | None = None
    umask: int = UMASK
    timezone: str | None = None
    locale: str | None = None
    home: str = "home"
    person: Person = Person()
    host: str = "mono"
    entrance: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """A place to build in.

    Args:
        project: the sources, as the machine sees them.
        build_folder: dune's build folder, as the machine sees it.
        build_folder_inside: the same, as a command that runs in the room sees it.
        entrance: the command that leads into the room; empty where there is none.
        environment: all that a command in the room gets to know.
        umask: of every file that it makes.
        own_paths: of the machine, which must not be in an artefact.
    """

    project: Path
    build_folder: Path
    build_folder_inside: str
    entrance: tuple[str, ...]
    environment: Mapping[str, str]
    umask: int
    own_paths: tuple[str, ...] = ()

    def run(self, *arguments: str) -> Completed:
        """Run a command in the project's folder."""
        return run(
            (*self.entrance, *arguments), folder=self.project, environment=self.environment, umask=self.umask
        )


def plain_room(
    context: Context, installation: Installation, project: Path, work: Path, conditions: Conditions
) -> Room:
    """A room on the machine itself; ``work`` is where its build folder, HOME and TMPDIR are kept."""
    home, temporary, wrappers = work / conditions.home, work / "temporary", work / "compilers"
    for folder in (home, temporary, wrappers):
        shutil.rmtree(folder, ignore_errors=True)
        made(folder)
    build, places = made(work / "dune"), context.sandbox
    maps = (  # of several that fit, the last one counts
        (str(project), places.sources),
        (str(home), places.home),
        (str(temporary), TEMPORARY),
        (str(build), places.build),
    )
    wrap_compilers(installation, wrappers, maps)
    environment = {
        **room_environment(context, installation, str(home), str(temporary), conditions),
        "BUILD_PATH_PREFIX_MAP": ":".join(f"{_escaped(other)}={_escaped(own)}" for own, other in maps),
    }
    environment["PATH"] = f"{wrappers}:{environment['PATH']}"
    own_paths = tuple(dict.fromkeys((str(work), str(project))))
    return Room(project, build, str(build), conditions.entrance, environment, conditions.umask, own_paths)


def room_environment(
    context: Context, installation: Installation, home: str, temporary: str, conditions: Conditions
) -> dict[str, str]:
    """Nothing of the caller's environment but the way to the tools."""
    own = {"HOME": home, "PATH": installation.search_path, "TMPDIR": temporary}
    if conditions.timezone is not None:
        own["TZ"] = conditions.timezone
    if conditions.locale is not None:
        own["LC_ALL"] = conditions.locale
    return {**dict(context.environment), **own}


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def wrap_compilers(installation: Installation, folder: Path, maps: Sequence[tuple[str, str]]) -> None:
    """Write into ``folder`` a script for each C compiler and assembler that can write other paths.

    One that is called by its path instead of its name is not reached by it.
    """
    understood: dict[Path, tuple[str, ...]] = {}
    for name, path in installation.c_compilers:
        program = Path(path).resolve()
        if program not in understood:
            understood[program] = next(_understood(path, installation.search_path), ())
        options = understood[program]
        if options:
            words = [option.format(*pair) for pair in maps for option in options]
            script = folder / name
            script.write_text(f'#!/bin/sh\nexec {" ".join(map(quote, (path, *words)))} "$@"\n', "utf-8")
            script.chmod(0o755)


def _understood(path: str, search_path: str) -> Iterator[tuple[str, ...]]:
    for options in _OPTIONS:
        words = [option.format("/a", "/b") for option in options]
        environment = {"PATH": search_path, "LC_ALL": "C"}
        trial = (
            (path, *words, "-x", "c", "-E", "/dev/null") if len(options) == 1 else (path, *words, "--version")
        )
        if run(trial, folder=Path("/"), environment=environment).status == 0:
            yield options


def _escaped(path: str) -> str:
    """As BUILD_PATH_PREFIX_MAP wants it."""
    return path.replace("%", "%#").replace("=", "%+").replace(":", "%.")
