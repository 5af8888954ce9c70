"""The project's own files: what a bundle carries of it, and how they are put elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from monorepo.bundle.layout import ABOUT
from monorepo.contexts.emit import is_editor_workspace
from monorepo.contexts.plan import FOLDER as CONTEXTS
from monorepo.duniverse import DUNIVERSE
from monorepo.errors import FetchError, MonoError
from monorepo.fetch.tree import inside, refuse_leaving, remove
from monorepo.lock.format import FILE

_NEVER = frozenset({"_build", "_opam", "_work", ".git", ".hg"})
_ASIDE = ".mono-new"
_AGAIN = "have it made again, by somebody whom you trust"


def own_files(project: Path) -> Iterator[str]:
    """Paths of the files and links that are the project's own, sorted, as the builder counts them.

    That is all at its top but what begins with a dot or an underscore, duniverse/ and contexts/; of the rest,
    neither what builds leave nor bundles.

    Raises:
        FetchError: a symbolic link leads out of the project, or is absolute.
    """
    for name in _entries(project):
        made = name in (DUNIVERSE, CONTEXTS) or is_editor_workspace(project / name)
        if not made and not name.startswith((".", "_")):
            yield from _below(project, name)


def _below(project: Path, path: str) -> Iterator[str]:
    place = project / path
    if place.is_symlink():
        if place.readlink().is_absolute():
            raise FetchError("a link with an absolute target has no place in a bundle", path)
        refuse_leaving(os.path.realpath(project), path)
        yield path
    elif place.is_dir():
        for name in _entries(place):
            if name not in _NEVER:
                yield from _below(project, f"{path}/{name}")
    elif place.is_file() and not _is_bundle(place):
        yield path


def _entries(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def _is_bundle(path: Path) -> bool:
    """Whether a file is a bundle: one in the next would make that larger and larger."""
    if not path.name.endswith((".tar", ".tar.gz", ".tgz")):
        return False
    import gzip

    wanted = ABOUT.encode()
    with path.open("rb") as file:
        start = file.read(len(wanted))
        if start.startswith(b"\x1f\x8b"):
            file.seek(0)
            try:
                start = gzip.GzipFile(fileobj=file).read(len(wanted))
            except (OSError, EOFError):
                return False
    return start == wanted


def fresh_files(files: Path, folder: Path, *, force: bool) -> list[str]:
    """What of ``files``, a project of anyone's, is not in ``folder`` as it is there: paths, the lock last.

    Raises:
        FetchError: ``files`` have what is none of a project's own: a duniverse that nobody verified, say, or
            settings of git.
        MonoError: something else has the place of one (unless ``force``), or a link leads out of ``folder``.
    """
    own = set(own_files(files))
    others = tuple(
        f"{name} is none of a project's own files" for name in _names(files, "") if name not in own
    )
    if others:
        raise FetchError("the bundle has more than a project's own files", hint=_AGAIN, details=others)
    names = sorted(own, key=lambda name: (name == FILE, name))
    fresh = [name for name in names if not _same(files / name, _place(folder, name))]
    taken = [name for name in fresh if os.path.lexists(folder / name)]
    if taken and not force:
        raise MonoError(
            "files of the bundle's project are there already, and differ",
            str(folder),
            "unpack with --into another folder, or with --force to overwrite them",
            tuple(taken),
        )
    return fresh


def put(files: Path, folder: Path, names: Sequence[str]) -> None:
    """Have these files of ``files`` in ``folder``, in that order.

    Raises:
        MonoError: one cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            _put(files / name, _place(folder, name))
    except OSError as error:
        raise MonoError(
            f"the project cannot be written: {error.strerror or error}", str(error.filename or folder)
        ) from error


def _names(files: Path, prefix: str) -> Iterator[str]:
    for place in sorted((files / prefix).iterdir()):
        if place.is_dir() and not place.is_symlink():
            yield from _names(files, f"{prefix}{place.name}/")
        else:
            yield prefix + place.name


def _place(folder: Path, name: str) -> Path:
    """Where a file goes; no link that is in ``folder`` already is followed out of it."""
    parent, _, last = name.rpartition("/")
    try:
        return (inside(folder, parent) if parent else folder) / last
    except FetchError as error:
        raise MonoError(f"{error.reason}: {name}", str(folder)) from error


def _same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    if not other.is_file():
        return False
    executable = (one.stat().st_mode ^ other.stat().st_mode) & 0o100
    return not executable and one.read_bytes() == other.read_bytes()


def _put(one: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        raise IsADirectoryError(21, "a folder is where a file should be", str(place))
    aside = place.with_name(f".{place.name}{_ASIDE}")
    remove(aside)
    if one.is_symlink():
        aside.symlink_to(one.readlink())
    else:
        shutil.copyfile(one, aside)  # its mode is that of any new file: what was unpacked is read-only
        if one.stat().st_mode & 0o100:
            mode = aside.stat().st_mode
            aside.chmod(mode | (mode & 0o444) >> 2)
    aside.replace(place)
