"""git, asked through GitPython: bare clones in mono's cache, read by commit.

Nothing of what is fetched is ever run: there is no work tree, so neither hooks nor filters nor attributes
of a repository come to act; only transports that fetch are allowed; urls and references that look like
options are refused; nobody is asked for a password. The user's own git settings count for reaching a server
(proxies, credentials, insteadOf) and for nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from monorepo.adapters.git_clone import EVERYTHING, Clone
from monorepo.adapters.git_commands import BlobReader, GitRefusedError, run_git
from monorepo.adapters.git_complaints import in_our_words
from monorepo.adapters.git_environment import (
    ABBREVIATION,
    COMMIT,
    patch_environment,
    refuse_bad_address,
    refuse_bad_reference,
    refuse_bad_revision,
)
from monorepo.adapters.git_history import History
from monorepo.adapters.git_objects import Objects
from monorepo.adapters.git_packs import damage, take_pack, write_pack
from monorepo.adapters.submodules import is_local, submodules
from monorepo.cache.names import USED, clone_name
from monorepo.errors import DuniverseError, RepositoryError, UnavailableError
from monorepo.fetch.places import WAYS
from monorepo.ports import Commit
from overlays.stores.files import touch

if TYPE_CHECKING:
    from monorepo.fetch.tree import TreeWriter

_DEEPEST = 10  # submodules within submodules
_PATCH_MEMORY = 1 << 30


class GitClones:
    """`monorepo.ports.Git`, with bare clones below ``cache``/git; ``offline`` fetches nothing from afar."""

    def __init__(self, cache: Path, *, offline: bool = False) -> None:
        self._cache = cache
        self._clones = cache / "git"
        self._offline = offline
        self._readers: dict[Path, BlobReader] = {}

    def __getstate__(self) -> dict[str, object]:
        """What is copied to another process, which reads through processes of its own."""
        return {**vars(self), "_readers": {}}

    def without_network(self) -> GitClones:
        """See `monorepo.ports.Git`."""
        return GitClones(self._cache, offline=True)

    def resolve(self, url: str, reference: str | None) -> str:
        """See `monorepo.ports.Git`. A commit that the clone has is answered without the network.

        Raises:
            RepositoryError: the repository cannot be reached, or has nothing of that name.
        """
        clone = self._clone(url)
        return self._commit(clone, self._named(clone, reference))

    def history(self, url: str, reference: str | None, *, after: int | None = None) -> tuple[Commit, ...]:
        """See `monorepo.ports.Git`.

        Raises:
            RepositoryError: the repository cannot be reached, or has nothing of that name.
        """
        clone = self._clone(url)
        history = self._history(clone)
        known = history.known(reference)
        if known and after is not None and known[0].time > after:
            return known
        tip = self._named(clone, reference)
        if known and known[0].identifier == tip:
            return known
        return history.fetch(reference, tip)

    def objects(self, url: str, commit: str) -> Objects:
        """See `monorepo.ports.Git`.

        Raises:
            RepositoryError: the repository cannot be reached, or does not have ``commit``.
        """
        clone = self._clone(url)
        commit = self._commit(clone, commit)
        touch(clone.path / USED)
        reader = self._readers.setdefault(clone.path, BlobReader(clone.path, clone.environment()))
        return Objects(clone, commit, reader)

    def export(self, url: str, commit: str, folder: Path) -> None:
        """See `monorepo.ports.Git`: the bytes as they were committed, no filter or attribute applied.

        Raises:
            RepositoryError: the repository or that of a submodule cannot be reached, or lacks the commit.
            FetchError: a path in it would leave ``folder``.
        """
        from monorepo.fetch.tree import remove  # a lock exports nothing

        asked: list[str] = []
        try:
            self._export_all(url, commit, folder, asked)
        except UnavailableError:
            raise
        except RepositoryError:
            if not self._renewed(asked):
                raise
            remove(folder)
            self._export_all(url, commit, folder, [])

    def submodules(self, url: str, commit: str) -> tuple[tuple[str, str], ...]:
        """See `monorepo.ports.Git`.

        Raises:
            RepositoryError: the commit cannot be had, or a submodule is of no url that mono takes.
        """
        return tuple((found, locked) for _, found, locked in _submodules(self.objects(url, commit), url))

    def write_pack(self, url: str, commit: str, pack: Path) -> None:
        """See `monorepo.ports.Git`.

        Raises:
            RepositoryError: the repository cannot be reached, or lacks the commit.
        """
        clone = self._clone(url)
        with pack.open("wb") as file:
            write_pack(clone, self._commit(clone, commit), file)

    def take_pack(self, url: str, commit: str, pack: Path) -> None:
        """See `monorepo.ports.Git`.

        Raises:
            RepositoryError: the pack is damaged, or does not have the commit.
        """
        clone = self._clone(url)
        if clone.has(commit) is None:
            clone.ensure()
            take_pack(clone, commit, pack)

    def damage(self, clone: Path) -> str:
        """See `monorepo.ports.Git`."""
        return damage(Clone("", clone, offline=True))

    def committed(self, folder: Path, revision: str, name: str) -> bytes:
        """See `monorepo.ports.Git`.

        Raises:
            RepositoryError: the folder is in no repository, or that has no such revision, or no such file.
        """
        refuse_bad_revision(revision)
        commit = ("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        try:
            found = os.fsdecode(run_git(folder, commit, {})[0]).strip()
        except GitRefusedError as error:
            if any(line.startswith("not a git repository") for line in error.complaint):
                raise RepositoryError("the project is in no git repository") from error
            if any("single revision" in line for line in error.complaint):
                unknown = f"git knows no revision {revision}"
                raise RepositoryError(
                    "nothing is committed yet" if revision == "HEAD" else unknown
                ) from error
            raise in_our_words(error.complaint, str(folder)) from error
        try:
            return run_git(folder, ("cat-file", "blob", f"{found}:./{name}"), {})[0]
        except GitRefusedError as error:
            raise RepositoryError(f"{name} was not committed at {revision}") from error

    def apply_patch(self, folder: Path, patch: Path) -> None:
        """See `monorepo.ports.Git`. Up to two lines of context may differ, as GNU patch (so opam) allows.

        git has all that a patch makes in memory before it writes any of it. That bounds binary patches and
        copies, which can be thousands of times what they seem.

        Raises:
            DuniverseError: the patch does not apply, makes more than a GB, or names a path outside
                ``folder``; nothing is changed.
        """
        arguments = ("apply", "-p1", "-C1", "--whitespace=nowarn", str(patch.absolute()))
        try:
            run_git(folder, arguments, patch_environment(folder), memory=_PATCH_MEMORY)
        except GitRefusedError as error:
            reason, *details = error.complaint
            if "out of memory" in reason.lower():
                raise DuniverseError(f"it makes more than {_PATCH_MEMORY} bytes, which is refused") from error
            hint = "was the patch made for another version?"
            raise DuniverseError(reason, patch.name, hint, tuple(details)) from error

    def _clone(self, url: str) -> Clone:
        refuse_bad_address(url)
        return Clone(url, self._clones / clone_name(url), offline=self._offline)

    def _history(self, clone: Clone) -> History:
        path = clone.path.with_name(f"{clone.path.name}.commits")
        return History(clone, Clone(clone.url, path, offline=self._offline, commits_alone=True))

    def _named(self, clone: Clone, reference: str | None) -> str:
        """The id of what ``reference`` names; nothing of it is fetched, unless it is an abbreviation."""
        if reference is None:
            advertised = self._advertised(clone, "HEAD")
            if "HEAD" not in advertised:
                raise RepositoryError("the repository has no default branch", place=clone.url)
            return advertised["HEAD"]
        refuse_bad_reference(reference, clone.url)
        if COMMIT.fullmatch(reference):
            return reference
        advertised = self._advertised(clone, reference)
        for name in (
            f"refs/tags/{reference}^{{}}",
            f"refs/tags/{reference}",
            f"refs/heads/{reference}",
            reference,
        ):
            if name in advertised:
                return advertised[name]
        found = self._history(clone).commit(reference) if ABBREVIATION.fullmatch(reference) else None
        if found is None:
            reason = f"there is no branch, tag or commit {reference}"
            raise RepositoryError(reason, clone.url, f"git ls-remote {clone.url} lists branches and tags")
        return found

    def _commit(self, clone: Clone, commit: str) -> str:
        """``commit``, in the clone; fetched unless it is there. An annotated tag's id leads to its commit."""
        if not COMMIT.fullmatch(commit):
            raise RepositoryError(f"{commit!r} is not the id of a commit", place=clone.url)
        found = clone.has(commit)
        if found is None:
            with clone.alone():
                found = clone.has(commit) or self._fetch(clone, commit)
        return found

    def _fetch(self, clone: Clone, commit: str) -> str:
        if not self._reaches(clone):
            raise RepositoryError(
                f"the cache does not have the commit {commit}, and mono is offline", clone.url, WAYS
            )
        try:
            return self._fetch_once(clone, commit)
        except UnavailableError:
            raise  # looking through a large clone takes minutes
        except RepositoryError:
            if not clone.renew_if_damaged():
                raise
            return self._fetch_once(clone, commit)

    def _reaches(self, clone: Clone) -> bool:
        return not self._offline or is_local(clone.url)

    def _renewed(self, urls: Sequence[str]) -> bool:
        """Whether the clone of any of ``urls`` was found damaged, so that asking again may help."""
        renewed = []
        for clone in {url: self._clone(url) for url in urls}.values():
            if self._reaches(clone):
                with clone.alone():
                    renewed.append(clone.renew_if_damaged())
                self._readers.pop(clone.path, None)
        return any(renewed)

    def _fetch_once(self, clone: Clone, commit: str) -> str:
        try:
            clone.fetch("--depth=1", f"+{commit}:refs/mono/{commit}")
        except UnavailableError:
            raise
        except RepositoryError:
            # Not every server hands out a commit by its id: then everything it has may hold it.
            clone.fetch_history(*EVERYTHING)
        found = clone.has(commit)
        if found is None:
            raise RepositoryError(f"there is no commit {commit}", place=clone.url)
        return found

    def _advertised(self, clone: Clone, reference: str) -> dict[str, str]:
        if self._offline and not is_local(clone.url):
            raise RepositoryError(
                f"mono is offline and cannot ask which commit {reference} is", clone.url, WAYS
            )
        clone.ensure()
        listing = clone.run("ls-remote", "--", clone.url, reference, f"{reference}^{{}}")
        return {name: commit for commit, _, name in (line.partition("\t") for line in listing.splitlines())}

    def _export_all(self, url: str, commit: str, folder: Path, asked: list[str]) -> None:
        from monorepo.fetch.tree import TreeWriter

        writer = TreeWriter(folder)
        self._export(url, commit, writer, "", asked)
        writer.close()

    def _export(
        self, url: str, commit: str, writer: TreeWriter, prefix: str, asked: list[str], depth: int = 0
    ) -> None:
        """Write the tree of ``commit`` at ``prefix``, and what is below it; ``asked`` gets every url."""
        objects = self.objects(url, commit)
        asked.append(url)
        for entry in objects.entries():
            path = prefix + entry.path
            if ".git" in entry.path.lower().split("/"):
                raise RepositoryError(f"a path within .git is refused: {entry.path}", place=url)
            if entry.mode == "160000":
                writer.folder(path)
            elif entry.mode == "120000":
                writer.symlink(path, os.fsdecode(objects.blob(entry.identifier)))
            else:
                writer.file(path, [objects.blob(entry.identifier)], executable=entry.mode == "100755")
        for path, found, locked in _submodules(objects, url):
            if depth == _DEEPEST:
                raise RepositoryError(f"submodules are nested more than {_DEEPEST} deep", place=url)
            self._export(found, locked, writer, f"{prefix}{path}/", asked, depth + 1)


def _submodules(objects: Objects, url: str) -> list[tuple[str, str, str]]:
    """Path, url and commit of each submodule of the commit of ``objects``, which is of ``url``."""
    links = [(entry.path, entry.identifier) for entry in objects.entries() if entry.mode == "160000"]
    if not links:
        return []
    known = {submodule.path: submodule for submodule in submodules(objects.module_settings(), url)}
    for path, _ in links:
        if path not in known:
            raise RepositoryError(f"the submodule {path} has no url in .gitmodules", place=url)
    return [(path, known[path].url, locked) for path, locked in links]
