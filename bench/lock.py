"""`mono lock` on the snapshot of opam-repository, beside opam-monorepo and dune where they are on PATH."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from subprocess import CalledProcessError

from bench.measure import Figures, Run, in_turn, run
from bench.snapshot import opam_overlays, opam_repository
from tests.support.places import SHARED, program

ROOTS = ("dune", "lwt", "fmt", "logs", "tls-lwt", "cohttp-lwt-unix", "irmin-git")
ANOTHER = "alcotest"

OPAM_FILE = """\
opam-version: "2.0"
depends: [
{depends}]
x-opam-monorepo-opam-repositories: [{repositories}]
x-opam-monorepo-global-opam-vars: [
  ["arch" "x86_64"] ["os" "linux"] ["os-family" "debian"] ["os-distribution" "debian"] ["os-version" "12"]
  ["opam-version" "2.5.0"] ["monorepo" "opam-monorepo"]
]
"""

COLD = "mono lock, cold"
WARM = "mono lock, warm cache"
EDITED = "mono lock, a root edited, warm"
UNCHANGED = "mono lock, nothing changed"
PEER = "opam-monorepo lock"
PEER_COMMAND = ("opam-monorepo", "lock", "--build-only")
DUNE = "dune pkg lock"


def main() -> None:
    """Print the table."""
    if not SHARED.is_dir():
        print("lock: ../shared, with the snapshots of real repositories, is absent; nothing to measure")
        return
    repositories = {"overlays": opam_overlays(), "opam": opam_repository()}
    with tempfile.TemporaryDirectory() as place:
        figures = in_turn(_commands(Path(place), repositories))
    _print(figures)


def _commands(place: Path, repositories: Mapping[str, Path]) -> dict[str, Callable[[], Run]]:
    project, cache = make_project(place / "project", repositories, ROOTS), place / "cache"
    environment = {**os.environ, "MONO_CACHE": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: with its modules compiled
    lock = [str(program("mono")), "lock"]
    opam_file = project / "bench.opam"

    def cold() -> Run:
        shutil.rmtree(cache, ignore_errors=True)
        return warm()

    def warm() -> Run:
        (project / "mono.lock").unlink(missing_ok=True)
        return run(lock, project, environment)

    def edited() -> Run:
        """Another need, so that the solver is asked anew; then as it was, locked, for who comes next."""
        before = opam_file.read_text(encoding="utf-8")
        opam_file.write_text(before.replace("depends: [", f'depends: [\n  "{ANOTHER}"'), encoding="utf-8")
        shutil.rmtree(cache / "answers", ignore_errors=True)
        taken = run(lock, project, environment)
        opam_file.write_text(before, encoding="utf-8")
        run(lock, project, environment)
        return taken

    commands = {COLD: cold, WARM: warm, EDITED: edited, UNCHANGED: lambda: run(lock, project, environment)}
    peers = {
        PEER: (PEER_COMMAND, project),
        DUNE: (("dune", "pkg", "lock", "--root", "."), _dune_project(place / "dune", repositories)),
    }
    for name, (command, folder) in peers.items():
        if shutil.which(command[0]) is None:
            print(f"{command[0]} is not on PATH: no comparison with {name}")
            continue
        try:
            run(command, folder, environment)
        except CalledProcessError as error:
            reason = error.output.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            print(f"{name} does not lock this: {reason[-1]}")
        else:
            commands[name] = functools.partial(run, command, folder, environment)
    return commands


def make_project(folder: Path, repositories: Mapping[str, Path], roots: Sequence[str]) -> Path:
    """One project for mono and opam-monorepo: both read the fields of its opam file."""
    folder.mkdir(parents=True)
    depends = "".join(f'  "{name}"\n' for name in roots)
    urls = " ".join(f'"file://{path}"' for path in repositories.values())
    opam_file = OPAM_FILE.format(depends=depends, repositories=urls)
    (folder / "bench.opam").write_text(opam_file, encoding="utf-8")
    (folder / "dune-project").write_text("(lang dune 2.9)\n", encoding="utf-8")
    return folder


def _dune_project(folder: Path, repositories: Mapping[str, Path]) -> Path:
    folder.mkdir(parents=True)
    names = [f"snapshot-{name}" for name in repositories]
    sources = [
        f'(repository (name {name}) (source "file://{path}"))'
        for name, path in zip(names, repositories.values(), strict=True)
    ]
    workspace = ["(lang dune 3.17)", f"(lock_dir (repositories {' '.join(names)}))", *sources]
    (folder / "dune-workspace").write_text("\n".join(workspace) + "\n", encoding="utf-8")
    package = f"(package (name bench) (allow_empty) (depends {' '.join(ROOTS)}))"
    (folder / "dune-project").write_text(f"(lang dune 3.17)\n{package}\n", encoding="utf-8")
    return folder


def _print(figures: Mapping[str, Figures]) -> None:
    print(f"{'lock, 154 packages, from folders':<34}{'seconds':>9}{'cpu':>7}{'MB':>7}   against")
    for name, figure in figures.items():
        peers = [peer for peer in (PEER, DUNE) if peer in figures and name != peer]
        against = [
            f"{figure.seconds / figures[peer].seconds:.2f} x {peer}"
            f" ({figure.processor / figures[peer].processor:.2f} x its cpu)"
            for peer in peers
        ]
        if name == UNCHANGED:
            against.append(f"{figure.seconds / 0.2:.2f} x its limit of 0.2 s")
        if name in (WARM, EDITED):
            against.append(f"{figure.seconds / figures[COLD].seconds:.2f} x cold")
        if name.startswith("mono"):
            against.append(f"{figure.megabytes / 150:.2f} x the limit of 150 MB")
        taken = f"{figure.seconds:>9.2f}{figure.processor:>7.2f}{figure.megabytes:>7.0f}"
        print(f"{name:<34}{taken}   {', '.join(against)}")
