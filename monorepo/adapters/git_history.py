"""The commits of a git repository, without what they hold where the server can leave that out.

Commits alone are kept in a clone of their own, beside that of contents: so what either has of a commit is
always all that it is meant to have. A server that cannot leave contents out fills the clone of contents.
"""

from __future__ import annotations

import hashlib

from monorepo.adapters.git_clone import EVERYTHING, Clone
from monorepo.cache.names import USED
from monorepo.errors import RepositoryError, UnavailableError
from monorepo.ports import Commit
from overlays.stores.files import touch

_LATEST = 253_402_300_799
"""9999-12-31T23:59:59Z; git takes later times, calendars do not."""


class History:
    """First-parent lines; the end of each that was fetched is kept as a reference of mono's own."""

    def __init__(self, contents: Clone, commits: Clone) -> None:
        self._contents = contents
        self._commits = commits

    def known(self, reference: str | None) -> tuple[Commit, ...]:
        """The line of ``reference`` (None for the default branch) as it was last fetched; empty if never."""
        mark = _mark(reference)
        for clone in (self._commits, self._contents):
            if clone.has(mark):
                touch(clone.path / USED)
                return _line(clone, mark)
        return ()

    def fetch(self, reference: str | None, tip: str) -> tuple[Commit, ...]:
        """The line of ``reference``, which ends at ``tip``: the id of a commit or of a tag.

        Raises:
            RepositoryError: the repository cannot be reached, or has no such commit.
        """
        mark = _mark(reference)
        clone, other = self._clones()
        with clone.alone():
            try:
                clone.fetch_history(f"+{tip}:{mark}")
            except UnavailableError:
                raise
            except RepositoryError:
                # Not every server hands out a commit by its id: then everything it has may hold it.
                clone.fetch_history(*EVERYTHING)
                self._keep(clone, mark, tip)
        if other.has(mark):
            with other.alone():
                other.run("update-ref", "-d", mark)
        return _line(clone, mark)

    def commit(self, abbreviation: str) -> str | None:
        """The commit of that abbreviation on any branch or tag, None where there is none, or several are."""
        clone, _ = self._clones()
        with clone.alone():
            clone.fetch_history(*EVERYTHING)
            return clone.has(abbreviation)

    def _keep(self, clone: Clone, mark: str, tip: str) -> None:
        missing = RepositoryError(f"there is no commit {tip}", place=clone.url)
        try:
            clone.run("update-ref", mark, tip)
        except RepositoryError as error:
            raise missing from error
        if clone.has(mark) is None:  # the id that is all zeros deletes
            raise missing

    def _clones(self) -> tuple[Clone, Clone]:
        """The clone that the server can fill, and the other."""
        self._contents.ensure()
        if self._contents.offers_filters():
            return self._commits, self._contents
        return self._contents, self._commits


def _mark(reference: str | None) -> str:
    return f"refs/lines/{hashlib.sha256((reference or 'HEAD').encode()).hexdigest()[:40]}"


def _line(clone: Clone, mark: str) -> tuple[Commit, ...]:
    listing = clone.run_bytes(
        "rev-list",
        "--first-parent",
        "--encoding=UTF-8",
        "--format=%ct%x00%an%x00%s",
        "--end-of-options",
        mark,
    )
    lines = listing.decode("utf-8", "replace").split("\n")
    commits = []
    for heading, about in zip(lines[0:-1:2], lines[1::2], strict=True):
        time, author, subject = about.split("\0", 2)
        commits.append(Commit(heading.removeprefix("commit "), min(int(time), _LATEST), author, subject))
    return tuple(commits)
