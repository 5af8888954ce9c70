"""`mono lock` on the snapshot of opam-repository, beside opam-monorepo and dune where they are on PATH."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CalledProcessError

from bench.measure import Figures, Run, in_turn, run
from tests.support.places import SHARED, kept_folder, program
from tests.support.snapshots import unpacked

ROOTS = ("dune", "lwt", "fmt", "logs", "tls-lwt", "cohttp-lwt-unix", "irmin-git")

OPAM_FILE = (
    'opam-version: "2.0"\ndepends: [\n{depends}]\nx-opam-monorepo-opam-repositories: [{repositories}]\n'
)

COLD = "mono lock, cold"
WARM = "mono lock, warm cache"
UNCHANGED = "mono lock, nothing changed"
PEER = "opam-monorepo lock"
DUNE = "dune pkg lock"


def main() -> None:
    """Print the table."""
    if not SHARED.is_dir():
        print("lock: ../shared, with the snapshots of real repositories, is absent; nothing to measure")
        return
    data = SHARED / "data"
    repositories = {
        "overlays": unpacked(data / "opam-overlays-2026-07-15.tar.xz", kept_folder()),
        "opam": unpacked(data / "opam-repository-2026-08-22.tar.xz", kept_folder()),
    }
    with tempfile.TemporaryDirectory() as place:
        figures = in_turn(_commands(Path(place), repositories))
    _print(figures)


def _commands(place: Path, repositories: Mapping[str, Path]) -> dict[str, Callable[[], Run]]:
    project, cache = _project(place / "project", repositories), place / "cache"
    environment = {**os.environ, "MONO_CACHE": str(cache), "HOME": str(place)}
    lock = [program("mono"), "lock"]

    def cold() -> Run:
        shutil.rmtree(cache, ignore_errors=True)
        return warm()

    def warm() -> Run:
        (project / "mono.lock").unlink(missing_ok=True)
        return run(lock, project, environment)

    commands = {COLD: cold, WARM: warm, UNCHANGED: lambda: run(lock, project, environment)}
    if shutil.which("opam-monorepo"):
        peer = ["opam-monorepo", "lock", "--build-only", "bench"]
        commands[PEER] = lambda: run(peer, project, environment)
    if shutil.which("dune") and _has_dune_pkg(project, environment):
        commands[DUNE] = lambda: run(["dune", "pkg", "lock"], project, environment)
    return commands


def _project(folder: Path, repositories: Mapping[str, Path]) -> Path:
    folder.mkdir(parents=True)
    depends = "".join(f'  "{name}"\n' for name in ROOTS)
    urls = " ".join(f'"file://{path}"' for path in repositories.values())
    opam_file = OPAM_FILE.format(depends=depends, repositories=urls)
    (folder / "bench.opam").write_text(opam_file, encoding="utf-8")
    (folder / "dune-project").write_text("(lang dune 3.0)\n", encoding="utf-8")
    tables = "".join(f'[[repositories]]\nname = "{n}"\nurl = "{path}"\n' for n, path in repositories.items())
    (folder / "mono.toml").write_text(tables + '[variables]\nmonorepo = "opam-monorepo"\n', encoding="utf-8")
    return folder


def _has_dune_pkg(project: Path, environment: Mapping[str, str]) -> bool:
    try:
        run(["dune", "pkg", "lock", "--help=plain"], project, environment)
    except CalledProcessError:
        return False
    return True


def _print(figures: Mapping[str, Figures]) -> None:
    print(f"{'lock, 154 packages, from folders':<34}{'seconds':>9}{'MB':>7}   against")
    for name, figure in figures.items():
        peers = [peer for peer in (PEER, DUNE) if peer in figures and name != peer]
        against = [f"{figure.seconds / figures[peer].seconds:.2f} x {peer}" for peer in peers]
        if name == UNCHANGED:
            against.append(f"{figure.seconds / 0.2:.2f} x its limit of 0.2 s")
        if name == WARM:
            against.append(f"{figure.seconds / figures[COLD].seconds:.2f} x cold")
        if name.startswith("mono"):
            against.append(f"{figure.megabytes / 150:.2f} x the limit of 150 MB")
        print(f"{name:<34}{figure.seconds:>9.2f}{figure.megabytes:>7.0f}   {', '.join(against)}")
    if PEER not in figures:
        print("opam-monorepo is not on PATH: no comparison with it")
    if DUNE not in figures:
        print("no dune with `dune pkg` is on PATH: no comparison with it")
