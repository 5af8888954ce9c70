"""From a fetched source to the files that are built, in opam's order.

url, extra-sources, extra-files, substitutions that are patches, patches, other substitutions (opam manual,
"opam file format": ``patches``, ``substs``, ``extra-source``, ``extra-files``); then what would break the
workspace around it is taken out, and packages that are not locked are hidden from dune.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from monorepo.duniverse.expose import Shown, expose
from monorepo.duniverse.intruders import remove_all_intruders, remove_intruders
from monorepo.duniverse.stamp import Sealed, seal
from monorepo.errors import DuniverseError, FetchError, MonoError
from monorepo.fetch.checksums import Checksum, parse_checksums
from monorepo.fetch.places import git_address, packages_and
from monorepo.fetch.tree import inside, recheck
from monorepo.fetch.unpack import single_folder, unpack
from monorepo.lock.model import LockedSource, Substitution
from monorepo.ports import Git
from solver.interpolation import replace_variables


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared tree: its digest and stamp, and what it shows to dune."""

    sealed: Sealed
    shown: Shown


def prepare(
    source: LockedSource,
    folder: Path,
    aside: Path,
    archives: Mapping[tuple[Checksum, ...], Path],
    lock_files: Path,
    git: Git,
) -> Prepared:
    """Make ``source`` into ``folder``, which is absent, by way of ``aside``, which is too and ends up gone.

    Args:
        archives: the verified file of each set of checksums (`monorepo.fetch.download.Fetched`).
        lock_files: the folder beside the lock that has the extra files, named by their sha256.

    Raises:
        FetchError: the source cannot be unpacked or checked out.
        DuniverseError: a patch, substitution or extra file of it is missing or does not fit, or there is no
            writing the files.
    """
    try:
        top, unpacked = _materialize(source, aside, archives, git)
        if source.subpath:
            top = _subfolder(top, source.subpath)
        remove_intruders(top)
        _add_extras(source, top, archives, lock_files)
        for substitution in source.substitutions:
            if substitution.file in source.patches:
                _substitute(substitution, top)
        for patch in source.patches:
            _apply(patch, top, git)
            recheck(top)
        for substitution in source.substitutions:
            if substitution.file not in source.patches:
                _substitute(substitution, top)
        if source.extra_sources or source.extra_files or source.substitutions:
            recheck(top)
        left = remove_all_intruders(top, source.packages)
        shown = expose(top, source.packages, left)
        sealed = seal(top, _below(top, aside, unpacked))
        top.rename(folder)
        return Prepared(sealed, shown)
    except MonoError as error:
        raise _about(source, error) from error
    except OSError as error:
        reason = f"it cannot be written: {error.strerror or error}"
        hint = "" if error.errno == errno.ENAMETOOLONG else "is there space and permission?"
        raise _about(source, DuniverseError(reason, str(error.filename or ""), hint)) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _materialize(
    source: LockedSource, aside: Path, archives: Mapping[tuple[Checksum, ...], Path], git: Git
) -> tuple[Path, Mapping[str, str]]:
    """The top of the source, and what `unpack` tells of an archive."""
    if source.commit:
        git.export(git_address(source.url), source.commit, aside)
        return aside, {}
    digests = unpack(archives[parse_checksums(source.checksums)], aside)
    return single_folder(aside), digests


def _below(top: Path, aside: Path, unpacked: Mapping[str, str]) -> Mapping[str, str]:
    """What ``unpacked``, which is relative to ``aside``, tells of files in ``top``, relative to that."""
    inner = os.path.relpath(os.path.realpath(top), os.path.realpath(aside))
    start = "" if inner == "." else f"{inner}/"
    return {path.removeprefix(start): digest for path, digest in unpacked.items() if path.startswith(start)}


def _subfolder(top: Path, subpath: str) -> Path:
    folder = inside(top, subpath)
    if not folder.is_dir():
        raise FetchError(f"the source has no folder {subpath}")
    return folder


def _add_extras(
    source: LockedSource, top: Path, archives: Mapping[tuple[Checksum, ...], Path], lock_files: Path
) -> None:
    for extra in source.extra_sources:
        _put(archives[parse_checksums(extra.checksums)].read_bytes(), top, extra.file)
    for file in source.extra_files:
        path = lock_files / file.sha256
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DuniverseError(
                f"the lock's copy of the extra file {file.file} is missing: {path.name}",
                hint=f"restore {lock_files.name}/, which belongs to the lock, or lock again",
            ) from error
        actual = hashlib.sha256(content).hexdigest()
        if actual != file.sha256:
            raise DuniverseError(
                f"the lock's copy of the extra file {file.file} was changed: "
                f"expected sha256={file.sha256}, got sha256={actual}",
                hint=f"restore {lock_files.name}/, which belongs to the lock, or lock again",
            )
        _put(content, top, file.file)


def _put(content: bytes, top: Path, name: str) -> None:
    path = inside(top, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # what was unpacked is read-only
    path.write_bytes(content)


def _apply(patch: str, top: Path, git: Git) -> None:
    path = inside(top, patch)
    if not path.is_file():
        raise DuniverseError(f"the patch {patch} is neither in the source nor among its extra files")
    try:
        git.apply_patch(top, path)
    except DuniverseError as error:
        raise DuniverseError(
            f"the patch {patch} does not apply: {error.reason}", hint=error.hint, details=error.details
        ) from error


def _substitute(substitution: Substitution, top: Path) -> None:
    template = inside(top, f"{substitution.file}.in")
    if not template.is_file():
        raise DuniverseError(f"{substitution.file}.in, which is to become {substitution.file}, is missing")
    text = os.fsdecode(template.read_bytes())
    path = inside(top, substitution.file)
    path.unlink(missing_ok=True)
    path.write_bytes(os.fsencode(replace_variables(text, dict(substitution.variables))))
    path.chmod(template.stat().st_mode)


def _about(source: LockedSource, error: MonoError) -> MonoError:
    """``error``, saying which packages it is about and where their source came from."""
    reason = f"{error.place}: {error.reason}" if error.place else error.reason
    kind = DuniverseError if isinstance(error, DuniverseError) else FetchError
    return kind(
        reason,
        place=packages_and(source),
        hint=error.hint or "tell the authors of the source, and lock another version meanwhile",
        details=(*error.details, f"the source is {source.url}"),
    )
