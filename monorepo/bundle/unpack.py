"""Takes a bundle apart: sources and repositories into the cache, the project into a folder.

A bundle may come from anyone. It is unpacked aside as any source is, so nothing leaves its folder; then
everything is held against the lock that it brings, before anything of it is put in place. What that lock does
not name stays out.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from builder.digest import file_digest, sha256_of_file
from monorepo.bundle.layout import (
    ABOUT,
    FORMAT,
    PROJECT,
    SUMS,
    pack_member,
    repository_archive_member,
    repository_folder_member,
    sums_text,
)
from monorepo.bundle.project import fresh_files, put
from monorepo.cache.use import unusable
from monorepo.errors import FetchError, MonoError, RepositoryError
from monorepo.fetch.archives import ArchiveCache
from monorepo.fetch.checksums import given_by, verify_file
from monorepo.fetch.heritage import holds
from monorepo.fetch.offline import Missing, Tip, commits_of, with_submodules
from monorepo.fetch.places import documents_of, folder_of, packages_and
from monorepo.fetch.tree import Limits
from monorepo.fetch.unpack import unpack as unpack_archive
from monorepo.lock.model import Lock, LockedRepository, LockedSource
from monorepo.lock.reader import load_lock
from monorepo.ports import Git
from monorepo.repositories import kept_archive, kept_folder
from monorepo.repository_url import ImpossibleUrlError, RepositoryKind, RepositorySetting, repository_setting
from overlays.copies import damage_of_copy
from overlays.stores.files import touch

LIMITS = Limits(entries=2_000_000, bytes=32 << 30)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a bundle brought: files of the project that were not there yet, and how many of the rest."""

    project: str
    files: int
    archives: int
    commits: int
    repositories: int


def unpack(
    file: Path, into: Path, *, cache: Path, git: Git, force: bool = False, limits: Limits = LIMITS
) -> Unpacked:
    """Put what the bundle ``file`` holds into ``cache``, and the project into ``into``.

    ``git`` is one without network.

    Raises:
        FetchError: this is no bundle, or it is damaged, or lacks something that its lock names.
        LockError: its lock cannot be read.
        MonoError: files of ``into`` differ from the bundle's (unless ``force``), or something cannot be
            written.
    """
    with _aside(cache) as folder:
        _open(file, folder, limits)
        lock = load_lock(folder / PROJECT)
        pinned = _pinned(lock, folder, file)
        archives = _archives(pinned, folder, cache, file)
        given = _given(lock, folder, cache)
        repositories = _repositories(lock, folder, cache, file)
        fresh = fresh_files(folder / PROJECT, into, force=force)
        for staged, place in (*archives, *given, *repositories):
            _bring(staged, place)
        commits = _commits(lock, folder, git, file)
        put(folder / PROJECT, into, fresh)
    return Unpacked(lock.project, len(fresh), len(archives), commits, len(lock.repositories))


@contextmanager
def _aside(cache: Path) -> Iterator[Path]:
    """A folder in the file system of the cache, gone at the end."""
    try:
        (cache / "incoming").mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=cache / "incoming", prefix="bundle-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise unusable(cache, error, FetchError) from error


def _open(file: Path, folder: Path, limits: Limits) -> None:
    """Unpack ``file`` into ``folder``, and hold every file against `SUMS`."""
    try:
        unpack_archive(file, folder, limits)
    except FetchError as error:
        place = f"{file}: {error.place}" if error.place else str(file)
        raise FetchError(error.reason, place, "have it made or copied again") from error
    except OSError as error:
        if error.filename != str(file):
            raise
        raise FetchError(f"the bundle cannot be read: {error.strerror}", str(file)) from error
    found = _format(folder / ABOUT)
    if found is None:
        raise FetchError("this is no bundle", str(file), "mono bundle create makes one")
    if found != FORMAT:
        raise FetchError(
            f"the bundle is of format {found}, and mono knows {FORMAT}", str(file), "update mono"
        )
    digests = {
        path.relative_to(folder).as_posix(): sha256_of_file(os.fsencode(path))
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and path != folder / SUMS
    }
    if not (folder / SUMS).is_file() or (folder / SUMS).read_bytes() != _sums(digests):
        listed = set((folder / SUMS).read_bytes().splitlines()) if (folder / SUMS).is_file() else set()
        wrong = [
            name for name, digest in sorted(digests.items()) if _sums({name: digest}).strip() not in listed
        ]
        raise _damaged(file, wrong or [f"{SUMS} is absent, or names what is not there"])


def _sums(digests: dict[str, str]) -> bytes:
    return sums_text(digests).encode("utf-8", "surrogateescape")


def _format(about: Path) -> object:
    try:
        document = json.loads(about.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return document.get("format") if isinstance(document, dict) else None


def _pinned(lock: Lock, folder: Path, file: Path) -> list[LockedSource]:
    """The sources of ``lock``, those without a checksum with that of the archive that the bundle has.

    Whether that is right the pull tells, by the tree that the lock records.
    """
    staged = ArchiveCache(folder)
    sources: list[LockedSource] = []
    wrong: list[str] = []
    for source in lock.sources:
        if not source.unverified:
            sources.append(source)
        elif _is_file(staged.path(given_by(source.url))) and (given := staged.given_last(source.url)):
            sources.append(replace(source, checksums=(str(given),)))
        else:
            wrong.append(f"{packages_and(source)}: {source.url} is not in it")
    if wrong:
        raise _damaged(file, wrong)
    return sources


def _given(lock: Lock, folder: Path, cache: Path) -> list[tuple[Path, Path]]:
    """What is remembered of each source without a checksum, and where in the cache it goes."""
    names = dict.fromkeys(given_by(source.url) for source in lock.sources if source.unverified)
    return [(ArchiveCache(folder).path(name), ArchiveCache(cache).path(name)) for name in names]


def _archives(
    sources: Sequence[LockedSource], folder: Path, cache: Path, file: Path
) -> list[tuple[Path, Path]]:
    """Each archive that ``sources`` want, verified, and where in the cache it goes."""
    found: list[tuple[Path, Path]] = []
    wrong: list[str] = []
    for document in documents_of(sources):
        folders = {folder_of(swhid): swhid for swhid in document.swhids if folder_of(swhid)}
        staged = {name: ArchiveCache(folder).path(name) for name in (document.checksums, *folders)}
        name = next((name for name, path in staged.items() if _is_file(path)), None)
        packages = ", ".join(document.packages)
        if name is None:
            wrong.append(f"{packages}: {document.url} is not in it")
        elif name in folders and not holds(staged[name], name[0].digest, folder):
            wrong.append(f"{packages}: expected {folders[name]}")
        elif name not in folders and (mismatches := verify_file(staged[name], name)):
            wrong.append(f"{packages}: expected {mismatches[0].expected}")
        else:
            found.append((staged[name], ArchiveCache(cache).path(name)))
    if wrong:
        raise _damaged(file, wrong)
    return found


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _repositories(lock: Lock, folder: Path, cache: Path, file: Path) -> list[tuple[Path, Path]]:
    """Each repository of ``lock`` that is not in git, verified, and where in the cache it goes."""
    found: dict[Path, Path] = {}
    wrong: list[str] = []
    for repository in lock.repositories:
        if repository.content is None:
            continue
        digest = repository.content.removeprefix("sha256:")
        if _setting(repository, folder).kind is RepositoryKind.ARCHIVE:
            staged = folder / repository_archive_member(repository.content)
            good = staged.is_file() and file_digest(staged) == repository.content
            place = kept_archive(cache, repository.content)
        else:
            staged = folder / repository_folder_member(repository.content)
            good = staged.is_dir() and not damage_of_copy(staged, digest)
            place = kept_folder(cache, repository.content)
        if good:
            found[staged] = place
        else:
            wrong.append(f"repository {repository.name} is not in it as the lock records it")
    if wrong:
        raise _damaged(file, wrong)
    return list(found.items())


def _commits(lock: Lock, folder: Path, git: Git, file: Path) -> int:
    """Have every commit of ``lock`` in the clones of the cache; how many there are."""

    def take(url: str, commit: str) -> None:
        git.take_pack(url, commit, folder / pack_member(commit))

    def below(url: str, commit: str) -> tuple[tuple[str, str], ...]:
        take(url, commit)
        return git.submodules(url, commit)

    found = list(with_submodules(commits_of(lock.sources), below))
    wrong = [f"{one}: {one.reason}" for one in found if isinstance(one, Missing)]
    commits = {one.commit for one in found if isinstance(one, Tip)}
    for repository in lock.repositories:
        if repository.commit:
            commits.add(repository.commit)
            try:
                take(_setting(repository, folder).location, repository.commit)
            except RepositoryError as error:
                wrong.append(f"repository {repository.name}: {error.reason}")
    if wrong:
        raise _damaged(file, wrong)
    return len(commits)


def _setting(repository: LockedRepository, folder: Path) -> RepositorySetting:
    try:
        return repository_setting(repository.name, repository.url, folder / PROJECT)
    except ImpossibleUrlError as error:
        raise FetchError(error.reason, f"repository {repository.name}", error.hint) from error


def _bring(staged: Path, place: Path) -> None:
    """Put what was verified into its place in the cache; what is there may be damaged, and gives way."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        place.rename(staged.with_name(f"{staged.name}.old"))
    touch(staged)
    staged.replace(place)


def _damaged(file: Path, wrong: Sequence[str]) -> MonoError:
    return FetchError(
        "the bundle is damaged, or is not what its lock says", str(file), "have it made again", tuple(wrong)
    )
