"""One package of one version, as far as choosing it goes."""

from __future__ import annotations

from solver.formula import ALWAYS, Condition, Dependency, Formula
from solver.values import dataclass
from solver.version import Version


@dataclass(frozen=True, slots=True)
class Source:
    """Where an opam file says its source is; not yet verified, pinned or resolved.

    ``checksums`` are written ``md5=…``, ``sha256=…`` or ``sha512=…`` in lower case.
    """

    url: str
    mirrors: tuple[str, ...] = ()
    checksums: tuple[str, ...] = ()
    subpath: str | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """What the solver knows of ``name.version``: opam's fields, parsed but not yet evaluated.

    Args:
        depends: formula as written; ``depopts`` are never installed, and not kept.
        conflicts: opam's list, where any entry that holds is a conflict.
        conflict_class: names of classes of which one solution holds one package.
        available: filter over global variables, None where absent.
        flags: ``avoid-version``, ``deprecated``, ``compiler``, ``conf``, …
        has_build, has_install: whether ``build:`` and ``install:`` list any command.
        source: None for a package without ``url``.
        dev_repo: as written, None where absent or empty.
        repository: name of the repository it comes from; None for a local one.
        metadata_hash: ``sha256:`` and the hash of the opam file's bytes.
    """

    name: str
    version: Version
    depends: Formula = ALWAYS
    conflicts: tuple[Dependency, ...] = ()
    conflict_class: tuple[str, ...] = ()
    available: Condition | None = None
    flags: frozenset[str] = frozenset()
    has_build: bool = False
    has_install: bool = False
    source: Source | None = None
    dev_repo: str | None = None
    repository: str | None = None
    metadata_hash: str = ""

    @property
    def avoided(self) -> bool:
        """Whether its authors ask not to choose it."""
        return "avoid-version" in self.flags or "deprecated" in self.flags

    @property
    def identity(self) -> str:
        """``name.version``, as opam writes it."""
        return f"{self.name}.{self.version}"
