"""What the url of a repository may be: git, an archive, or a folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from solver.values import dataclass

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".zip")


class RepositoryKind(StrEnum):
    GIT = "git"
    ARCHIVE = "archive"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class RepositorySetting:
    """One repository as the project names it; nothing of it is opened yet.

    Args:
        name: short, unique within the project.
        url: as written; this is what the lock records.
        kind: how it is opened.
        location: what git or http takes (``https://…``, ``file://…``); empty where ``path`` is set.
        reference: branch, tag or commit of a git repository, None for its default branch.
        path: the local folder or archive, absolute; None where it is elsewhere.
    """

    name: str
    url: str
    kind: RepositoryKind
    location: str = ""
    reference: str | None = None
    path: Path | None = None


@dataclass
class ImpossibleUrlError(Exception):
    """``reason`` says why a url cannot be a repository's."""

    reason: str
    hint: str = ""


_GIT_SCHEMES = ("git+https", "git+ssh", "git+file")
_FORMS = "git+https://, git+ssh://, git+file://, an archive over https, http or file, or a folder"


def repository_setting(name: str, url: str, folder: Path) -> RepositorySetting:
    """The setting that ``url`` stands for; a path without a scheme is relative to ``folder``.

    Raises:
        ImpossibleUrlError: it is of no known form.
    """
    if "://" not in url:
        return _local(name, url, folder)
    parts = _split(url)
    if parts.scheme in _GIT_SCHEMES:
        return _git(name, url, parts)
    if parts.scheme in ("https", "http", "file"):
        return _archive(name, url, parts)
    if parts.scheme in ("git", "ssh", "git+http"):
        raise ImpossibleUrlError(
            f"{parts.scheme}:// is not taken for a repository", "write git+https:// or git+ssh://"
        )
    raise ImpossibleUrlError(f"{url} is no url of a repository", f"known are {_FORMS}")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError as error:
        raise ImpossibleUrlError(f"{url} is no url: {error}") from None
    if password is not None:
        raise ImpossibleUrlError(
            "a url must not hold a password: the lock would show it", "let git or ssh know it"
        )
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ImpossibleUrlError("a url holds no blanks or control characters", "write %20 for a blank")
    return parts


def _git(name: str, url: str, parts: SplitResult) -> RepositorySetting:
    address, sign, reference = url.partition("#")
    if sign and not reference:
        raise ImpossibleUrlError(
            "nothing follows the # of this url", "name a branch, tag or commit, or leave it out"
        )
    if reference.startswith("-"):
        raise ImpossibleUrlError(f'"{reference}" is no branch, tag or commit')
    if parts.scheme == "git+file":
        _local_path(parts)
    elif not parts.hostname:
        raise ImpossibleUrlError(f"{url} names no host")
    return RepositorySetting(name, url, RepositoryKind.GIT, address.removeprefix("git+"), reference or None)


def _archive(name: str, url: str, parts: SplitResult) -> RepositorySetting:
    if not parts.path.endswith(ARCHIVE_SUFFIXES):
        if parts.scheme == "file":
            raise ImpossibleUrlError(
                f"{url} is no archive", "for a folder leave file:// out, for git write git+file://"
            )
        raise ImpossibleUrlError(
            f"{url} is no archive", f"for git write git+{url}; archives end in {_suffixes()}"
        )
    if parts.fragment:
        raise ImpossibleUrlError("an archive has no branches: nothing may follow a #")
    if parts.scheme == "file":
        return RepositorySetting(name, url, RepositoryKind.ARCHIVE, path=_local_path(parts))
    if not parts.hostname:
        raise ImpossibleUrlError(f"{url} names no host")
    return RepositorySetting(name, url, RepositoryKind.ARCHIVE, url)


def _local(name: str, url: str, folder: Path) -> RepositorySetting:
    if not url or "\0" in url:
        raise ImpossibleUrlError("the url of a repository is empty", f"known are {_FORMS}")
    if ":" in url.partition("/")[0]:
        raise ImpossibleUrlError(f"{url} is no url of a repository", f"known are {_FORMS}")
    kind = RepositoryKind.ARCHIVE if url.endswith(ARCHIVE_SUFFIXES) else RepositoryKind.FOLDER
    return RepositorySetting(name, url, kind, path=(folder / url).absolute())


def _local_path(parts: SplitResult) -> Path:
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ImpossibleUrlError(
            "a file url names an absolute path: file:///…", "a relative path is written without file://"
        )
    return Path(unquote(parts.path))


def _suffixes() -> str:
    return " ".join(ARCHIVE_SUFFIXES)
