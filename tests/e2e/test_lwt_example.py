"""The whole line on real upstream code: lwt with its C stubs and what it needs, from Debian's own archives.

The versions and what is provided: Debian 12 carries these archives byte for byte as opam-repository has them;
csexp, result and ocamlfind are its packages; stdlib-shims, empty since OCaml 4.07, comes from an overlay here.
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.record import read_record
from fixtures.installed import installed_compiler, installed_dune
from fixtures.world import FIXTURES, World, write_project, write_repository
from tests.conftest import lacking
from tests.support.debian import SourcesUnavailableError, fill_mirror, upstream_archives
from tests.support.programs import Program
from tests.support.server import FileServer

pytestmark = [pytest.mark.shared, pytest.mark.long, pytest.mark.ocaml]

SUITE = "bookworm"
SOURCES = ("cppo", "lwt", "ocaml-dune", "ocaml-integers", "ocaml-re", "ocaml-stringext", "ocplib-endian")

VENDORED = {
    "cppo": "1.6.9",
    "dune-configurator": "2.9.3",
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
"""


@pytest.fixture(scope="module")
def archives(kept: Path) -> list[Path]:
    """The archives of the packages, as Debian offers them."""
    if platform.freedesktop_os_release().get("VERSION_CODENAME") != SUITE:
        lacking(f"the compiler and the archives are those of Debian {SUITE}, and this is another system")
    versions = (installed_compiler(), installed_dune())
    if versions != ("4.13.1", "2.9.3"):
        lacking(f"needs OCaml 4.13.1 and dune 2.9.3; on PATH are {versions[0]} and {versions[1]}")
    try:
        return list(upstream_archives(SUITE, SOURCES, kept).values())
    except SourcesUnavailableError as error:
        lacking(str(error))
        raise


@pytest.fixture
def project(
    tmp_path: Path, archives: list[Path], opam_repository: Path, serve: Callable[[Path], FileServer]
) -> Path:
    """The example, its repositories in place, its archives on a server."""
    world = World(tmp_path / "world")
    write_repository(FIXTURES / "shims", world.folder / "shims", world)
    fill_mirror([*archives, *world.archives.iterdir()], world.mirror)
    folder = tmp_path / "relay"
    places = {
        "shims": "../world/shims",
        "opam": str(opam_repository),
        "mirror": serve(world.mirror).url,
    }
    write_project(FIXTURES / "projects" / "lwt-example", folder, places)
    return folder


def test_real_upstream_code_from_lock_to_program(project: Path, mono: Program, mono_build: Program) -> None:
    mono("lock", folder=project).succeeded()
    mono("lock", "--check", folder=project).succeeded()
    packages = json.loads(mono("list", "--json", folder=project).succeeded().stdout)
    assert {p["name"]: p["version"] for p in packages if p["kind"] == "vendored"} == VENDORED
    provided = {package["name"] for package in packages if package["kind"] == "provided"}
    assert {"csexp", "dune", "ocamlfind", "result"} <= provided

    mono("pull", folder=project).succeeded()
    mono("contexts", folder=project).succeeded()
    mono_build("--twice", "contexts/host", folder=project).succeeded()
    assert read_record(project / "contexts/host/build-record.json").reproduced

    program = project / "contexts/host/artefacts/relay"
    ran = subprocess.run([program], stdout=subprocess.PIPE, encoding="utf-8", check=True, timeout=60)
    assert ran.stdout == ANSWERS
