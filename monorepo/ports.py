"""The effects mono needs, as protocols. Adapters are in `monorepo.adapters`; tests bring their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from overlays.ports import GitObjects

if TYPE_CHECKING:
    from concurrent.futures import Future

Result = TypeVar("Result")


class Http(Protocol):
    """Reads documents over http and https."""

    def stream(self, url: str, *, start: int = 0, validator: str = "") -> AbstractContextManager[HttpBody]:
        """The document at ``url``, redirects followed.

        With ``start`` (bytes), what comes from there on is asked for; the whole is given where the server
        has no such part, or where the document is no longer the one that had ``validator``.

        Raises:
            AbsentError: the server has no such document.
            FetchError: the server answers with anything else but success.
            TemporaryError: the server cannot be reached, is busy, or loses the connection half-way.
        """

    def post(self, url: str) -> AbstractContextManager[HttpBody]:
        """The answer to a POST without content; raises as `stream` does."""


class HttpBody(Protocol):
    """One answer that is being read."""

    @property
    def start(self) -> int:
        """Where in the document the body begins: as was asked for, or 0."""

    @property
    def length(self) -> int | None:
        """Bytes that the whole document has, None where the server does not say."""

    @property
    def validator(self) -> str:
        """By what the server knows this state of the document again, empty where it does not say."""

    def chunks(self) -> Iterator[bytes]:
        """The body, piece by piece, as sent: checksums are of these bytes, so no encoding is asked for."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of a git repository; ``time`` is its committer's, in seconds since the epoch."""

    identifier: str
    time: int
    author: str
    subject: str


class Git(Protocol):
    """Reads git repositories into bare clones in mono's cache. It can be copied to another process."""

    def resolve(self, url: str, reference: str | None) -> str:
        """The commit (40 hex digits) that a branch, tag, commit or None (the default branch) names.

        ``url`` is what git itself takes: ``https://…``, ``ssh://…``, ``file://…`` or a path.
        """

    def history(self, url: str, reference: str | None, *, after: int | None = None) -> tuple[Commit, ...]:
        """The first-parent line that ends at what ``reference`` names (see `resolve`), newest first.

        What the commits hold is not fetched, where the server can leave it out. With ``after`` (seconds since
        the epoch) the server is not asked where the end of the line, as it was known last, is after that.
        """

    def objects(self, url: str, commit: str) -> GitObjects:
        """The objects of ``url``, fetched first where the bare clone lacks ``commit``."""

    def export(self, url: str, commit: str, folder: Path) -> None:
        """Write the tree of ``commit`` into ``folder`` (absent or empty), with submodules, without .git."""

    def submodules(self, url: str, commit: str) -> tuple[tuple[str, str], ...]:
        """Url and commit of each submodule of ``commit`` itself, fetched first where the clone lacks that."""

    def write_pack(self, url: str, commit: str, pack: Path) -> None:
        """Write all that is in ``commit``, submodules and history apart, as a pack: the same bytes always."""

    def take_pack(self, url: str, commit: str, pack: Path) -> None:
        """Have ``commit`` in the clone of ``url``, from a pack that may come from anyone."""

    def damage(self, clone: Path) -> str:
        """What is wrong with a bare clone of the cache, in a line; empty where nothing is."""

    def without_network(self) -> Git:
        """The same clones; what they lack is an error unless it comes from this machine."""

    def committed(self, folder: Path, revision: str, name: str) -> bytes:
        """The file ``name`` of ``folder``, which is in a work tree of git, as it was at ``revision``."""

    def apply_patch(self, folder: Path, patch: Path) -> None:
        """Apply ``patch`` with ``-p1`` to the files in ``folder``; refuses a path outside it, and a bomb."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What became of a process."""

    status: int
    output: str
    errors: str


class Processes(Protocol):
    """Runs other programs."""

    def run(
        self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None
    ) -> Completed:
        """Run to the end; output is passed through to the terminal unless captured by the adapter."""


class Team(Protocol):
    """Processes that share what there is to do."""

    def do(self, work: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Have ``work`` called with ``arguments``, which are copied there and the result back.

        What it raises is what the future raises. Tasks are begun in the order in which they are given.
        """


class Workers(Protocol):
    """Other processes to do work that takes the processor's time."""

    def team(self, held: int) -> AbstractContextManager[Team]:
        """Processes that are ended, whatever they do, at the end, and when this one ends in any way.

        They keep the file descriptor ``held`` open until then.
        """
