"""The commands that dune ran in a build, as it tells them itself.

Up to dune 3.21 they are in ``log`` in the build folder, each as a line of shell; from 3.22 on there is no
such file, and they are among the events in ``trace.csexp``, a sequence of canonical s-expressions.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

_LOGGED = re.compile(r"^\$ \(cd (.+?) && (.*)\)(?: (?:2|&)?> .*)?$", re.MULTILINE)
_FINISHED = b"(7:process6:finish"

Sexp: TypeAlias = "bytes | list[Sexp]"


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments, and the folder in which dune ran it, as dune calls that."""

    folder: str
    words: tuple[str, ...]


def commands_of(build_folder: Path) -> Iterator[Command]:
    """What dune ran in its last build in ``build_folder``; nothing where it left no account of it."""
    log, trace = build_folder / "log", build_folder / "trace.csexp"
    if log.is_file():
        yield from read_log(log.read_text(encoding="utf-8", errors="replace"))
    elif trace.is_file():
        yield from read_trace(trace.read_bytes())


def read_log(text: str) -> Iterator[Command]:
    """The commands of a log that name what they make; one that runs over several lines is a script's."""
    for folder, command in _LOGGED.findall(text):
        if " -o " in command:
            yield Command(_words(folder)[0], tuple(_words(command)))


def _words(text: str) -> list[str]:
    if "'" not in text and '"' not in text and "\\" not in text:
        return text.split()  # as nearly always; the shell's own way takes a hundred times as long
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def read_trace(trace: bytes) -> Iterator[Command]:
    """The commands of a trace that ended; where a killed dune broke it off, those up to there."""
    position = trace.find(_FINISHED)
    while position >= 0:
        try:
            event, position = _expression(trace, position)
        except (IndexError, ValueError):
            return
        fields = {
            part[0]: part[1]
            for part in event
            if isinstance(part, list) and len(part) == 2 and isinstance(part[0], bytes)
        }
        match [fields.get(key) for key in (b"dir", b"prog", b"process_args")]:
            case [bytes(folder), bytes(program), list(arguments)] if b"-o" in arguments:
                words = (word.decode() for word in (program, *arguments) if isinstance(word, bytes))
                yield Command(folder.decode(), tuple(words))
        position = trace.find(_FINISHED, position)


def _expression(text: bytes, position: int) -> tuple[list[Sexp], int]:
    """The list that begins at ``position``, and where it ends; IndexError or ValueError for a broken one."""
    whole: list[Sexp] = []
    open_lists = [whole]
    while True:
        match text[position : position + 1]:
            case b"(":
                inner: list[Sexp] = []
                open_lists[-1].append(inner)
                open_lists.append(inner)
                position += 1
            case b")":
                open_lists.pop()
                position += 1
                if len(open_lists) == 1:
                    [expression] = whole
                    assert isinstance(expression, list)
                    return expression, position
            case _:
                colon = text.index(b":", position)
                length = int(text[position:colon])
                position = colon + 1 + length
                open_lists[-1].append(text[colon + 1 : position])
                if position > len(text):
                    raise ValueError("an atom is broken off")
