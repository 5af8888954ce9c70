"""Copies of folder repositories, cut down to what was asked of them.

A lock records of a folder the hash of a statement: every version of each package that was asked for, and the
hash of every file that was read. A copy is that statement beside a folder ``tree`` with just those versions
and files. So it proves itself against the hash in the lock, and answers the same questions the same way.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from overlays.errors import RepositoryUnreadable
from overlays.repository import Repository, open_folder
from overlays.stores.layout import PACKAGES

STATEMENT = "statement"
TREE = "tree"

_ABSENT = "absent"


def copy_members(repository: Repository) -> Iterator[tuple[str, bytes | None]]:
    """Path and bytes of each file of a copy of ``repository``, sorted; None stands for a folder.

    Raises:
        RepositoryUnreadable: a file is no longer what it was when it was asked for.
    """
    statement = repository.statement()
    versions, files = _read(statement.decode("utf-8"))
    yield STATEMENT, statement
    members: dict[str, bytes | None] = {PACKAGES: None}
    for package in versions:
        for version in repository.versions(package):
            members[repository.folder(package, version)] = None
    for path, expected in files.items():
        if expected == _ABSENT:
            continue
        content = repository.read(path)
        if content is None or hashlib.sha256(content).hexdigest() != expected:
            raise RepositoryUnreadable(repository.name, path, "it has changed meanwhile")
        members[path] = content
    for path, content in sorted(members.items()):
        yield f"{TREE}/{path}", content


def damage_of_copy(folder: Path, expected: str) -> str:
    """How the copy in ``folder`` is not the one with the hash ``expected`` (64 hex digits); empty if it is.

    Raises:
        OSError: it cannot be read.
    """
    statement = (folder / STATEMENT).read_bytes()
    if hashlib.sha256(statement).hexdigest() != expected:
        return "its statement is not the one that the lock records"
    versions, files = _read(statement.decode("utf-8"))
    if {path: hash_ for path, hash_ in files.items() if hash_ != _ABSENT} != dict(_hashes(folder / TREE)):
        return "its files are not those of its statement"
    try:
        repository = open_folder(folder.name, folder / TREE)
        wrong = [package for package in versions if _listed(repository, package) != versions[package]]
    except RepositoryUnreadable as error:
        return str(error)
    return f"its versions of {wrong[0]} are not those of its statement" if wrong else ""


def _listed(repository: Repository, package: str) -> str:
    return " ".join(repository.versions(package))


def _read(statement: str) -> tuple[dict[str, str], dict[str, str]]:
    """The versions of each package, as text, and the hash of each file; see `Repository.statement`."""
    versions: dict[str, str] = {}
    files: dict[str, str] = {}
    for line in statement.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "versions":
            package, _, listed = rest.partition(":")
            versions[package] = listed.strip()
        else:
            path, _, content_hash = rest.rpartition(": ")
            files[path] = content_hash
    return versions, files


def _hashes(tree: Path) -> Iterator[tuple[str, str]]:
    """Path and hash of every file in ``tree``; what is no file has the hash "none"."""
    top = os.fspath(tree)
    for folder, _, names in os.walk(top):
        for name in names:
            path = Path(folder, name)
            plain = path.is_file() and not path.is_symlink()
            content_hash = hashlib.sha256(path.read_bytes()).hexdigest() if plain else "none"
            yield path.relative_to(top).as_posix(), content_hash
