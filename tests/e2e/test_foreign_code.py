"""C and Rust in packages, from lock to program, for this machine and across, with no network: fixtures/projects/chart.

checksum has C stubs; harbour asks the C compiler of the target by dune-configurator; compass has both sides of its
bindings from a generator that runs on the host, and a C library of its own; sextant has a static library that cargo
makes for the target, of a crate and one that is vendored in it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fixtures.world import FIXTURES, make_world, write_project, write_repository
from tests.conftest import upstream
from tests.support.debian import offer
from tests.support.places import program
from tests.support.programs import Program
from tests.support.targets import KINDS, build_in_both_manners, kind_of, output_of
from tests.support.toolchains import Toolchains

pytestmark = [pytest.mark.long, pytest.mark.ocaml]

PLACES = {
    "host": "x86_64, glibc",
    "linux-musl": "x86_64, another C library",
    "linux-arm64": "aarch64, glibc",
}
CHART = """\
built for {}
a cube of 12167 has an edge of 23
a course of 10 degrees 45 minutes, to the north
8 points of the compass, a7d63327
"""


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory, kept: Path, rust_toolchains: Toolchains) -> Path:
    """The project with its duniverse and the contexts of all targets; to be read only."""
    world = make_world(tmp_path_factory.mktemp("foreign"), compiler="5.4.1", dune="3.17.2")
    archives = upstream(kept, {"bookworm": ["lwt"], "trixie": ["ocaml-csexp", "ocaml-dune"]})
    offer(archives, world)
    write_repository(FIXTURES / "debian", world.folder / "debian", world)
    places = {"debian": "../debian", "repository": "../repository", "mirror": world.mirror.as_uri()}
    write_project(FIXTURES / "projects" / "chart", world.folder / "chart", places)
    mono = Program(program("mono"), world.folder)
    for stage in ("lock", "pull", "contexts"):
        mono(stage, folder=world.folder / "chart").succeeded()
    return world.folder / "chart"


@pytest.mark.timeout(1800)  # four builds, perhaps on a machine that is busy
@pytest.mark.parametrize("target", KINDS)
def test_foreign_code(
    target: str, pulled: Path, tmp_path: Path, rust_toolchains: Toolchains, mono_build: Program
) -> None:
    project = tmp_path / "chart"
    shutil.copytree(pulled, project, symlinks=True)
    record = build_in_both_manners(project, target, rust_toolchains, mono_build)
    assert {("tool", "cargo"), ("tool", "rustc")} <= record.dependencies.keys()
    chart = project / f"contexts/{target}/artefacts/chart"
    assert kind_of(chart) == KINDS[target]
    assert output_of(chart) == CHART.format(PLACES[target])
