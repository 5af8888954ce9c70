"""One bare clone in the cache."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from monorepo.adapters.git_commands import GitRefusedError, run_git
from monorepo.adapters.git_complaints import in_our_words
from monorepo.adapters.git_environment import clone_environment
from monorepo.alone import alone_at
from monorepo.cache.use import unusable
from monorepo.errors import RepositoryError, without_logins

EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
"""What to fetch where a server hands nothing out by its id."""

_WHOLE = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
_COMMITS_ALONE = """\
[core]
\trepositoryformatversion = 1
\tbare = true
[extensions]
\tpartialClone = origin
[remote "origin"]
\turl = "{url}"
\tpromisor = true
\tpartialCloneFilter = tree:0
"""

_FILTER = re.compile(r"< (?:fetch=|[0-9a-f]+ \S+\\0)(?:.* )?filter(?: |$)", re.MULTILINE)
"""How a server offers filters in git's protocol 2 (gitprotocol-v2, "fetch") and before (gitprotocol-pack)."""


class Clone:
    """A bare clone: ``path`` in the cache, of ``url``. Fetch only while `alone`.

    With ``commits_alone`` it has neither trees nor blobs (git-rev-list, ``--filter=tree:0``), and is to be
    asked for nothing that it may lack: git would fetch it, one object at a time.
    """

    def __init__(self, url: str, path: Path, *, offline: bool, commits_alone: bool = False) -> None:
        self.url = url
        self.path = path
        self._offline = offline
        self._remote = "origin" if commits_alone else url
        quoted = url.replace("\\", "\\\\").replace('"', '\\"')
        self._config = _COMMITS_ALONE.format(url=quoted) if commits_alone else _WHOLE

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Alone among all processes, with the clone there."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with alone_at(self.path.with_name(f"{self.path.name}.lock")):
                self._ensure()
                yield
        except OSError as error:
            raise unusable(self.path.parent.parent, error, RepositoryError) from error

    def ensure(self) -> None:
        """Have the clone there, empty where nothing was fetched yet."""
        if not (self.path / "HEAD").exists():
            with self.alone():
                pass

    def _ensure(self) -> None:
        if (self.path / "HEAD").exists():
            return
        from monorepo.fetch.tree import remove  # a lock with its clones there needs none of it

        aside = self.path.with_name(f"{self.path.name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        # By hand, since `git init` heeds templates and whatever GIT_WORK_TREE a hook has set.
        for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (aside / folder).mkdir(parents=True)
        (aside / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
        (aside / "config").write_text(self._config, encoding="utf-8")
        (aside / "url").write_bytes(os.fsencode(f"{without_logins(self.url)}\n"))
        remove(self.path)  # whatever is there, it is no clone
        aside.rename(self.path)

    def renew_if_damaged(self) -> bool:
        """Start anew where something on disk is not what git wrote; whether it was so. Only while `alone`."""
        from monorepo.fetch.tree import remove

        packs = sorted(str(index) for index in (self.path / "objects/pack").glob("*.idx"))
        try:
            # Not `git fsck`, which objects to much that repositories hold from their beginnings as well.
            if packs:
                self.run("verify-pack", "--", *packs)
            self.run("rev-list", "--objects", "--all", "--quiet")
        except RepositoryError:
            remove(self.path)
            self._ensure()
            return True
        return False

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
            self._remote,
            *references,
        )

    def fetch_history(self, *references: str) -> None:
        """Fetch with everything that leads to ``references``, also where only their contents are there.

        A server may itself know no more than the last commits; then its history begins there.
        """
        cut = (self.path / "shallow").exists()
        self.fetch("--update-shallow", *(["--unshallow"] if cut else []), *references)

    def offers_filters(self) -> bool:
        """Whether the server can leave contents out; git tells that nowhere but in a trace."""
        environment = {**self.environment(), "GIT_TRACE_PACKET": "2"}
        _, trace = self._run(("ls-remote", "--", self.url, "HEAD"), environment)
        return _FILTER.search(trace) is not None

    def run(self, *arguments: str) -> str:
        return os.fsdecode(self.run_bytes(*arguments))

    def run_bytes(self, *arguments: str) -> bytes:
        return self._run(arguments, self.environment())[0]

    def _run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[bytes, str]:
        try:
            return run_git(self.path, arguments, environment)
        except GitRefusedError as error:
            raise in_our_words(error.complaint, self.url) from error

    def environment(self) -> dict[str, str]:
        return clone_environment(self.path, os.environ, offline=self._offline)
