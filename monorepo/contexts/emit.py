"""Writes `contexts/`: reads what was pulled, plans, writes aside and renames, removes old contexts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from builder.context import FILE_NAME, read_context
from builder.digest import file_digest, tree_digest
from builder.errors import BuilderError
from monorepo.contexts.plan import FOLDER, locked_dune, plan_contexts
from monorepo.contexts.workspace import render_editor_workspace, workspace_language
from monorepo.duniverse import DUNIVERSE
from monorepo.duniverse.nested import is_as_locked
from monorepo.duniverse.state import read_state
from monorepo.errors import DuniverseError, LockError, TargetError
from monorepo.fetch.tree import remove
from monorepo.lock.itself import refuse_uncertified
from monorepo.lock.model import Lock

_MADE_BY_MONO = (FILE_NAME, "dune-workspace", "build-record.json", "artefacts", "sbom", "docs", "_work")
_MARKER = "Written by mono"
"""What every file says that mono may overwrite, where a user may have one of that name."""


def emit_contexts(
    lock: Lock,
    project: Path,
    *,
    lock_file: str = "mono.lock",
    warn: Callable[[str], None] = lambda _: None,
) -> tuple[Path, ...]:
    """Write the context of every target of ``lock`` below ``project``, and return their folders.

    What is already as it should be is left alone. Contexts of targets that the lock no longer has are
    removed if mono wrote them; so is nothing else. A workspace file for editors is written to
    the project's top unless one is there that mono did not write. ``warn`` hears of sources that were
    changed after they were pulled: the contexts take them as they are.

    Raises:
        LockError: ``lock_file`` cannot be read, or the lock breaks what it says of its own packages.
        DuniverseError: duniverse/ was not pulled for this lock.
        TargetError: contexts/ is a folder of the project's own.
    """
    refuse_uncertified(lock)
    _refuse_a_folder_of_the_projects_own(project / FOLDER)
    files, folders = _inputs(lock, project, lock_file, _tree_digest)
    _compare_with_lock(lock, project / DUNIVERSE, folders, warn)
    for path, text in plan_contexts(lock, files, folders).items():
        _write(project / path, text)
    _write_editor_workspace(lock, project / "dune-workspace")
    _remove_others(lock, project / FOLDER)
    return tuple(project / FOLDER / target.name for target in lock.targets)


def stale_contexts(lock: Lock, project: Path, trees: Mapping[str, str]) -> tuple[str, ...]:
    """The targets of ``lock`` whose contexts are there, but not as `emit_contexts` would write them now.

    ``trees`` are digests by directory of those of duniverse/ that are known; the rest are read.

    Raises:
        LockError, DuniverseError: mono.lock, or what is in duniverse/, cannot be read.
    """

    def digest(folder: Path) -> str:
        return trees.get(folder.name) or _tree_digest(folder)

    planned = plan_contexts(lock, *_inputs(lock, project, "mono.lock", digest))
    stale: dict[str, None] = {}
    for path, text in planned.items():
        target = Path(path).parent.name
        if has_context(project, target) and not _holds(project / path, text):
            stale[target] = None
    return tuple(stale)


def has_context(project: Path, target: str) -> bool:
    """Whether a context of ``target`` was written."""
    return (project / FOLDER / target / FILE_NAME).is_file()


def _inputs(
    lock: Lock, project: Path, lock_file: str, digest: Callable[[Path], str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of the lock and of everything in duniverse/: files, then folders."""
    try:
        files = {lock_file: file_digest(project / lock_file)}
    except OSError as error:
        raise LockError("cannot be read", place=str(project / lock_file), hint="run mono lock") from error
    folders: dict[str, str] = {}
    apart = [project / DUNIVERSE / s.directory for s in lock.sources if s.directory.startswith(".")]
    for entry in (*_visible_entries(project / DUNIVERSE), *(folder for folder in apart if folder.is_dir())):
        path = f"{DUNIVERSE}/{entry.name}"
        if entry.is_dir():
            folders[path] = digest(entry)
        else:
            files[path] = file_digest(entry)
    return files, folders


def _visible_entries(folder: Path) -> Iterator[Path]:
    """What is in ``folder``, names that begin with a dot apart: dune does not look at them."""
    if folder.is_dir():
        yield from sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _tree_digest(folder: Path) -> str:
    try:
        return tree_digest(folder)
    except BuilderError as error:
        raise DuniverseError(error.reason, place=error.place, hint="run mono pull") from error


def _compare_with_lock(
    lock: Lock, duniverse: Path, found: Mapping[str, str], warn: Callable[[str], None]
) -> None:
    """Refuse what the lock does not have, or has otherwise; ``found`` are digests of duniverse/'s folders."""
    pulled = read_state(duniverse) or {}
    wanted = {f"{DUNIVERSE}/{source.directory}": source for source in lock.sources}
    for path, source in sorted(wanted.items()):
        if path not in found:
            raise DuniverseError("is in the lock but was not pulled", place=path, hint="run mono pull")
        vendored = pulled.get(source.directory)
        if vendored is None or not is_as_locked(vendored, lock, source):
            raise DuniverseError("was not pulled for this lock", place=path, hint="run mono pull")
        if vendored.tree != found[path]:
            warn(f"{path} was changed since it was pulled; the contexts take it as it is")
    if stray := sorted(found.keys() - wanted.keys()):
        raise DuniverseError(
            "is not in the lock, but dune would build with it",
            place=stray[0],
            hint="run mono pull, or remove it",
        )


def _refuse_a_folder_of_the_projects_own(contexts: Path) -> None:
    """dune must find no sources in contexts/: a project that has some there would lose them in silence."""
    if (contexts / "dune").exists() and not _is_mine(contexts / "dune"):
        raise TargetError(
            "is not mono's, which keeps its build contexts in this folder",
            place=f"{FOLDER}/dune",
            hint="give the project's own folder another name",
        )


def _write_editor_workspace(lock: Lock, path: Path) -> None:
    if not path.exists() or _is_mine(path):
        # One file for all targets is read by whichever dune is there: the oldest must understand it.
        language = min(workspace_language(locked_dune(lock, target.name)) for target in lock.targets)
        _write(path, render_editor_workspace(lock.targets, language))


def is_editor_workspace(path: Path) -> bool:
    """Whether ``path`` is the workspace for editors that mono wrote, and would write again."""
    return path.name == "dune-workspace" and path.is_file() and _is_mine(path)


def _is_mine(path: Path) -> bool:
    return _MARKER in path.read_text(encoding="utf-8", errors="replace")


def _remove_others(lock: Lock, contexts: Path) -> None:
    wanted = {target.name for target in lock.targets}
    for folder in sorted(contexts.iterdir()):
        if folder.name not in wanted and _is_context(folder):
            for name in _MADE_BY_MONO:
                remove(folder / name)
            if not any(folder.iterdir()):
                folder.rmdir()


def _is_context(folder: Path) -> bool:
    try:
        read_context(folder)
    except BuilderError:
        return False
    return True


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode("utf-8")


def _write(path: Path, text: str) -> None:
    """Put ``text`` at ``path`` by a rename; not at all where it is there already."""
    if _holds(path, text):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(text.encode("utf-8"))
    aside.replace(path)
