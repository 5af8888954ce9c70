"""`mono lock --apply N`: a repair of an unsolvable project written to its files, and the project locked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monorepo.errors import MonoError, UnsolvableError
from monorepo.lock.answer import NoAnswerError, OpenProject
from monorepo.locking import LockReport, lock_project, old_lock, open_for
from monorepo.manifest import FILE, Manifest, load_manifest, place_of
from monorepo.ports import Git, Http
from monorepo.project import Project, load_project, provided_by_roots
from monorepo.renewal import AS_LOCKED, Renewal
from overlays.bounds import with_eased_dependency, with_renamed_dependency, without_conflict
from overlays.notation import write
from overlays.opam_file import OpamFile
from solver.edit import Edit, Kind, eased, last_first
from solver.formula import Dependency
from solver.repair import Repair


@dataclass(frozen=True, slots=True)
class RepairReport:
    """The repair that was made, the files it changed, and the lock."""

    repair: Repair
    files: tuple[str, ...]
    lock: LockReport


def by_hand(edit: Edit) -> bool:
    """Whether mono cannot make an edit: a port is work, and some files are written over again by others."""
    return edit.kind is Kind.PORT or bool(writer_of(edit))


def writer_of(edit: Edit) -> str:
    """The program that writes the opam file in question, from what the edit's place names; empty for none."""
    source = edit.place.partition(":")[0]
    if not edit.root or source.endswith(".opam"):
        return ""
    return "dune" if source.endswith(("dune-project", ".opam.template")) else "mirage"


def located(repair: Repair, folder: Path) -> Repair:
    """``repair`` with a place for each edit of mono.toml: the line of its key, where there is one."""
    return Repair(tuple(_located(edit, folder) for edit in repair.edits))


def _located(edit: Edit, folder: Path) -> Edit:
    key = {Kind.PROVIDED: ("solve", "provided"), Kind.TARGET: ("targets", "build")}.get(edit.kind)
    return edit if key is None else replace(edit, place=place_of(folder, *key))


def apply_repair(
    folder: Path, number: int, renewal: Renewal = AS_LOCKED, *, cache: Path, http: Http, git: Git
) -> RepairReport:
    """Make the repair that is offered as ``number``, counted from 1, and lock with the same ``renewal``.

    If the lock fails after all, every file is put back as it was.

    Raises:
        MonoError: the project has an answer, there is no such repair, or it cannot be made by mono.
    """
    manifest = load_manifest(folder)
    project = load_project(folder, manifest)
    before = old_lock(folder, upgrade=renewal.upgrade)
    opened, _ = open_for(renewal, project, before, cache=cache, http=http, git=git)
    offered = _offered(opened)
    if not 1 <= number <= len(offered):
        told = f"there are {len(offered)} repairs" if len(offered) > 1 else "there is one repair"
        told = told if offered else "no repair is known"
        raise MonoError(
            f"there is no repair {number}", hint=f"{told}: see what mono lock says without --apply"
        )
    repair = located(offered[number - 1], folder)
    for edit in repair.edits:
        if by_hand(edit):
            raise UnsolvableError(f"repair {number} cannot be made by mono", edit.place, _by_hand_hint(edit))
    texts = _texts(folder, manifest, project, repair.edits)
    contents = {name: _content(folder / name) for name in texts}
    try:
        for name, text in texts.items():
            _write(folder / name, text.encode("utf-8"))
        report = lock_project(folder, renewal, cache=cache, http=http, git=git)
    except BaseException:
        for name, content in contents.items():
            _write(folder / name, content)
        raise
    return RepairReport(repair, tuple(texts), report)


def _offered(project: OpenProject) -> tuple[Repair, ...]:
    try:
        project.lock()
    except NoAnswerError as error:
        return error.repairs
    raise MonoError("there is nothing to repair: the project has an answer", hint="run mono lock")


def _by_hand_hint(edit: Edit) -> str:
    match edit.kind:
        case Kind.PORT:
            versions = " and ".join(map(str, edit.versions))
            return f"port {edit.name} {versions} to dune, and add the repository that has it to {FILE}"
        case Kind.CONFLICT:
            what = f"drop the conflict with {edit.before}"
        case Kind.AVAILABLE:
            what = "drop the field available"
        case _:
            what = f"change {edit.before} to {edit.after}" if edit.after else f"drop {edit.before}"
    return f"{what} in {edit.place} and let {writer_of(edit)} write {edit.root}.opam"


def _texts(folder: Path, manifest: Manifest, project: Project, edits: Sequence[Edit]) -> dict[str, str]:
    """The new texts of the files that ``edits`` change, by name."""
    files = {root.name: root.file for root in manifest.roots}
    texts: dict[str, str] = {}
    opam_files = dict(project.root_files)
    for edit in last_first(edits):
        if edit.root:
            opam_files[edit.root] = _with_edit(opam_files[edit.root], edit)
            texts[files[edit.root]] = str(opam_files[edit.root])
    of_manifest = [edit for edit in edits if not edit.root]
    if of_manifest:
        texts[FILE] = _manifest_text(folder, manifest, project, of_manifest)
    return texts


def _with_edit(file: OpamFile, edit: Edit) -> OpamFile:
    match edit.kind:
        case Kind.RENAME:
            return with_renamed_dependency(file, edit.before, edit.name)
        case Kind.CONFLICT:
            assert edit.number is not None
            return without_conflict(file, edit.number)
        case Kind.AVAILABLE:
            return file.without_field("available")
        case _:
            return with_eased_dependency(file, edit.name, edit.versions)


def _manifest_text(folder: Path, manifest: Manifest, project: Project, edits: Sequence[Edit]) -> str:
    """mono.toml with ``edits`` made; whatever else is in it stays as it is."""
    import tomlkit

    content = _content(folder / FILE)
    document = tomlkit.parse("" if content is None else content.decode("utf-8"))
    for edit in last_first(edits):
        match edit.kind:
            case Kind.BOUND:
                _ease_bound(document, manifest, edit)
            case Kind.PROVIDED:
                _provide(document, project, edit.name)
            case Kind.TARGET:
                for name in edit.name.split(", "):
                    document["targets"]["build"].remove(name)
    return tomlkit.dumps(document)


def _ease_bound(document: Any, manifest: Manifest, edit: Edit) -> None:
    assert edit.number is not None
    solve = document["solve"]
    restriction = manifest.restrictions[edit.number]
    left = eased(restriction.condition, edit.versions)
    if manifest.ocaml is not None and edit.number == 0:
        if left is None:
            del solve["ocaml"]
        else:
            solve["ocaml"] = write(left)
        return
    position = edit.number - (manifest.ocaml is not None)
    if left is None:
        del solve["constraints"][position]
    else:
        solve["constraints"][position] = write(Dependency(restriction.name, left))


def _provide(document: Any, project: Project, name: str) -> None:
    """Name a package as provided, beside those that the roots name as long as mono.toml is silent."""
    import tomlkit

    solve = document.setdefault("solve", tomlkit.table())
    if "provided" not in solve:
        solve["provided"] = list(provided_by_roots(project.root_files.values()))
    solve["provided"].append(name)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _write(path: Path, content: bytes | None) -> None:
    """Replace a file whole, that of a symbolic link where it is one; None removes it."""
    path = path.resolve()
    if content is None:
        path.unlink(missing_ok=True)
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        aside.write_bytes(content)
        if path.exists():
            aside.chmod(path.stat().st_mode)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
