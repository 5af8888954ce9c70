"""One tree takes another's place, at once: whoever is killed in between leaves the old one or the new one."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from monorepo.alone import take
from monorepo.duniverse import DUNIVERSE
from monorepo.errors import DuniverseError
from monorepo.fetch.tree import remove

_NEW = ".duniverse.new"  # a leading dot hides them from dune
_OLD = ".duniverse.old"
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
_HERE = -100  # AT_FDCWD; of no matter, as both paths are absolute


@contextmanager
def alone(project: Path, waiting: Callable[[], None]) -> Iterator[int]:
    """Alone among all processes that change the duniverse of ``project``; calls ``waiting`` before it waits.

    The lock is on the project's folder itself, so that it leaves no file behind. It lasts until every process
    that has the descriptor open, which is given, has closed it.
    """
    try:
        descriptor = os.open(project, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise DuniverseError(
            f"the project's folder cannot be opened: {error.strerror}", place=str(project)
        ) from error
    try:
        take(descriptor, waiting)
        yield descriptor
    finally:
        os.close(descriptor)


def repair(project: Path) -> None:
    """Clear away what a killed pull left, and put the old tree back where it was taken away last.

    Where it left nothing, nothing is written.
    """
    duniverse, old, new = project / DUNIVERSE, project / _OLD, project / _NEW
    try:
        if os.path.lexists(old):
            if os.path.lexists(duniverse):
                remove(old)
            else:
                old.rename(duniverse)
        if os.path.lexists(new):
            remove(new)
    except OSError as error:
        raise unwritable("what a killed pull left", project, error) from error


def unwritable(what: str, project: Path, error: OSError) -> DuniverseError:
    """What to say where the folder of ``project`` cannot be written."""
    return DuniverseError(
        f"{what} cannot be written: {error.strerror or error}",
        place=str(error.filename or project),
        hint="free some space, or make the project's folder writable",
    )


def begin(project: Path) -> Path:
    """An empty folder, where the new tree is made."""
    new = project / _NEW
    new.mkdir()
    new.chmod(0o755)  # whatever the umask: the same lock gives the same tree
    return new


def finish(project: Path) -> None:
    """Put the new tree in the place of the old one, and remove that."""
    duniverse, new, old = project / DUNIVERSE, project / _NEW, project / _OLD
    if not os.path.lexists(duniverse):
        new.rename(duniverse)
        return
    if not _exchange(new, duniverse):
        # Where the file system cannot do it at once: killed between the two, `repair` puts the old one back.
        duniverse.rename(old)
        new.rename(duniverse)
        remove(old)
    remove(new)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step; False where the system or the file system cannot."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    swap = getattr(library, "renameat2", None) or getattr(library, "renameatx_np", None)
    if swap is None:
        return False
    paths = [os.fsencode(path.absolute()) for path in (one, other)]
    if (
        swap(_HERE, ctypes.c_char_p(paths[0]), _HERE, ctypes.c_char_p(paths[1]), ctypes.c_uint(_EXCHANGE))
        == 0
    ):
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM):
        return False
    raise DuniverseError(f"the new tree cannot take its place: {os.strerror(number)}", place=str(other))
