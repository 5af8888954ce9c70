"""Makes a bundle of a project whose lock is fresh."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from monorepo.bundle.layout import (
    ABOUT,
    FORMAT,
    PROJECT,
    is_compressed,
    pack_member,
    repository_archive_member,
    repository_folder_member,
)
from monorepo.bundle.project import own_files
from monorepo.bundle.writer import BundleWriter, writing
from monorepo.duniverse.pull import fetch_unverified
from monorepo.errors import FetchError, LockError, MonoError, without_logins
from monorepo.fetch.archives import ArchiveCache
from monorepo.fetch.checksums import given_by
from monorepo.fetch.download import fetch
from monorepo.fetch.offline import Missing, Tip, commits_of, with_submodules
from monorepo.fetch.patience import Patience
from monorepo.fetch.places import archive_mirrors
from monorepo.fetch.progress import Progress
from monorepo.lock.answer import OpenProject
from monorepo.lock.format import FILE
from monorepo.lock.model import Lock
from monorepo.locking import open_checked
from monorepo.ports import Git, Http, Workers
from monorepo.repositories import kept_archive
from monorepo.repository_url import RepositoryKind
from overlays.copies import copy_members


@dataclass(frozen=True, slots=True)
class Created:
    """A bundle that was written: its size in bytes, and how many of each kind it holds."""

    file: Path
    size: int
    files: int
    archives: int
    commits: int
    repositories: int


def create(
    folder: Path,
    file: Path,
    *,
    cache: Path,
    http: Http,
    git: Git,
    workers: Workers,
    progress: Progress,
    force: bool = False,
    patience: Patience | None = None,
) -> Created:
    """Write the bundle ``file`` of the project in ``folder``; what the cache lacks is fetched first.

    The same lock and the same sources of the project's own give the same bytes on every machine.

    Raises:
        LockError: the lock is not what would be locked now.
        FetchError: something that the lock names cannot be had; it tells of all.
        MonoError: the file is there already (unless ``force``), or cannot be written.
    """
    is_compressed(file)
    if file.exists() and not force:
        raise MonoError(
            "there is such a file already", str(file), "name another, or overwrite it with --force"
        )
    report, project = open_checked(folder, cache=cache, http=http, git=git)
    if not report.good:
        raise LockError("the lock is not what would be locked now", FILE, "run mono lock")
    lock = report.lock
    pinned = fetch_unverified(lock, folder, cache, http, git, workers, progress, patience=patience)
    fetched = fetch(
        pinned,
        archive_mirrors(lock.archive_mirrors, folder),
        cache,
        http,
        git,
        progress,
        software_heritage=lock.software_heritage,
        patience=patience,
    )
    unverified = (source.url for source in lock.sources if source.unverified)
    archives = {*fetched.paths.values(), *(ArchiveCache(cache).path(given_by(url)) for url in unverified)}
    tips = _commits(lock, project)
    names = list(own_files(folder))
    progress.started("packing", len(names) + len(archives) + len(tips) + len(lock.repositories))
    with writing(file) as writer:
        about = {"format": FORMAT, "project": lock.project}
        writer.content(ABOUT, (json.dumps(about, indent=2) + "\n").encode("utf-8"))
        for name in names:
            _add_own(writer, folder, name)
            progress.finished(name)
        _add_archives(writer, archives, cache, progress)
        for tip in tips:
            _add_commit(writer, tip, git)
            progress.finished(without_logins(tip.url))
        _add_repositories(writer, project, lock, cache)
    return Created(
        file, file.stat().st_size, len(names), len(fetched.paths), len(tips), len(lock.repositories)
    )


def _commits(lock: Lock, project: OpenProject) -> Sequence[Tip]:
    """Every commit to carry, each once, sorted: those of sources, of their submodules, of repositories."""
    found = list(with_submodules(commits_of(lock.sources), project.git.submodules))
    lacking = [one for one in found if isinstance(one, Missing)]
    if lacking:
        details = tuple(f"{one}: {one.reason}" for one in lacking)
        raise FetchError(f"{len(lacking)} commits could not be had", details=details)
    tips = {tip.commit: tip for tip in found if isinstance(tip, Tip)}
    locations = {setting.name: setting.location for setting in project.project.repositories}
    for repository in lock.repositories:
        if repository.commit:
            tip = Tip(repository.name, locations[repository.name], repository.commit)
            tips.setdefault(repository.commit, tip)
    return [tips[commit] for commit in sorted(tips)]


def _add_own(writer: BundleWriter, folder: Path, name: str) -> None:
    path = folder / name
    if path.is_symlink():
        writer.link(f"{PROJECT}/{name}", str(path.readlink()))
    else:
        writer.file(f"{PROJECT}/{name}", path)


def _add_archives(writer: BundleWriter, archives: Iterable[Path], cache: Path, progress: Progress) -> None:
    """They lie in the bundle as they do in the cache."""
    for path in sorted(archives):
        writer.file(path.relative_to(cache).as_posix(), path)
        progress.finished(path.name)


def _add_commit(writer: BundleWriter, tip: Tip, git: Git) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pack = Path(folder) / "pack"
        git.write_pack(tip.url, tip.commit, pack)
        writer.file(pack_member(tip.commit), pack)


def _add_repositories(writer: BundleWriter, project: OpenProject, lock: Lock, cache: Path) -> None:
    """Archives as they are; of folders what was asked of them, as their hash in the lock covers just that."""
    opened = zip(project.project.repositories, project.stack.repositories, strict=True)
    content = {repository.name: repository.content for repository in lock.repositories}
    seen: set[str] = set()
    for setting, repository in opened:
        recorded = content[setting.name]
        if recorded is None or recorded in seen:
            continue  # in git, or the same as another
        seen.add(recorded)
        if setting.kind is RepositoryKind.ARCHIVE:
            path = setting.path if setting.path and setting.path.exists() else kept_archive(cache, recorded)
            writer.file(repository_archive_member(recorded), path)
            continue
        member = repository_folder_member(recorded)
        for name, bytes_ in copy_members(repository):
            if bytes_ is None:
                writer.folder(f"{member}/{name}")
            else:
                writer.content(f"{member}/{name}", bytes_)
