"""Writes `contexts/`: reads what was pulled, plans, writes aside and renames, removes old contexts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from builder.context import FILE_NAME, read_context
from builder.digest import file_digest, tree_digest
from builder.errors import BuilderError
from monorepo.contexts.plan import DUNIVERSE, FOLDER, locked_dune, plan_contexts
from monorepo.contexts.workspace import MARKER, render_editor_workspace, workspace_language
from monorepo.errors import DuniverseError, LockError
from monorepo.lock.model import Lock

_MADE_BY_MONO = (FILE_NAME, "dune-workspace", "build-record.json", "artefacts", "_work")


def emit_contexts(lock: Lock, project: Path, *, lock_file: str = "mono.lock") -> tuple[Path, ...]:
    """Write the context of every target of ``lock`` below ``project``, and return their folders.

    What is already as it should be is left alone. Contexts of targets that the lock no longer has are
    removed if mono wrote them; so is nothing else. A workspace file for editors is written to
    the project's top unless one is there that mono did not write.

    Raises:
        LockError: ``lock_file`` cannot be read.
        DuniverseError: duniverse/ is not what the lock says.
    """
    files, folders = _inputs(lock, project, lock_file)
    for path, text in plan_contexts(lock, files, folders).items():
        _write(project / path, text)
    _write_editor_workspace(lock, project / "dune-workspace")
    _remove_others(lock, project / FOLDER)
    return tuple(project / FOLDER / target.name for target in lock.targets)


def _inputs(lock: Lock, project: Path, lock_file: str) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of the lock and of everything in duniverse/: files, then folders."""
    try:
        files = {lock_file: file_digest(project / lock_file)}
    except OSError as error:
        raise LockError("cannot be read", place=str(project / lock_file), hint="run `mono lock`") from error
    folders: dict[str, str] = {}
    for entry in _visible_entries(project / DUNIVERSE):
        path = f"{DUNIVERSE}/{entry.name}"
        if entry.is_dir():
            folders[path] = _tree_digest(entry)
        else:
            files[path] = file_digest(entry)
    _compare_with_lock(lock, set(folders))
    return files, folders


def _visible_entries(folder: Path) -> Iterator[Path]:
    """What is in ``folder``, names that begin with a dot apart: dune does not look at them."""
    if folder.is_dir():
        yield from sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _tree_digest(folder: Path) -> str:
    try:
        return tree_digest(folder)
    except BuilderError as error:
        raise DuniverseError(error.reason, place=error.place, hint="run `mono pull`") from error


def _compare_with_lock(lock: Lock, found: set[str]) -> None:
    wanted = {f"{DUNIVERSE}/{source.directory}" for source in lock.sources}
    if absent := sorted(wanted - found):
        raise DuniverseError("is in the lock but was not pulled", place=absent[0], hint="run `mono pull`")
    if stray := sorted(found - wanted):
        raise DuniverseError(
            "is not in the lock, but dune would build with it",
            place=stray[0],
            hint="run `mono pull`, or remove it",
        )


def _write_editor_workspace(lock: Lock, path: Path) -> None:
    try:
        mine = MARKER in path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        mine = True
    if mine:
        _write(path, render_editor_workspace(lock.targets, workspace_language(locked_dune(lock))))


def _remove_others(lock: Lock, contexts: Path) -> None:
    wanted = {target.name for target in lock.targets}
    for folder in sorted(contexts.iterdir()):
        if folder.name not in wanted and _is_context(folder):
            for name in _MADE_BY_MONO:
                _remove(folder / name)
            if not any(folder.iterdir()):
                folder.rmdir()


def _is_context(folder: Path) -> bool:
    try:
        read_context(folder)
    except BuilderError:
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    """Put ``text`` at ``path`` by a rename; not at all where it is there already."""
    content = text.encode("utf-8")
    if path.is_file() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(content)
    aside.replace(path)
