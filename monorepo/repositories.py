"""Opens the project's repositories, in their order, as one stack."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from builder.digest import file_digest
from monorepo.cache.use import is_of, unusable
from monorepo.errors import FetchError, RepositoryError, raise_together
from monorepo.lock.model import LockedRepository
from monorepo.ports import Git, Http
from monorepo.repository_url import RepositoryKind, RepositorySetting
from overlays.cache import MetadataCache
from overlays.copies import TREE
from overlays.errors import RepositoryUnreadable
from overlays.repository import Repository, open_archive, open_folder, open_git
from overlays.stack import RepositoryStack
from overlays.stores.files import touch


def open_repositories(
    settings: Sequence[RepositorySetting],
    *,
    cache: Path,
    http: Http,
    git: Git,
    locked: Mapping[str, LockedRepository],
) -> tuple[RepositoryStack, dict[str, str]]:
    """The stack, and the commit of each git repository by name.

    ``locked`` are repositories by name whose recorded state is kept: a branch is not asked again where a
    commit of the same url is known, nor is an archive fetched again. A folder or archive of this machine that
    is not there is taken from the cache in its recorded state, where a bundle brought it.

    Raises:
        RepositoryError: some of them cannot be had or are no repositories; it tells of all.
    """
    commits: dict[str, str] = {}
    repositories: list[Repository] = []
    errors: list[RepositoryError] = []
    metadata = MetadataCache(cache / "metadata")
    for setting in settings:
        known = locked.get(setting.name)
        if known is not None and known.url != setting.url:
            known = None
        try:
            with _reading(setting, cache):
                if setting.kind is RepositoryKind.GIT:
                    commit = known.commit if known is not None and known.commit else None
                    commit = commit or git.resolve(setting.location, setting.reference)
                    commits[setting.name] = commit
                    objects = git.objects(setting.location, commit)
                    repositories.append(open_git(setting.name, objects, commit, metadata))
                elif setting.kind is RepositoryKind.ARCHIVE:
                    path = _archive(setting, cache, http, known)
                    repositories.append(open_archive(setting.name, path, cache / "repositories", metadata))
                else:
                    path = _folder(setting, cache, known)
                    repositories.append(open_folder(setting.name, path, metadata))
        except RepositoryError as error:
            errors.append(error)
    raise_together("repositories cannot be had", errors)
    return RepositoryStack(tuple(repositories)), commits


def kept_archive(cache: Path, content: str) -> Path:
    """Where the archive of a repository with that hash (``sha256:…``) is kept."""
    return cache / "repositories" / "downloads" / content.removeprefix("sha256:")


def kept_folder(cache: Path, content: str) -> Path:
    """Where the copy (see `overlays.copies`) of a folder repository with that hash is kept."""
    return cache / "repositories" / "folders" / content.removeprefix("sha256:")


def in_state(
    stack: RepositoryStack, setting: RepositorySetting, commit: str, *, cache: Path, git: Git
) -> RepositoryStack:
    """``stack`` with the git repository of ``setting`` at another commit (40 hex digits).

    Raises:
        RepositoryError: it cannot be had, or is no repository of packages at that commit.
    """
    with _reading(setting, cache):
        objects = git.objects(setting.location, commit)
        other = open_git(setting.name, objects, commit, MetadataCache(cache / "metadata"))
    return RepositoryStack(
        tuple(other if repository.name == setting.name else repository for repository in stack.repositories)
    )


@contextmanager
def _reading(setting: RepositorySetting, cache: Path) -> Iterator[None]:
    """Says which repository it is about that cannot be read, unless it is ``cache`` that cannot be used."""
    try:
        yield
    except (OSError, RepositoryUnreadable) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and is_of(cache, cause):
            raise unusable(cache, cause, RepositoryError) from error
        if isinstance(error, OSError):
            raise
        raise RepositoryError(
            error.reason, f'repository "{setting.name}" ({setting.url})', "check its url in mono.toml"
        ) from error
    except (RepositoryError, FetchError) as error:
        place = f'repository "{setting.name}" ({setting.url})'
        if error.place == place:
            raise
        hint = error.hint or "check its url in mono.toml, and the network"
        raise RepositoryError(error.reason, place, hint, error.details) from error


def _folder(setting: RepositorySetting, cache: Path, known: LockedRepository | None) -> Path:
    """The folder itself, or its copy in the cache where it is not on this machine."""
    assert setting.path is not None
    if known is not None and known.content is not None and not setting.path.exists():
        kept = kept_folder(cache, known.content)
        if kept.is_dir():
            touch(kept)
            return kept / TREE
    return setting.path


def _archive(setting: RepositorySetting, cache: Path, http: Http, known: LockedRepository | None) -> Path:
    """The archive itself where it is on this machine; else the one in the cache that the lock records.

    Raises:
        RepositoryError: there is neither, and what is to be had now is not what the lock records.
    """
    if setting.path is not None and setting.path.exists():
        return setting.path
    recorded = None if known is None else known.content
    if recorded is not None:
        kept = kept_archive(cache, recorded)
        if kept.is_file() and file_digest(kept) == recorded:
            touch(kept)
            return kept
    return setting.path or _download(setting, cache, http, recorded)


def _download(setting: RepositorySetting, cache: Path, http: Http, recorded: str | None) -> Path:
    """Fetch the archive into the cache.

    Raises:
        RepositoryError: it cannot be had, or is not what the lock records.
    """
    import tempfile

    folder = cache / "repositories" / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix="new-")
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, http.stream(setting.location) as body:
            for chunk in body.chunks():
                file.write(chunk)
        digest = file_digest(aside)
        if recorded not in (None, digest):
            raise RepositoryError(
                f"is no longer what the lock records ({recorded})",
                f'repository "{setting.name}" ({setting.url})',
                "run mono lock --upgrade to lock with what is there now",
            )
        return aside.replace(kept_archive(cache, digest))
    finally:
        aside.unlink(missing_ok=True)
