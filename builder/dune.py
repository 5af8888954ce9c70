"""Runs dune in a room, keeps its whole log, and tells the first error in it and whose it is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from builder.certificate import Package
from builder.context import Context
from builder.errors import DuneError
from builder.rooms import Conditions, Room

_MOST_LINES = 20
_LONGEST_LINE = 300
_ERROR = re.compile(r"(?:Fatal )?[Ee]rror\b|\S+:\d+:(?:\d+:)? (?:fatal )?error:|\S*ld: ")
"""How errors of dune and OCaml, of C compilers and of linkers begin."""
_FILE = re.compile(r'File "([^"]+)"')


def run_dune(
    context: Context, room: Room, arguments: Sequence[str], conditions: Conditions, log: Path
) -> None:
    """Have dune do what ``arguments`` say; everything that it says is kept in ``log``.

    Raises:
        DuneError: dune ends with another exit status than 0; the first error, and from where the package came
            that it is in, are among the details.
    """
    jobs = () if conditions.jobs is None else ("-j", str(conditions.jobs))
    command = ("dune", *arguments, "--build-dir", room.build_folder_inside, *jobs)
    completed = room.run(*command)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"# {' '.join(command)}\n{completed.output}", encoding="utf-8")
    if completed.status != 0:
        error = first_error(completed.output)
        packages = packages_of(error, context, room)
        where = " and ".join(f"{package.name} {package.version}" for package in packages)
        raise DuneError(
            f"dune failed with exit status {completed.status}" + (f", in {where}" if where else ""),
            place=context.target,
            hint=f"all that it said is in {log}",
            details=(*error, *_origins(packages)),
        )


def first_error(output: str) -> tuple[str, ...]:
    """The lines of the first error in dune's output: from the file that it names up to the next file named.

    Where nothing calls itself an error, the output's first lines are given. Lines that are too long to be
    read are cut.
    """
    lines = output.splitlines()
    error = next((index for index, line in enumerate(lines) if _ERROR.match(line)), None)
    start, end = 0, len(lines)
    if error is not None:
        files = [index for index, line in enumerate(lines) if line.startswith("File ")]
        start = max((index for index in files if index < error), default=error)
        end = min((index for index in files if index > error), default=end)
    return tuple(_cut(line) for line in lines[start : min(end, start + _MOST_LINES)])


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def packages_of(error: Sequence[str], context: Context, room: Room) -> tuple[Package, ...]:
    """The packages of the source that the first file of an error is in; none for the project's own."""
    match = _FILE.match(error[0]) if error else None
    if match is None:
        return ()
    path = match[1].removeprefix(f"{room.build_folder_inside}/").removeprefix("_build/")
    path = path.removeprefix(f"{context.dune.context}/").removeprefix("default/")
    return tuple(
        package
        for package in context.locked
        if package.source is not None and path.startswith(f"{package.source.folder}/")
    )


def _origins(packages: Sequence[Package]) -> Iterator[str]:
    for package in packages:
        if package.repository is None:
            yield f"{package.name} is pinned by the project"
        elif package.port_of is None:
            yield f"{package.name} comes from the repository {package.repository}"
        else:
            yield (
                f"{package.name} comes from the repository {package.repository}, "
                f"as a port of the one in {package.port_of}"
            )
