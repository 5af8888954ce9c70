"""Runs dune in a room, keeps its whole log, and finds the first error in it."""

from __future__ import annotations

import re
from pathlib import Path

from builder.context import Context
from builder.errors import DuneError
from builder.sandbox import Conditions, Room

_LONGEST = 20
_ERROR = re.compile(r"(?:Fatal )?[Ee]rror\b|\S+:\d+:(?:\d+:)? (?:fatal )?error:|\S*ld: ")
"""How errors of dune and OCaml, of C compilers and of linkers begin."""


def run_dune(context: Context, room: Room, conditions: Conditions, log: Path) -> None:
    """Build what the context asks for; everything that dune says is kept in ``log``.

    Raises:
        DuneError: dune ends with another exit status than 0; the first error is among the details.
    """
    jobs = () if conditions.jobs is None else ("-j", str(conditions.jobs))
    command = ("dune", *context.dune.arguments, "--build-dir", room.build_folder_inside, *jobs)
    completed = room.run(*command)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"# {' '.join(command)}\n{completed.output}", encoding="utf-8")
    if completed.status != 0:
        raise DuneError(
            f"dune failed with exit status {completed.status}",
            place=context.target,
            hint=f"all that it said is in {log}",
            details=first_error(completed.output),
        )


def first_error(output: str) -> tuple[str, ...]:
    """The lines of the first error in dune's output: from the file that it names up to the next file named.

    Where nothing calls itself an error, the output's first lines are given.
    """
    lines = output.splitlines()
    error = next((index for index, line in enumerate(lines) if _ERROR.match(line)), None)
    if error is None:
        return tuple(lines[:_LONGEST])
    files = [index for index, line in enumerate(lines) if line.startswith("File ")]
    start = max((index for index in files if index < error), default=error)
    end = min((index for index in files if index > error), default=len(lines))
    return tuple(lines[start : min(end, start + _LONGEST)])
