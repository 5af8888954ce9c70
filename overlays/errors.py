"""What can go wrong in this room, as data; `monorepo` turns it into its own errors and into words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class OpamSyntaxError(Exception):
    """A text that opam's grammar, or the type of one of its fields, does not admit.

    Args:
        reason: what is wrong, one sentence without a full stop.
        place: the file, as its reader named it; may be empty.
        line, column: where, both from 1.
        source_line: the whole line at that place, without its end.
    """

    reason: str
    place: str
    line: int
    column: int
    source_line: str

    def __str__(self) -> str:
        where = f"{self.place}:" if self.place else "line "
        return f"{where}{self.line}:{self.column}: {self.reason}"


@dataclass
class RepositoryUnreadable(Exception):  # noqa: N818 — it tells what is the case
    """A repository as a whole cannot be opened or read: absent, corrupt, or not a repository at all."""

    repository: str
    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.repository}: {self.place}: {self.reason}"


@dataclass
class PackageUnreadable(Exception):  # noqa: N818 — as above
    """One version of one package cannot be read; the rest of its repository can.

    ``cause`` is set where the opam file is malformed.
    """

    repository: str
    package: str
    version: str
    reason: str
    cause: OpamSyntaxError | None = None

    def __str__(self) -> str:
        return f"{self.package}.{self.version} in {self.repository}: {self.reason}"
