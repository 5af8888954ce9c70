"""The snapshot of opam-repository, parsed once and held in memory, and what is asked of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from overlays.cache import MetadataCache
from overlays.errors import PackageUnreadable
from overlays.repository import open_folder
from solver.certificate import Locked, Violation, certify
from solver.formula import AllOf, Dependency, Value
from solver.package import Package
from solver.request import Platform, Request
from solver.universe import Unreadable
from solver.version import Version
from tests.support.places import ROOT, SHARED, kept_folder
from tests.support.snapshots import unpacked

BUILD = ROOT / "build"
"""Where tables go."""

DATA = SHARED / "data"

VARIABLES: Mapping[str, Value] = {
    "arch": "x86_64",
    "os": "linux",
    "os-family": "debian",
    "os-distribution": "debian",
    "os-version": "12",
    "opam-version": "2.5.0",
}

ROOT_NAME = "bench"


def opam_repository() -> Path:
    """The folder of the snapshot, unpacked once for all runs."""
    return unpacked(DATA / "opam-repository-2026-08-22.tar.xz", kept_folder())


def opam_overlays() -> Path:
    """The folder of dune-universe's overlays, unpacked once for all runs."""
    return unpacked(DATA / "opam-overlays-2026-07-15.tar.xz", kept_folder())


class Snapshot:
    """Every package of a folder; what the solver takes as its index."""

    def __init__(self, folder: Path) -> None:
        repository = open_folder("opam", folder, MetadataCache(kept_folder() / "bench"))
        self._packages: dict[str, tuple[Package | Unreadable, ...]] = {}
        for name in repository.names():
            found: dict[Version, Package | Unreadable] = {}
            for text in repository.versions(name):
                version = Version.parse(text)
                try:
                    found.setdefault(version, repository.package(name, text))
                except PackageUnreadable as error:
                    found.setdefault(version, Unreadable(name, version, error.reason))
            self._packages[name] = tuple(found[version] for version in sorted(found, reverse=True))
        repository.save_cache()

    def names(self) -> tuple[str, ...]:
        """The names of all packages, sorted."""
        return tuple(self._packages)

    def packages(self, name: str) -> Sequence[Package | Unreadable]:
        return self._packages.get(name, ())


@dataclass(frozen=True, slots=True)
class Rule:
    """What a version must be to be chosen, and what is asked for beside the root."""

    name: str
    any_build_system: bool
    requires: tuple[Dependency, ...] = ()


WITH_DUNE = Rule("with the dune rule", False, (Dependency("ocaml-base-compiler"),))
"""As `mono lock` asks: what is vendored builds with dune, and there is a compiler."""

WITHOUT_DUNE = Rule("without the dune rule", True)
"""As ``opam install`` asks in an empty switch."""


def single_root(name: str, rule: Rule, variables: Mapping[str, Value] = VARIABLES) -> Request:
    """The request of a project that depends on one package.

    A package that chooses a compiler of its own gets no other beside it, as in `mono lock`.
    """
    chooses = name == "ocaml-variants" or name.startswith("ocaml-option-")
    return Request(
        (Package(ROOT_NAME, Version.parse("dev"), AllOf((Dependency(name),))),),
        (Platform(("host",), variables),),
        requires=() if chooses else rule.requires,
        any_build_system=rule.any_build_system,
    )


def violations(request: Request, chosen: Iterable[Package]) -> tuple[Violation, ...]:
    """What the certificate finds in a choice of packages, the root among them, for a single platform."""
    (platform,) = request.platforms
    return certify(request, [Locked(package, platform.targets) for package in chosen])


def digest_of(texts: Iterable[str]) -> str:
    """A short digest, by which two answers are compared."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
