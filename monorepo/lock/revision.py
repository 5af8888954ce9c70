"""Locks that are not the one on disk: other files, and what git remembers."""

from __future__ import annotations

from pathlib import Path

from monorepo.document import decode
from monorepo.errors import LockError, RepositoryError
from monorepo.lock.format import FILE, FORMAT
from monorepo.lock.model import Lock
from monorepo.lock.reader import read_lock
from monorepo.ports import Git


def lock_at(folder: Path, word: str, git: Git) -> Lock:
    """The lock that ``word`` names: a file or folder as the project in ``folder`` sees it, or a git revision.

    Raises:
        LockError: it is none of these, or is no lock that this mono reads.
    """
    path = folder / word
    path = path / FILE if path.is_dir() else path
    if path.is_file():
        place, content = word, path.read_bytes()
    else:
        place, content = f"{FILE} at {word}", _committed(folder, word, git)
    try:
        return read_lock(decode(content, place, LockError), place)
    except LockError as error:
        if "is of format" in error.reason:
            error.hint = f"only locks of format {FORMAT} can be compared"
        raise


def _committed(folder: Path, revision: str, git: Git) -> bytes:
    try:
        return git.committed(folder, revision, FILE)
    except RepositoryError as error:
        reason = error.reason if revision == "HEAD" else f"{revision} is no lock file, and {error.reason}"
        raise LockError(reason, hint=error.hint or _HINT, details=error.details) from error


_HINT = f"mono diff OLD NEW takes lock files, and revisions at which {FILE} was committed"
