"""git, asked through GitPython: bare clones in mono's cache, read by commit.

Nothing of what is fetched is ever run: there is no work tree, so neither hooks nor filters nor attributes
of a repository come to act; only transports that fetch are allowed; urls and references that look like
options are refused; nobody is asked for a password. The user's own git settings count for reaching a server
(proxies, credentials, insteadOf) and for nothing else.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from monorepo.adapters.git_environment import (
    clone_environment,
    patch_environment,
    refuse_bad_address,
    refuse_bad_reference,
    refuse_bad_revision,
)
from monorepo.adapters.submodules import submodules
from monorepo.errors import DuniverseError, RepositoryError
from monorepo.fetch.tree import TreeWriter

if TYPE_CHECKING:
    import git

_COMMIT = re.compile(r"[0-9a-f]{40}")
_ABBREVIATION = re.compile(r"[0-9a-f]{7,39}")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # a missing git is told when it is needed, not on import

_DEEPEST = 10  # submodules within submodules

_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"


class GitClones:
    """`monorepo.ports.Git`, with bare clones below ``cache``/git; ``offline`` fetches nothing from afar."""

    def __init__(self, cache: Path, *, offline: bool = False) -> None:
        self._cache = cache
        self._clones = cache / "git"
        self._offline = offline

    def without_network(self) -> GitClones:
        """See `monorepo.ports.Git`."""
        return GitClones(self._cache, offline=True)

    def resolve(self, url: str, reference: str | None) -> str:
        """See `monorepo.ports.Git`. A commit that the clone has is answered without the network.

        Raises:
            RepositoryError: the repository cannot be reached, or has nothing of that name.
        """
        clone = self._clone(url)
        if reference is None:
            return self._default_branch(clone)
        refuse_bad_reference(reference, url)
        if _COMMIT.fullmatch(reference):
            return self._commit(clone, reference)
        advertised = self._advertised(clone, reference)
        for name in (
            f"refs/tags/{reference}^{{}}",
            f"refs/tags/{reference}",
            f"refs/heads/{reference}",
            reference,
        ):
            if name in advertised:
                return self._commit(clone, advertised[name])
        if _ABBREVIATION.fullmatch(reference):
            return self._abbreviated(clone, reference)
        raise RepositoryError(f"there is no branch, tag or commit {reference}", place=url)

    def objects(self, url: str, commit: str) -> Objects:
        """See `monorepo.ports.Git`.

        Raises:
            RepositoryError: the repository cannot be reached, or does not have ``commit``.
        """
        clone = self._clone(url)
        return Objects(clone, self._commit(clone, commit))

    def export(self, url: str, commit: str, folder: Path) -> None:
        """See `monorepo.ports.Git`: the bytes as they were committed, no filter or attribute applied.

        Raises:
            RepositoryError: the repository or that of a submodule cannot be reached, or lacks the commit.
            FetchError: a path in it would leave ``folder``.
        """
        writer = TreeWriter(folder)
        self._export(url, commit, writer, "", 0)
        writer.close()

    def committed(self, folder: Path, revision: str, name: str) -> bytes:
        """See `monorepo.ports.Git`.

        Raises:
            RepositoryError: the folder is in no repository, or that has no such revision, or no such file.
        """
        refuse_bad_revision(revision)
        commit = ("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        found = os.fsdecode(_git(folder, commit, {}, revision)).strip()
        return _git(folder, ("cat-file", "blob", f"{found}:./{name}"), {}, revision)

    def apply_patch(self, folder: Path, patch: Path) -> None:
        """See `monorepo.ports.Git`. Up to two lines of context may differ, as GNU patch (so opam) allows.

        Raises:
            DuniverseError: the patch does not apply or names a path outside ``folder``; nothing is changed.
        """
        import git

        arguments = ["git", "apply", "-p1", "-C1", "--whitespace=nowarn", str(patch.absolute())]
        try:
            git.Git(str(folder)).execute(arguments, env=patch_environment(folder))
        except git.GitCommandError as error:
            lines = _complaint(error)
            raise DuniverseError(
                lines[0], place=patch.name, hint="was the patch made for another version?", details=lines[1:]
            ) from error
        except git.GitCommandNotFound as error:
            raise _missing() from error

    def _clone(self, url: str) -> Clone:
        refuse_bad_address(url)
        name = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:40]
        return Clone(url, self._clones / name, offline=self._offline)

    def _commit(self, clone: Clone, commit: str) -> str:
        """``commit``, in the clone; fetched unless it is there. An annotated tag's id leads to its commit."""
        if not _COMMIT.fullmatch(commit):
            raise RepositoryError(f"{commit!r} is not the id of a commit", place=clone.url)
        found = clone.has(commit)
        if found is None:
            with clone.alone():
                found = clone.has(commit) or self._fetch(clone, commit)
        return found

    def _fetch(self, clone: Clone, commit: str) -> str:
        if self._offline and not clone.url.startswith(("/", "file:")):
            raise RepositoryError(
                f"the cache does not have the commit {commit}, and mono is offline", place=clone.url
            )
        try:
            clone.fetch("--depth=1", f"+{commit}:refs/mono/{commit}")
        except RepositoryError:
            # Not every server hands out a commit by its id: then everything it has may hold it.
            self._fetch_everything(clone)
        found = clone.has(commit)
        if found is None:
            raise RepositoryError(f"there is no commit {commit}", place=clone.url)
        return found

    def _fetch_everything(self, clone: Clone) -> None:
        shallow = (clone.path / "shallow").exists()
        clone.fetch(
            *(["--unshallow"] if shallow else []), "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"
        )

    def _abbreviated(self, clone: Clone, reference: str) -> str:
        with clone.alone():
            self._fetch_everything(clone)
            found = clone.has(reference)
        if found is None:
            raise RepositoryError(f"there is no branch, tag or commit {reference}", place=clone.url)
        return found

    def _advertised(self, clone: Clone, reference: str) -> dict[str, str]:
        clone.ensure()
        listing = clone.run("ls-remote", "--", clone.url, reference, f"{reference}^{{}}")
        return {name: commit for commit, _, name in (line.partition("\t") for line in listing.splitlines())}

    def _default_branch(self, clone: Clone) -> str:
        advertised = self._advertised(clone, "HEAD")
        if "HEAD" not in advertised:
            raise RepositoryError("the repository has no default branch", place=clone.url)
        return self._commit(clone, advertised["HEAD"])

    def _export(self, url: str, commit: str, writer: TreeWriter, prefix: str, depth: int) -> None:
        objects = self.objects(url, commit)
        links: list[tuple[str, str]] = []
        for entry in objects.entries():
            path = prefix + entry.path
            if ".git" in entry.path.lower().split("/"):
                raise RepositoryError(f"a path within .git is refused: {entry.path}", place=url)
            if entry.mode == "160000":
                links.append((entry.path, entry.identifier))
                writer.folder(path)
            elif entry.mode == "120000":
                writer.symlink(path, os.fsdecode(objects.blob(entry.identifier)))
            else:
                writer.file(path, [objects.blob(entry.identifier)], executable=entry.mode == "100755")
        if not links:
            return
        if depth == _DEEPEST:
            raise RepositoryError(f"submodules are nested more than {_DEEPEST} deep", place=url)
        known = {submodule.path: submodule for submodule in submodules(objects.module_settings(), url)}
        for path, locked in links:
            if path not in known:
                raise RepositoryError(f"the submodule {path} has no url in .gitmodules", place=url)
            self._export(known[path].url, locked, writer, f"{prefix}{path}/", depth + 1)


class Clone:
    """A bare clone: ``path`` in the cache, of ``url``. Fetch only while `alone`."""

    def __init__(self, url: str, path: Path, *, offline: bool) -> None:
        self.url = url
        self.path = path
        self._offline = offline

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Alone among all processes, with the clone there."""
        from filelock import FileLock

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RepositoryError(
                f"the cache cannot be written: {error.strerror}",
                place=str(self.path.parent),
                hint="set MONO_CACHE",
            ) from error
        with FileLock(f"{self.path}.lock", thread_local=False):
            self._ensure()
            yield

    def ensure(self) -> None:
        """Have the clone there, empty where nothing was fetched yet."""
        if not (self.path / "HEAD").exists():
            with self.alone():
                pass

    def _ensure(self) -> None:
        if (self.path / "HEAD").exists():
            return
        aside = self.path.with_name(f"{self.path.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        # By hand, since `git init` heeds templates and whatever GIT_WORK_TREE a hook has set.
        for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (aside / folder).mkdir(parents=True)
        (aside / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
        (aside / "config").write_text(_CONFIG, encoding="utf-8")
        aside.rename(self.path)

    def has(self, reference: str) -> str | None:
        """The commit that ``reference`` (an id, perhaps of a tag, perhaps abbreviated) is in the clone."""
        if not (self.path / "HEAD").exists():
            return None
        try:
            return self.run(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"
            ).strip()
        except RepositoryError:
            return None

    def fetch(self, *arguments: str) -> None:
        options = [argument for argument in arguments if argument.startswith("--")]
        references = [argument for argument in arguments if not argument.startswith("--")]
        self.run(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--force",
            *options,
            "--",
            self.url,
            *references,
        )

    def run(self, *arguments: str) -> str:
        return os.fsdecode(self.run_bytes(*arguments))

    def run_bytes(self, *arguments: str) -> bytes:
        return _git(self.path, arguments, self.environment(), self.url)

    def environment(self) -> dict[str, str]:
        return clone_environment(self.path, os.environ, offline=self._offline)


class TreeEntry:
    """A line of ``git ls-tree``: mode, object id, path."""

    __slots__ = ("identifier", "mode", "path")

    def __init__(self, mode: str, identifier: str, path: str) -> None:
        self.mode = mode
        self.identifier = identifier
        self.path = path


class Objects:
    """`overlays.ports.GitObjects`: what one clone holds, at a commit that is there."""

    def __init__(self, clone: Clone, commit: str) -> None:
        self._clone = clone
        self._commit = commit
        self._reader: git.Git | None = None
        self._lock = Lock()

    def files(self, commit: str, folder: str) -> Mapping[str, str]:
        """See `overlays.ports.GitObjects`."""
        return {
            entry.path: entry.identifier
            for entry in self._list(commit, folder)
            if entry.mode in ("100644", "100755", "100664")
        }

    def blob(self, identifier: str) -> bytes:
        """See `overlays.ports.GitObjects`; RepositoryError where there is no such blob."""
        import git

        if not _COMMIT.fullmatch(identifier):
            raise RepositoryError(f"{identifier!r} is not the id of an object", place=self._clone.url)
        with self._lock:
            if self._reader is None:
                self._reader = git.Git(str(self._clone.path))
                self._reader.update_environment(**self._clone.environment())
            try:
                return bytes(self._reader.get_object_data(identifier)[3])
            except ValueError as error:
                raise RepositoryError(f"there is no object {identifier}", place=self._clone.url) from error

    def entries(self) -> Iterator[TreeEntry]:
        """Everything at the commit, submodules and links included."""
        return self._list(self._commit, "")

    def module_settings(self) -> str:
        """What .gitmodules sets, as ``git config --list -z`` prints it; empty where there is none."""
        if ".gitmodules" not in self.files(self._commit, ".gitmodules"):
            return ""
        return self._clone.run("config", "--blob", f"{self._commit}:.gitmodules", "--list", "-z")

    def _list(self, commit: str, folder: str) -> Iterator[TreeEntry]:
        within = ["--", folder] if folder else []
        listing = self._clone.run_bytes(
            "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit, *within
        )
        for line in listing.split(b"\0")[:-1]:
            about, _, path = line.partition(b"\t")
            mode, _, identifier = about.decode("ascii").split(" ")
            yield TreeEntry(mode, identifier, os.fsdecode(path))


def _git(
    folder: Path, arguments: list[str] | tuple[str, ...], environment: Mapping[str, str], url: str
) -> bytes:
    import git

    try:
        output = git.Git(str(folder)).execute(
            ["git", *arguments],
            env=environment,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
        )
    except git.GitCommandNotFound as error:
        raise _missing() from error
    except git.GitCommandError as error:
        lines = _complaint(error)
        raise RepositoryError(lines[0], place=url, details=lines[1:]) from error
    return bytes(output)


def _complaint(error: git.GitCommandError) -> tuple[str, ...]:
    """git's own lines, without GitPython's wrapping."""
    text = str(error.stderr).strip().removeprefix("stderr:").strip().strip("'")
    lines = [re.sub(r"^(?:fatal|error): ", "", line.strip()) for line in text.splitlines() if line.strip()]
    return tuple(lines) or (f"git failed with status {error.status}",)


def _missing() -> RepositoryError:
    return RepositoryError("git is not installed, or not on PATH", hint="install git")
