"""What dune's compilers made, and from what: an account over all builds in one build folder.

dune tells in each build only what it made in that one, and leaves alone what is up to date; so what it told
before is kept beside its build folder.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from builder.commands import Command, commands_of
from builder.errors import ContextError
from builder.rooms import Room

_FILE = "made.json"
_SANDBOX_OF_DUNE = re.compile(r"\.sandbox/[^/]+/")
_LIBRARIES = (".cmxa", ".cma")
_COMPILED = (".cmx", ".cmo", *_LIBRARIES)
_NO_PROGRAM = frozenset({"-a", "-c", "-pack", "-shared"})


@dataclass(frozen=True, slots=True)
class Made:
    """One file: the dune context it was made in, and what it was made with.

    Args:
        folders: those of libraries outside the build folder that the compiler was pointed to.
        libraries: of a program, those that it was linked with, in order, where relative paths start at the
            context's folder; None for what is no program.
    """

    context: str
    folders: tuple[str, ...]
    libraries: tuple[str, ...] | None


Account = Mapping[str, Made]
"""What was made, by path below the build folder."""


def take_account(room: Room, work: Path) -> Account:
    """What there is in the build folder of ``room``; ``work`` is where the account is kept.

    Raises:
        ContextError: what is kept is damaged.
    """
    kept = _read(work / _FILE)
    made = kept | {
        path: each for command in commands_of(room.build_folder) for path, each in _made(command, room)
    }
    account = {path: each for path, each in made.items() if (room.build_folder / path).exists()}
    if account != kept:
        rows = {path: [each.context, each.folders, each.libraries] for path, each in account.items()}
        aside = work / f".{_FILE}"
        aside.write_text(json.dumps(rows), encoding="utf-8")
        aside.replace(work / _FILE)
    return account


def _read(file: Path) -> dict[str, Made]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return {
            path: Made(context, tuple(folders), None if libraries is None else tuple(libraries))
            for path, (context, folders, libraries) in rows.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise ContextError(
            "is damaged, so that nothing tells what was made of what",
            place=str(file),
            hint=f"remove {file.parent} and build again",
        ) from error


def _made(command: Command, room: Room) -> Iterator[tuple[str, Made]]:
    """The file that a command made, by path below the build folder, if it used anything of interest."""
    words = command.words
    folders = tuple(
        dict.fromkeys(folder for flag, folder in pairwise(words) if flag == "-I" and folder.startswith("/"))
    )
    libraries = tuple(word for word in words if word.endswith(_LIBRARIES)) if _links(words) else None
    if not folders and libraries is None:
        return
    whole = os.path.normpath(room.project / command.folder / words[words.index("-o") + 1])
    for top in (room.build_folder_inside, str(room.build_folder)):
        if whole.startswith(f"{top}/"):
            path = _SANDBOX_OF_DUNE.sub("", whole.removeprefix(f"{top}/"), count=1)
            yield path, Made(Path(path).parts[0], folders, libraries)
            return


def _links(words: Sequence[str]) -> bool:
    """Whether a command of an OCaml compiler makes a program."""
    return (
        "ocaml" in Path(words[0]).name
        and _NO_PROGRAM.isdisjoint(words)
        and any(word.endswith(_COMPILED) for word in words)
    )
