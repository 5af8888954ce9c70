"""What a lock says. After it is written, nothing reads a repository or a manifest again.

Invariants, kept by `monorepo.lock.reader` and by the stage that makes one:
every sequence is sorted as the field's own order says; every name in ``dependencies`` is a package of the
lock; there is at most one version of a package for each target; every vendored package has a source; every
source is pinned by a checksum or a git commit, or is ``unverified``, as the user allows by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monorepo.repository_url import ARCHIVE_SUFFIXES
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

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, of which ``content`` covers no more than what was read of it."""
        return self.commit is None and not self.url.endswith(ARCHIVE_SUFFIXES)


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package of the answer, in one version.

    Args:
        targets: names of those whose own program needs it.
        host_for: names of those for which the machine that builds needs it: build tools, ``build``
            dependencies and what these need.
        dependencies: names of packages of this lock, as solved, on any target.
        repository: None for roots and pins.
        port_of: a repository further down that has packages of this name too, in whose place it stands.
        directory: the folder of a vendored package below duniverse/.
        metadata: ``sha256:`` and the hash of its opam file.
        licences: as its opam file writes them, mostly in SPDX's notation.
        depends: what its opam file says, each part that must hold, in mono's notation (`overlays.notation`);
            ``conflicts`` and ``available`` likewise.
    """

    name: str
    version: str
    kind: Kind
    reason: str
    targets: tuple[str, ...]
    host_for: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    repository: str | None = None
    port_of: str | None = None
    metadata: str = ""
    licences: tuple[str, ...] = ()
    directory: str | None = None
    flags: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    conflict_class: tuple[str, ...] = ()
    available: str = ""

    @property
    def used_for(self) -> tuple[str, ...]:
        """The targets that need it, in whatever role, sorted."""
        return tuple(sorted({*self.targets, *self.host_for}))

    @property
    def identity(self) -> str:
        """``name.version``, as opam writes it."""
        return f"{self.name}.{self.version}"


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

    ``targets`` are those that see it, all of them where it is empty: where packages have several versions,
    each is a source of its own. The directory of one that the first target does not see begins with a dot.
    Exactly one of ``checksums`` (an archive) and ``commit`` (git) pins it, or none where it is
    ``unverified``; ``packages`` are the packages it carries. ``tree`` is the digest of the directory, once
    it was made by some pull (`builder.digest.tree_digest`), and "" before. ``patches`` are in order,
    applied with ``-p1``, already filtered; each is a file of the source, of ``extra_sources`` or of
    ``extra_files``.
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
    targets: tuple[str, ...] = ()
    unverified: bool = False
    tree: str = ""


@dataclass(frozen=True, slots=True)
class SystemPackages:
    """System packages that some locked package wants where ``when`` (an opam filter, "" for always) holds."""

    when: str
    packages: tuple[str, ...]
    wanted_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lock:
    """The whole answer.

    Args:
        inputs: the digest of what it was computed from.
        asked: what was asked for beside the roots, on every target, in mono's notation.
        constraints: the user's bounds, in mono's notation.
        variables: opam variables that the project set; those that hold on a target are the target's own.
        archive_mirrors: base urls in opam's cache layout, asked by checksum before a source's own url.
        software_heritage: the base url of an interface of Software Heritage, asked last; empty for none.
        preparation: the number of the rules that the recorded trees were prepared by, 0 where there are none.
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
    archive_mirrors: tuple[str, ...] = ()
    software_heritage: str = ""
    asked: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    preparation: int = 0

    def versions(self, name: str) -> tuple[LockedPackage, ...]:
        """The packages of that name: none, one, or several where no one version will do for all targets."""
        return tuple(package for package in self.packages if package.name == name)

    def package(self, name: str, target: str) -> LockedPackage | None:
        """The package of that name that a target needs, None where it needs none."""
        return next((package for package in self.versions(name) if target in package.used_for), None)
