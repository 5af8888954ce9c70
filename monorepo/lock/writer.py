"""Lock to text, and text to disk."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

from monorepo.alone import alone_at, clear_at
from monorepo.errors import LockError
from monorepo.lock.format import FILE, FILES_FOLDER, FORMAT, REVISION, canonical
from monorepo.lock.model import (
    ExtraSource,
    Lock,
    LockedPackage,
    LockedRepository,
    LockedSource,
    SystemPackages,
)
from monorepo.lock.trees import mark_of
from monorepo.targets.definition import Target

HEADER = """\
# The answer to what this project asks for: every package, source and target of the monorepo.
# Written by `mono lock`; commit it, and leave editing it to mono. The format: docs/mono-lock.md.

"""

_WRITING = f".{FILE}.writing"

Row: TypeAlias = "dict[str, object]"


def write_lock(lock: Lock) -> str:
    """The text of mono.lock: TOML, everything sorted, one item a line; the same bytes for the same lock."""
    import tomli_w

    return HEADER + tomli_w.dumps(_document(canonical(lock)), indent=2)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Alone among all who write the lock in ``folder``, so that what was read is still so when it is written.

    Where nothing can be held, as on a file system that can only be read, nobody can write.
    """
    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(alone_at(folder / _WRITING))
        yield


def save_lock(lock: Lock, folder: Path, files: Mapping[str, bytes], *, text: str | None = None) -> bool:
    """Write mono.lock, and what its packages carry, into ``folder``; whether anything changed there.

    The old lock stays until the new one is complete on disk. ``files`` maps a sha256 to its bytes; a file
    that is there already need not be among them. Files of no package of this lock are removed. ``text`` is
    what `write_lock` gives for ``lock``, where it is at hand.

    Raises:
        LockError: a carried file is missing, or is not what its hash says.
    """
    wanted = {file.sha256 for source in lock.sources for file in source.extra_files}
    files_folder = folder / FILES_FOLDER
    changed = [_keep(files_folder / sha256, files.get(sha256)) for sha256 in sorted(wanted)]
    changed.append(_replace_lock(folder / FILE, text or write_lock(lock)))
    if files_folder.is_dir():
        changed.extend(_remove_others(files_folder, wanted))
    return any(changed)


def replace_lock(lock: Lock, folder: Path) -> None:
    """Write mono.lock alone, where what its packages carry has not changed."""
    _replace_lock(folder / FILE, write_lock(lock))


def _document(lock: Lock) -> Row:
    return {
        "format": FORMAT,
        "revision": REVISION,
        "project": lock.project,
        "inputs": lock.inputs,
        **_present(
            {
                "preparation": lock.preparation,
                "roots": lock.roots,
                "asked": lock.asked,
                "constraints": lock.constraints,
                "archive-mirrors": lock.archive_mirrors,
                "software-heritage": lock.software_heritage,
                "variables": dict(lock.variables),
                "repositories": [_repository(repository) for repository in lock.repositories],
                "targets": [_target(target) for target in lock.targets],
                "packages": [_package(package) for package in lock.packages],
                "sources": [_source(source) for source in lock.sources],
                "system-packages": [_system_packages(wish) for wish in lock.system_packages],
            }
        ),
    }


def _repository(repository: LockedRepository) -> Row:
    return _present(
        {
            "name": repository.name,
            "url": repository.url,
            "commit": repository.commit,
            "content": repository.content,
        }
    )


def _target(target: Target) -> Row:
    checks = [
        {"tool": check.tool, "arguments": check.arguments, "expected": check.expected}
        for check in target.checks
    ]
    steps = [{"tool": step.tool, "arguments": step.arguments, "output": step.output} for step in target.steps]
    companions = [
        {"name": companion.name} | _present({"text": companion.text, "file": companion.file})
        for companion in target.companions
    ]
    return {"name": target.name, "description": target.description, "context": target.context} | _present(
        {
            "toolchain": target.toolchain,
            "requires": target.requires,
            "provided": target.provided,
            "link-flags": target.link_flags,
            "c-flags": target.c_flags,
            "disable-dynamic-archives": target.disable_dynamic_archives,
            "build": target.build,
            "artefacts": target.artefacts,
            "tools": target.tools,
            "variables": dict(target.variables),
            "checks": checks,
            "steps": steps,
            "companions": companions,
        }
    )


def _package(package: LockedPackage) -> Row:
    return {
        "name": package.name,
        "version": package.version,
        "kind": str(package.kind),
        "reason": package.reason,
    } | _present(
        {
            "targets": package.targets,
            "host-for": package.host_for,
            "dependencies": package.dependencies,
            "repository": package.repository,
            "port-of": package.port_of,
            "metadata": package.metadata,
            "licences": package.licences,
            "directory": package.directory,
            "flags": package.flags,
            "depends": package.depends,
            "conflicts": package.conflicts,
            "conflict-class": package.conflict_class,
            "available": package.available,
        }
    )


def _source(source: LockedSource) -> Row:
    return {"directory": source.directory, "url": source.url} | _present(
        {
            "packages": source.packages,
            "targets": source.targets,
            "mirrors": source.mirrors,
            "checksums": source.checksums,
            "commit": source.commit,
            "unverified": source.unverified,
            "subpath": source.subpath,
            "tree": source.tree,
            "tree-of": mark_of(source) if source.tree else "",
            "patches": source.patches,
            "extra-sources": [_extra_source(extra) for extra in source.extra_sources],
            "extra-files": [{"file": file.file, "sha256": file.sha256} for file in source.extra_files],
            "substitutions": [
                {"file": substitution.file} | _present({"variables": dict(substitution.variables)})
                for substitution in source.substitutions
            ],
        }
    )


def _extra_source(extra: ExtraSource) -> Row:
    return {"file": extra.file, "url": extra.url} | _present(
        {"mirrors": extra.mirrors, "checksums": extra.checksums}
    )


def _system_packages(wish: SystemPackages) -> Row:
    return {"when": wish.when, "packages": wish.packages, "wanted-by": wish.wanted_by}


def _present(row: Mapping[str, object]) -> Row:
    """Without what is absent, empty or false: the reader puts that back."""
    return {key: value for key, value in row.items() if value}


def _keep(path: Path, content: bytes | None) -> bool:
    """Have the carried file at ``path``, whose name is its hash; whether it had to be written."""
    found = path.read_bytes() if path.is_file() else None
    if found is not None and hashlib.sha256(found).hexdigest() == path.name:
        return False
    place = f"{FILES_FOLDER}/{path.name}"
    if content is None:
        raise LockError(
            "this file, which the lock needs, is missing or damaged", place, "run mono lock --upgrade"
        )
    if hashlib.sha256(content).hexdigest() != path.name:
        raise LockError("this file is not what its hash says", place)
    path.parent.mkdir(exist_ok=True)
    return _replace(path, content)


def _replace_lock(path: Path, text: str) -> bool:
    """The same of mono.lock: its lines end as they did, with CRLF where git checks out so."""
    found = path.read_bytes() if path.is_file() else b""
    ends = "\r\n" if b"\r\n" in found[: len(HEADER)] else "\n"
    return _replace(path, text.replace("\n", ends).encode("utf-8"))


def _replace(path: Path, content: bytes) -> bool:
    """Put ``content`` at ``path`` in one step, with the mode that is there; whether that changed anything."""
    if path.is_file() and path.read_bytes() == content:
        return False
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.is_file():
            aside.chmod(stat.S_IMODE(path.stat().st_mode))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return True


def clear_aside(folder: Path) -> None:
    """Remove what killed processes left beside the lock in ``folder``."""
    for aside in folder.glob(f".{FILE}.*"):
        number = aside.name.rpartition(".")[2]
        if number.isdecimal() and not _is_alive(int(number)):
            aside.unlink(missing_ok=True)
    clear_at(folder / _WRITING)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _remove_others(folder: Path, wanted: set[str]) -> list[bool]:
    stale = sorted(path for path in folder.iterdir() if path.name not in wanted)
    for path in stale:
        path.unlink()
    if not wanted:
        folder.rmdir()
    return [True for _ in stale]
