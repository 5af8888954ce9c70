"""Where the submodules of a git repository are, from its .gitmodules file (gitmodules manual page)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from monorepo.errors import RepositoryError
from solver.values import dataclass


@dataclass(frozen=True, slots=True)
class Submodule:
    """A submodule: its folder in the tree, and the absolute url it comes from."""

    path: str
    url: str


def submodules(settings: str, parent: str) -> Iterator[Submodule]:
    """The submodules in ``settings`` (``git config --list -z`` of .gitmodules) of the repository ``parent``.

    Raises:
        RepositoryError: a url names this machine's own files although the parent came from elsewhere.
    """
    found: dict[str, dict[str, str]] = {}
    for record in settings.split("\0"):
        key, _, value = record.partition("\n")
        match = re.fullmatch(r"submodule\.(.*)\.(path|url)", key, re.DOTALL)
        if match:
            found.setdefault(match[1], {})[match[2]] = value
    for one in found.values():
        if "path" in one and "url" in one:
            yield Submodule(one["path"].rstrip("/"), _absolute(one["url"], parent))


def _absolute(url: str, parent: str) -> str:
    if url.startswith(("./", "../")):
        return _relative(url, parent)
    if is_local(url) and not is_local(parent):
        raise RepositoryError(
            f"the submodule url {url} names files of this machine and is refused", place=parent
        )
    return url


def _relative(url: str, parent: str) -> str:
    """Resolve as git does: each ``..`` takes one part off the parent's url."""
    base = parent.rstrip("/")
    while True:
        if url.startswith("./"):
            url = url[2:]
        elif url.startswith("../"):
            url = url[3:]
            base, slash, _ = base.rpartition("/")
            if not slash or base.endswith(":/") or not base:
                raise RepositoryError("a submodule url leaves its server and is refused", place=parent)
        else:
            return f"{base}/{url}"


def is_local(url: str) -> bool:
    return url.startswith(("/", "file:"))
