"""What a lock says. After it is written, nothing reads a repository or a manifest again.

Invariants, kept by `monorepo.lock.reader` and by the stage that makes one:
every sequence is sorted as the field's own order says; every name in ``dependencies`` is a package of the
lock; every vendored package has a source; every source is pinned by a checksum or a git commit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from monorepo.targets.definition import Target
from solver.formula import Value


class Kind(StrEnum):
    """What becomes of a package."""

    VENDORED = "vendored"  # its source goes into duniverse/
    PROVIDED = "provided"  # installed outside: dune, what the user names, and what only those need
    VIRTUAL = "virtual"  # no source of its own: conf packages, base-threads, …
    COMPILER = "compiler"  # the compiler and what makes it up
    ROOT = "root"  # the project's own


@dataclass(frozen=True, slots=True)
class LockedRepository:
    """One repository of the ordered stack, as it was: by commit, or by the hash of its content."""

    name: str
    url: str
    commit: str | None = None
    content: str | None = None  # sha256:…


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package of the answer.

    ``targets`` and ``dependencies`` are names, sorted; ``repository`` is None for roots and pins;
    ``directory`` is the folder of a vendored package below duniverse/; ``metadata`` hashes its opam file.
    """

    name: str
    version: str
    kind: Kind
    reason: str
    targets: tuple[str, ...]
    dependencies: tuple[str, ...] = ()
    repository: str | None = None
    metadata: str = ""
    directory: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExtraSource:
    """A further file that is fetched beside the main archive (opam's ``extra-source``)."""

    file: str
    url: str
    mirrors: tuple[str, ...]
    checksums: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """A file that the repository itself carries; kept beside the lock by ``sha256`` (64 hex digits)."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Substitution:
    """``file``.in becomes ``file`` with these variables; what is not among them becomes empty."""

    file: str
    variables: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True)
class LockedSource:
    """One archive or git commit, and how it is prepared; it becomes ``duniverse/<directory>/``.

    Exactly one of ``checksums`` (an archive) and ``commit`` (git) pins it; ``packages`` are the packages
    it carries. ``patches`` are in order, applied with ``-p1``, already filtered; each is a file of the
    source, of ``extra_sources`` or of ``extra_files``.
    """

    directory: str
    url: str
    packages: tuple[str, ...]
    mirrors: tuple[str, ...] = ()
    checksums: tuple[str, ...] = ()
    commit: str | None = None
    subpath: str | None = None
    extra_sources: tuple[ExtraSource, ...] = ()
    extra_files: tuple[ExtraFile, ...] = ()
    patches: tuple[str, ...] = ()
    substitutions: tuple[Substitution, ...] = ()


@dataclass(frozen=True, slots=True)
class SystemPackages:
    """System packages that some locked package wants where ``when`` (an opam filter, "" for always) holds."""

    when: str
    packages: tuple[str, ...]
    wanted_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lock:
    """The whole answer.

    ``inputs`` is the digest of what it was computed from; ``archive_mirrors`` are base urls in opam's cache
    layout, asked by checksum before a source's own url.
    """

    project: str
    inputs: str
    roots: tuple[str, ...]
    repositories: tuple[LockedRepository, ...]
    variables: tuple[tuple[str, Value], ...]
    targets: tuple[Target, ...]
    packages: tuple[LockedPackage, ...]
    sources: tuple[LockedSource, ...]
    system_packages: tuple[SystemPackages, ...] = ()
    archive_mirrors: tuple[str, ...] = field(default=())

    def package(self, name: str) -> LockedPackage | None:
        """The locked package of that name, None where there is none."""
        return next((package for package in self.packages if package.name == name), None)
