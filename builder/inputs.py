"""Verifies that sources are those that a context was made for, copies them, and hashes the project's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Set
from pathlib import Path
from typing import Literal, TypeAlias

from builder.context import Context
from builder.digest import file_digest, tree_digest
from builder.errors import InputsError

_PULL = "restore it with mono pull, or make it part of the build with mono contexts"
_NOT_COPIED = frozenset({"_build", "_opam", "_work", ".git", ".hg"})
_LOCK = "write the contexts anew with mono contexts"

Algorithm: TypeAlias = Literal["sha256", "monoTree", "monoFiles"]
"""What a digest is of: a file's bytes, a folder, the files right in a folder (`builder.digest`)."""


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


def copy_sources(
    context: Context, project: Path, copy: Path, *, backwards: bool = False, vendored: bool = True
) -> None:
    """Lay out in ``copy``, which is absent, the project as the context wants dune to see it.

    Args:
        backwards: whether what is in a folder is made in the opposite order.
        vendored: whether dune is to know what of it is vendored; otherwise all of it is the project's own.
    """
    hidden = {project / path for path in context.inputs.hidden}
    if not vendored:
        hidden |= {project / folder / "dune" for folder in context.inputs.closed}
    _copy(project, copy, hidden, backwards)
    for place, path in context.inputs.moved:
        (copy / path).rename(copy / place)


def _copy(folder: Path, copy: Path, hidden: Set[Path], backwards: bool) -> None:
    copy.mkdir(parents=True)
    for name in sorted(os.listdir(folder), reverse=backwards):  # noqa: PTH208 # names alone
        source = folder / name
        if name in _NOT_COPIED or source in hidden:
            continue
        if source.is_dir() and not source.is_symlink():
            _copy(source, copy / name, hidden, backwards)
        else:
            shutil.copy2(source, copy / name, follow_symlinks=False)
    shutil.copystat(folder, copy)


def own_sources(context: Context, project: Path) -> tuple[tuple[str, str, Algorithm], ...]:
    """The project's own sources: what is at its top but inputs, closed folders and contexts.

    Of each its name, its digest, and the algorithm of that. Names that begin with a dot or an underscore are
    left out, as dune does not look at them.
    """
    apart = {*dict(context.inputs.files), *context.inputs.closed, Path(context.dune.workspace).parts[0]}
    return tuple(
        (entry.name, tree_digest(entry), "monoTree")
        if entry.is_dir()
        else (entry.name, file_digest(entry), "sha256")
        for entry in sorted(project.iterdir(), key=lambda entry: os.fsencode(entry.name))
        if entry.name not in apart and not entry.name.startswith((".", "_"))
    )


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
