"""The whole line on real upstream code: lwt with its C stubs and what it needs, from Debian's own archives.

Once with the machine's own compiler: Debian 12 carries these archives byte for byte as opam-repository has them, and
csexp, result and ocamlfind are its packages. Once across, with the compilers of `make toolchains`: one lock and one
pull for this machine, for musl and for arm64. stdlib-shims, empty since OCaml 4.07, comes from an overlay here.
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from builder.record import read_record
from fixtures.installed import installed_compiler, installed_dune
from fixtures.world import FIXTURES, World, write_project, write_repository
from tests.conftest import lacking, upstream
from tests.support.debian import offer
from tests.support.places import program
from tests.support.programs import Program
from tests.support.server import FileServer, serving
from tests.support.targets import KINDS, build_in_both_manners, kind_of, output_of
from tests.support.toolchains import Toolchains

pytestmark = [pytest.mark.shared, pytest.mark.long, pytest.mark.ocaml]

SUITE = "bookworm"
SOURCES = ("cppo", "lwt", "ocaml-integers", "ocaml-re", "ocaml-stringext", "ocplib-endian")
VENDORED = {
    "cppo": "1.6.9",
    "integers": "0.7.0",
    "lwt": "5.6.1",
    "ocplib-endian": "1.2",
    "re": "1.10.4",
    "stdlib-shims": "0.3.0+empty",
    "stringext": "1.6.0",
}
ANSWERS = """\
relay on Stdlib
sum 1+2+3 -> 6
sum 4294967295+1 -> 0
the weather -> what is the weather?
sum 2147483648 -> 2147483648
ones relay -> 20
kind / -> a folder
"""


def test_with_the_compiler_of_the_machine(
    tmp_path: Path,
    kept: Path,
    opam_repository: Path,
    serve: Callable[[Path], FileServer],
    mono: Program,
    mono_build: Program,
) -> None:
    if platform.freedesktop_os_release().get("VERSION_CODENAME") != SUITE:
        lacking(f"the compiler and the archives are those of Debian {SUITE}, and this is another system")
    versions = (installed_compiler(), installed_dune())
    if versions != ("4.13.1", "2.9.3"):
        lacking(f"needs OCaml 4.13.1 and dune 2.9.3; on PATH are {versions[0]} and {versions[1]}")
    archives = upstream(kept, {SUITE: (*SOURCES, "ocaml-dune")})
    mirror = serve(tmp_path / "mirror").url
    project = write_example(tmp_path, archives, ["shims"], opam_repository, mirror)

    packages = locked(mono, project)
    assert packages["vendored"] == VENDORED | {"dune-configurator": "2.9.3"}
    assert {"csexp", "dune", "ocamlfind", "result"} <= packages["provided"].keys()
    mono("pull", folder=project).succeeded()
    mono("contexts", folder=project).succeeded()
    mono_build("--twice", "contexts/host", folder=project).succeeded()
    assert read_record(project / "contexts/host/build-record.json").reproduced
    assert output_of(project / "contexts/host/artefacts/relay") == ANSWERS


@pytest.fixture(scope="module")
def pulled(
    tmp_path_factory: pytest.TempPathFactory, kept: Path, toolchains: Toolchains, opam_repository: Path
) -> Path:
    """The project for the compilers of `make toolchains`: locked once, pulled once; to be read only."""
    folder = tmp_path_factory.mktemp("across")
    mono = Program(program("mono"), folder)
    archives = upstream(kept, {SUITE: SOURCES, "trixie": ("ocaml-csexp", "ocaml-dune")})
    with serving(folder / "mirror") as server:
        project = write_example(folder, archives, ["debian", "shims"], opam_repository, server.url)
        (project / "across.toml").replace(project / "mono.toml")
        packages = locked(mono, project)
        assert packages["vendored"] == VENDORED | {"csexp": "1.5.2", "dune-configurator": "3.17.2"}
        assert packages["provided"] == {"dune": "3.17.2", "ocamlfind": "1.9.8"}
        mono("pull", folder=project).succeeded()
    mono("contexts", folder=project).succeeded()
    return project


@pytest.mark.timeout(1800)  # four builds, perhaps on a machine that is busy
@pytest.mark.parametrize("target", KINDS)
def test_across(
    target: str, pulled: Path, tmp_path: Path, toolchains: Toolchains, mono_build: Program
) -> None:
    project = tmp_path / "relay"
    shutil.copytree(pulled, project, symlinks=True)
    build_in_both_manners(project, target, toolchains, mono_build)
    relay = project / f"contexts/{target}/artefacts/relay"
    assert kind_of(relay) == KINDS[target]
    assert output_of(relay) == ANSWERS


def write_example(
    folder: Path, archives: Sequence[Path], repositories: Sequence[str], opam_repository: Path, mirror: str
) -> Path:
    """The project in ``folder``, repositories of fixtures/ beside it, and the archives in the folder ``mirror``."""
    world = World(folder)
    offer(archives, world)
    for repository in repositories:
        write_repository(FIXTURES / repository, folder / repository, world)
    places = {"debian": "../debian", "shims": "../shims", "opam": str(opam_repository), "mirror": mirror}
    write_project(FIXTURES / "projects" / "lwt-example", folder / "relay", places)
    return folder / "relay"


def locked(mono: Program, project: Path) -> Mapping[str, Mapping[str, str]]:
    """What became of the packages: their versions, by kind and name."""
    mono("lock", folder=project).succeeded()
    mono("lock", "--check", folder=project).succeeded()
    packages: dict[str, dict[str, str]] = {}
    for package in json.loads(mono("list", "--json", folder=project).succeeded().stdout):
        packages.setdefault(package["kind"], {})[package["name"]] = package["version"]
    return packages
