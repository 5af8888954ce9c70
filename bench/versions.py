"""Whether `mono lock` ever picks an older version of a direct dependency than opam-monorepo does."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CalledProcessError

from bench.lock import PEER, PEER_COMMAND, ROOTS, make_project
from bench.measure import run
from bench.snapshot import opam_overlays, opam_repository
from monorepo.lock.reader import load_lock
from overlays.opam_file import OpamFile, read_package
from solver.formula import Constraint, Text, dependencies_in
from solver.package import Package
from solver.version import Version
from tests.support.places import SHARED, program

ROOT_SETS: tuple[tuple[str, ...], ...] = (
    ROOTS,
    ("dune", "dream", "caqti-lwt", "yojson", "ppx_deriving"),
    ("dune", "cohttp-lwt-unix", "tls-lwt", "ca-certs", "logs", "fmt"),
    ("dune", "irmin-git", "irmin-fs", "cmdliner"),
    ("dune", "eio_main", "cohttp-eio", "yojson"),
    ("dune", "core", "async", "ppx_jane"),
    ("dune", "mirage-crypto-rng", "x509", "dns-client-lwt", "conduit-lwt-unix"),
    ("dune", "menhir", "sedlex", "ppxlib", "ppx_deriving_yojson"),
    ("dune", "alcotest", "qcheck", "bechamel"),
    ("dune", "tcpip", "mirage-net-unix", "arp", "ethernet"),
    ("dune", "zarith", "digestif", "angstrom", "faraday"),
    ("dune", "opium", "httpaf", "h2"),
)


def main() -> bool:
    """Print the agreement; whether no direct dependency is older."""
    if not SHARED.is_dir():
        print("versions: ../shared, with the snapshots of real repositories, is absent; nothing to compare")
        return True
    if shutil.which(PEER_COMMAND[0]) is None:
        print(f"versions: {PEER_COMMAND[0]} is not on PATH; nothing to compare")
        return True
    repositories = {"overlays": opam_overlays(), "opam": opam_repository()}
    older = False
    print(f"versions of direct dependencies beside {PEER}")
    for roots in ROOT_SETS:
        with tempfile.TemporaryDirectory() as place:
            ours, theirs = both(Path(place), repositories, roots)
        print(f"  {' '.join(roots)}: {told(roots, ours, theirs)}")
        older = older or bool(ours is not None and theirs and older_than(roots, ours, theirs))
        older = older or (ours is None and theirs is not None)
    return not older


Versions = Mapping[str, Version]


def both(
    place: Path, repositories: Mapping[str, Path], roots: Sequence[str]
) -> tuple[Versions | None, Versions | None]:
    """What mono and opam-monorepo lock for one project; None for one that does not lock it."""
    project = make_project(place / "project", repositories, roots)
    environment = {**os.environ, "MONO_CACHE": str(place / "cache")}
    ours = theirs = None
    if _locks([str(program("mono")), "lock"], project, environment):
        ours = {package.name: Version.parse(package.version) for package in load_lock(project).packages}
    if _locks(PEER_COMMAND, project, environment):
        locked = (project / "bench.opam.locked").read_text(encoding="utf-8")
        theirs = pinned_versions(read_package(OpamFile.parse(locked, "bench.opam.locked"), "bench", "dev"))
    return ours, theirs


def _locks(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> bool:
    try:
        run(command, folder, environment)
    except CalledProcessError:
        return False
    return True


def pinned_versions(package: Package) -> dict[str, Version]:
    """The versions that a locked opam file, as opam-monorepo writes it, depends on: ``"lwt" {= "5.7"}``."""
    return {
        dependency.name: Version.parse(constraint.operand.text)
        for dependency in dependencies_in(package.depends)
        for constraint in _constraints(dependency.condition)
        if constraint.relation == "=" and isinstance(constraint.operand, Text)
    }


def _constraints(condition: object) -> list[Constraint]:
    if isinstance(condition, Constraint):
        return [condition]
    return [found for part in getattr(condition, "parts", ()) for found in _constraints(part)]


def older_than(names: Sequence[str], ours: Versions, theirs: Versions) -> dict[str, tuple[Version, Version]]:
    """Of ``names``, those that are older in ours, with both versions."""
    return {n: (ours[n], theirs[n]) for n in names if n in ours and n in theirs and ours[n] < theirs[n]}


def told(names: Sequence[str], ours: Versions | None, theirs: Versions | None) -> str:
    """One root set in words."""
    if ours is None or theirs is None:
        return {(True, True): "neither locks it", (True, False): "MONO DOES NOT LOCK IT"}.get(
            (ours is None, theirs is None), f"{PEER} does not lock it"
        )
    same = sum(ours[name] == theirs[name] for name in names if name in ours and name in theirs)
    newer = [
        f"{n} {ours[n]} (not {theirs[n]})" for n in names if n in ours and n in theirs and theirs[n] < ours[n]
    ]
    older = [f"OLDER: {n} {a} (not {b})" for n, (a, b) in older_than(names, ours, theirs).items()]
    return ", ".join([f"{same} equal", *newer, *older])
