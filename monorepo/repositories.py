"""Opens the project's repositories, in their order, as one stack."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from monorepo.errors import RepositoryError
from monorepo.lock.model import LockedRepository
from monorepo.ports import Git, Http
from monorepo.repository_url import RepositoryKind, RepositorySetting
from overlays.cache import MetadataCache
from overlays.errors import RepositoryUnreadable
from overlays.repository import Repository, open_archive, open_folder, open_git
from overlays.stack import RepositoryStack


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
    commit of the same url is known, nor is an archive fetched again.

    Raises:
        RepositoryError: one of them cannot be had or is no repository.
    """
    commits: dict[str, str] = {}
    repositories: list[Repository] = []
    metadata = MetadataCache(cache / "metadata")
    for setting in settings:
        known = locked.get(setting.name)
        if known is not None and known.url != setting.url:
            known = None
        try:
            if setting.kind is RepositoryKind.GIT:
                commit = known.commit if known is not None and known.commit else None
                commit = commit or git.resolve(setting.location, setting.reference)
                commits[setting.name] = commit
                objects = git.objects(setting.location, commit)
                repositories.append(open_git(setting.name, objects, commit, metadata))
            elif setting.kind is RepositoryKind.ARCHIVE:
                path = setting.path or _download(setting, cache, http, known)
                repositories.append(open_archive(setting.name, path, cache / "repositories", metadata))
            else:
                assert setting.path is not None
                repositories.append(open_folder(setting.name, setting.path, metadata))
        except RepositoryUnreadable as error:
            raise RepositoryError(
                error.reason, f'repository "{setting.name}" ({setting.url})', "check its url in mono.toml"
            ) from error
    return RepositoryStack(tuple(repositories)), commits


def _download(setting: RepositorySetting, cache: Path, http: Http, known: LockedRepository | None) -> Path:
    """The archive in the cache, by its hash where the lock knows it."""
    folder = cache / "repositories" / "downloads"
    suffix = Path(setting.location).suffix
    if known is not None and known.content is not None:
        kept = folder / (known.content.removeprefix("sha256:") + suffix)
        if kept.is_file():
            return kept
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    handle, aside = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(handle, "wb") as file, http.stream(setting.location) as body:
            for chunk in body.chunks():
                digest.update(chunk)
                file.write(chunk)
        place = folder / (digest.hexdigest() + suffix)
        Path(aside).replace(place)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    return place
