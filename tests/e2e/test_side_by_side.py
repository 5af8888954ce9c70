"""Locked by `mono lock`, pulled and built: two archives of one repository, and two versions of one package."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from fixtures.installed import installed_compiler, installed_dune
from fixtures.packing import pack
from tests.monorepo.fetch.sources import put, tar
from tests.support.places import ROOT
from tests.support.programs import Program

pytestmark = pytest.mark.ocaml

TARGET = """
[targets.{name}]
context = "default"
build = ["@install"]
artefacts = ["install/%{{context}}/bin/*"]

[targets.{name}.variables]
os = "{os}"
"""
MANIFEST = '[[repositories]]\nname = "test"\nurl = "repository"\n'


class Place:
    """A project with a repository of its own and archives beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ocaml, dune = installed_compiler(), installed_dune()
        self.publish("ocaml", ocaml, f'depends: ["ocaml-base-compiler" {{= "{ocaml}"}}]\nflags: compiler')
        self.publish("ocaml-base-compiler", ocaml, "flags: compiler")
        self.publish("dune", dune, 'build: ["true"]')

    def publish(self, name: str, version: str, fields: str, archive: bytes | None = None) -> None:
        if archive is not None:
            url = put(self.folder, f"archives/{name}-{version}.tar.gz", archive)
            digest = hashlib.sha256(archive).hexdigest()
            fields += f'\nbuild: ["dune"]\nurl {{ src: "{url}" checksum: "sha256={digest}" }}'
        text = f'opam-version: "2.0"\n{fields}\n'
        put(self.folder, f"repository/packages/{name}/{name}.{version}/opam", text.encode())

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            put(self.folder, name, text.encode())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "project")


def said(program: Path) -> list[str]:
    return subprocess.check_output([program], text=True).split()


def test_two_archives_of_one_repository(place: Place, mono: Program) -> None:
    """Only beacon 1.0.0 and beacon-signal 1.1.0 will do, and each has its archive."""
    for release in ("1.0.0", "1.1.0"):
        archive = pack(ROOT / "fixtures/packages/beacon" / release, f"beacon-{release}", ".tar.gz")
        repository = 'dev-repo: "git+https://example.org/beacon.git"\ndepends: ["dune"'
        place.publish("beacon", release, f"{repository}]", archive)
        place.publish("beacon-signal", release, f'{repository} "beacon"]', archive)
    place.write(
        {
            "mono.toml": MANIFEST,
            "tower.opam": 'opam-version: "2.0"\ndepends: ["dune" "beacon" {< "1.1"} "beacon-signal"]\n',
            "dune-project": "(lang dune 2.0)\n",
            "bin/dune": "(executable (name main) (public_name tower) (libraries beacon beacon-signal))\n",
            "bin/main.ml": "let () = List.iter print_endline [Light.release; Signal.release]\n",
        }
    )
    mono("build", folder=place.folder).succeeded()
    assert said(place.folder / "contexts/host/artefacts/tower") == [
        "beacon",
        "1.0.0",
        "beacon-signal",
        "1.1.0",
    ]


def test_two_versions_of_one_package(place: Place, mono: Program, mono_build: Program) -> None:
    """lib.1 is for Linux alone and lib.2 for macOS alone, so each target has its own; base is for both."""
    for version, system in (("1", "linux"), ("2", "macos")):
        files = {
            f"lib-{version}/dune-project": b"(lang dune 2.0)\n",
            f"lib-{version}/lib.opam": b"",
            f"lib-{version}/dune": b"(library (public_name lib) (libraries base-lib))\n",
            f"lib-{version}/lib.ml": f'let name = Base_lib.name ^ "{version}"\n'.encode(),
        }
        fields = f'available: os = "{system}"\ndepends: ["dune" "base-lib"]'
        place.publish("lib", version, fields, tar(files))
    base = {
        "base/dune-project": b"(lang dune 2.0)\n",
        "base/base-lib.opam": b"",
        "base/dune": b"(library (name base_lib) (public_name base-lib))\n",
        "base/base_lib.ml": b'let name = "lib."\n',
    }
    place.publish("base-lib", "1", 'depends: ["dune"]', tar(base))
    place.write(
        {
            "mono.toml": MANIFEST
            + '[targets]\nbuild = ["one", "two"]\n'
            + TARGET.format(name="one", os="linux")
            + TARGET.format(name="two", os="macos"),
            "app.opam": 'opam-version: "2.0"\ndepends: ["dune" "lib"]\n',
            "dune-project": "(lang dune 2.0)\n",
            "bin/dune": "(executable (name main) (public_name app) (libraries lib))\n",
            "bin/main.ml": "let () = print_endline Lib.name\n",
        }
    )
    locked = mono("lock", folder=place.folder).succeeded()
    assert "no one version of lib will do for all targets: 1 for one, 2 for two" in locked.stderr
    mono("pull", folder=place.folder).succeeded()
    mono("contexts", folder=place.folder).succeeded()
    for target, version in (("one", "lib.1"), ("two", "lib.2")):
        mono_build("--twice", f"contexts/{target}", folder=place.folder).succeeded()
        mono_build("--sandbox=off", f"contexts/{target}", folder=place.folder).succeeded()
        assert said(place.folder / f"contexts/{target}/artefacts/app") == [version]
    plain = subprocess.run(
        ["dune", "build", "--root", ".", "@install"],
        cwd=place.folder,
        env={**os.environ, "DUNE_CACHE": "disabled"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert plain.returncode == 0, plain.stderr
    assert said(place.folder / "_build/install/default/bin/app") == ["lib.1"], "the first target's version"
    assert mono("pull", folder=place.folder).succeeded().stderr.startswith("duniverse/ is up to date")
