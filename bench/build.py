"""mono-build and mono build beside the same dune build: what verifying, recording and a clean room cost.

The project is that of `make demo`, seven vendored packages with C stubs. dune is called as mono-build calls
it: with the context's arguments and environment.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.measure import Figures, Run, in_turn, run
from builder.context import read_context
from fixtures.installed import installed_compiler, installed_dune
from fixtures.world import make_world
from tests.support.places import program

DUNE = "dune build, anew"
SANDBOXED = "mono-build, anew"
PLAIN = "mono-build --sandbox=off, anew"
TWICE = "mono-build --twice"
DUNE_AGAIN = "dune build, nothing changed"
SANDBOXED_AGAIN = "mono-build, nothing changed"
MONO_AGAIN = "mono build, nothing changed"

LIMITS = {
    SANDBOXED: (DUNE, 0.05, 0.3),
    PLAIN: (DUNE, 0.05, 0.3),
    SANDBOXED_AGAIN: (DUNE_AGAIN, 0.05, 0.3),
    MONO_AGAIN: (DUNE_AGAIN, 0.0, 0.5),
}
"""What dune's time may be exceeded by: a part of it or so many seconds, whichever is more."""


def main() -> None:
    """Print the table."""
    absent = [tool for tool in ("dune", "ocamlopt", "ocamlfind") if shutil.which(tool) is None]
    if absent:
        print(f"build: not on PATH: {', '.join(absent)}; nothing to measure")
        return
    with tempfile.TemporaryDirectory() as place:
        _print(in_turn(_commands(Path(place))))


def _commands(place: Path) -> dict[str, Callable[[], Run]]:
    world = make_world(place / "world", compiler=installed_compiler(), dune=installed_dune())
    project, environment = world.project, {**os.environ, "MONO_CACHE": str(place / "cache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: with its modules compiled
    run([str(program("mono")), "build", "-q"], project, environment)
    folder = project / "contexts" / "host"
    context = read_context(folder)
    work = folder / "_work"
    clean = {**dict(context.environment), "PATH": os.environ["PATH"], "HOME": str(place)}
    arguments = ["dune", *context.dune.arguments, "--build-dir", str(place / "dune")]

    def dune(*, anew: bool) -> Callable[[], Run]:
        def once() -> Run:
            if anew:
                shutil.rmtree(place / "dune", ignore_errors=True)
            return run(arguments, project, clean)

        return once

    def mono_build(*options: str, anew: bool) -> Callable[[], Run]:
        def once() -> Run:
            if anew:
                shutil.rmtree(work, ignore_errors=True)
            return run([str(program("mono-build")), "-q", *options, str(folder)], project, environment)

        return once

    return {
        DUNE: dune(anew=True),
        DUNE_AGAIN: dune(anew=False),
        PLAIN: mono_build("--sandbox=off", anew=True),
        SANDBOXED: mono_build(anew=True),
        SANDBOXED_AGAIN: mono_build(anew=False),
        MONO_AGAIN: lambda: run([str(program("mono")), "build", "-q"], project, environment),
        TWICE: mono_build("--twice", anew=False),
    }


def _print(figures: Mapping[str, Figures]) -> None:
    print(f"{'build, 7 vendored packages':<34}{'seconds':>9}{'cpu':>7}{'MB':>7}   against")
    for name, figure in figures.items():
        against = ""
        if name in LIMITS:
            peer, part, seconds = LIMITS[name]
            base = figures[peer]
            limit = max(part * base.seconds, seconds)
            more, busy = figure.seconds - base.seconds, figure.processor - base.processor
            against = (
                f"{figure.seconds / base.seconds:.2f} x {peer}: {more:.2f} s more ({busy:.2f} s of the "
                f"processor), {more / limit:.2f} x the limit of {limit:.2f} s"
            )
        elif name == TWICE:
            against = f"{figure.seconds / figures[DUNE].seconds:.2f} x {DUNE}"
        print(f"{name:<34}{figure.seconds:>9.2f}{figure.processor:>7.2f}{figure.megabytes:>7.0f}   {against}")
