"""Verifies that the sources are those that a context was made for, copies them, hashes the project's own."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from builder.context import Context
from builder.digest import file_digest, tree_digest
from builder.errors import InputsError

_PULL = "restore it with mono pull, or make it part of the build with mono contexts"
_NOT_COPIED = shutil.ignore_patterns("_build", "_opam", "_work", ".git", ".hg")
_LOCK = "write the contexts anew with mono contexts"


def verify_inputs(context: Context, project: Path) -> None:
    """Compare every input that the context names with its digest.

    Raises:
        InputsError: an input is missing or differs, or something else is in a closed folder.
    """
    for path, expected in context.inputs.files:
        hint = _PULL if _is_closed(context, path) else _LOCK
        if not (project / path).is_file():
            raise InputsError("is missing", place=path, hint=hint)
        _compare(path, expected, file_digest(project / path), hint)
    for folder, expected in context.inputs.folders:
        path = context.inputs.place_of(folder)
        if not (project / path).is_dir():
            raise InputsError("is missing", place=path, hint=_PULL)
        _compare(path, expected, tree_digest(project / path), _PULL)
    for folder in context.inputs.closed:
        _refuse_strays(context, project, folder)


def copy_sources(context: Context, project: Path, copy: Path) -> None:
    """Lay out in ``copy``, which is absent, the project as the context wants dune to see it."""
    hidden = {project / path for path in context.inputs.hidden}

    def left_out(folder: str, names: list[str]) -> set[str]:
        return {*_NOT_COPIED(folder, names), *(name for name in names if Path(folder, name) in hidden)}

    shutil.copytree(project, copy, symlinks=True, ignore=left_out)
    for place, path in context.inputs.moved:
        (copy / path).rename(copy / place)


def project_digest(context: Context, project: Path) -> str:
    """The digest of the project's own sources: all but closed folders, contexts and what dune ignores.

    It is sha256 over ``NAME DIGEST NUL`` for each entry at the top, sorted by name as bytes; names that begin
    with a dot or an underscore are left out.
    """
    apart = {*context.inputs.closed, Path(context.dune.workspace).parts[0]}
    total = hashlib.sha256()
    for entry in sorted(project.iterdir(), key=lambda entry: os.fsencode(entry.name)):
        if entry.name in apart or entry.name.startswith((".", "_")):
            continue
        digest = tree_digest(entry) if entry.is_dir() else file_digest(entry)
        total.update(b"%s %s\0" % (os.fsencode(entry.name), digest.encode("ascii")))
    return f"sha256:{total.hexdigest()}"


def _is_closed(context: Context, path: str) -> bool:
    return Path(path).parts[0] in context.inputs.closed


def _compare(path: str, expected: str, found: str, hint: str) -> None:
    if found != expected:
        raise InputsError(
            "is not what the context was made for",
            place=path,
            hint=hint,
            details=(f"expected {expected}", f"found    {found}"),
        )


def _refuse_strays(context: Context, project: Path, folder: str) -> None:
    known = {path for path, _ in (*context.inputs.files, *context.inputs.folders)} | {*context.inputs.hidden}
    if not (project / folder).is_dir():
        return
    for entry in sorted((project / folder).iterdir()):
        path = f"{folder}/{entry.name}"
        if path not in known and not entry.name.startswith("."):
            raise InputsError(
                "is not among the inputs of the context, but dune would build with it",
                place=path,
                hint="remove it, or run mono pull",
            )
