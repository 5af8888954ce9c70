"""Two archives of one repository side by side, each for the one of its packages that is locked: pulled and built.

fixtures/packages/beacon has two releases of a repository with the packages beacon and beacon-signal, where the
library of the second names that of the first by its private name.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from fixtures.packing import pack
from monorepo.duniverse.expose import expose
from tests.monorepo.fetch.sources import lock, pulled, put, source
from tests.support.places import ROOT

pytestmark = pytest.mark.ocaml

RELEASES = {release: ROOT / "fixtures/packages/beacon" / release for release in ("1.0.0", "1.1.0")}
PROJECT = {
    "dune-project": "(lang dune 2.0)\n",
    "bin/dune": "(executable (name main) (libraries beacon beacon-signal))\n",
    "bin/main.ml": 'let () = List.iter print_endline [Light.release; Signal.release; Signal.say "ab"]\n',
}


def dune(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["dune", *arguments],
        cwd=folder,
        env={**os.environ, "DUNE_CACHE": "disabled", "INSIDE_DUNE": "", **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def files(folder: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("beacon", "signal"), [("1.0.0", "1.1.0"), ("1.1.0", "1.0.0")], ids=["older beacon", "newer beacon"]
)
def test_each_package_comes_from_its_own_archive(beacon: str, signal: str, tmp_path: Path) -> None:
    sources = []
    for package, release in (("beacon", beacon), ("beacon-signal", signal)):
        content = pack(RELEASES[release], f"beacon-{release}", ".tar.gz")
        url = put(tmp_path, f"upstream/beacon-{release}.tar.gz", content)
        sources.append(source(f"{package}.{release}", url, content, packages=(package,)))
    for name, text in PROJECT.items():
        put(tmp_path / "project", name, text.encode())
    pulled(lock(*sources), tmp_path)
    project = tmp_path / "project"

    built = dune(project, "build", "--root", ".", "./bin/main.exe", "@install")
    assert (built.returncode, built.stderr) == (0, "")
    program = project / "_build/default/bin/main.exe"
    assert subprocess.run([program], capture_output=True, encoding="utf-8", check=True).stdout == (
        f"beacon {beacon}\nbeacon-signal {signal}\n* **\n"
    )


def test_dune_refuses_the_two_where_nothing_is_hidden(tmp_path: Path) -> None:
    for release, folder in RELEASES.items():
        shutil.copytree(folder, tmp_path / release)
    put(tmp_path, "dune-project", PROJECT["dune-project"].encode())
    refused = dune(tmp_path, "build", "--root", ".")
    assert refused.returncode != 0
    assert re.search(r'(Too many opam files for|The) package "beacon', refused.stderr), refused.stderr


@pytest.mark.parametrize("package", ["beacon", "beacon-signal"])
def test_what_is_hidden_is_what_dune_hides(package: str, tmp_path: Path) -> None:
    """The installed files, byte for byte: of ``dune build -p`` on the source as it is, and of the prepared one."""
    prefix = tmp_path / "prefix"
    first = tmp_path / "first"
    shutil.copytree(RELEASES["1.0.0"], first)
    assert dune(first, "build", "-p", "beacon").returncode == 0
    assert dune(first, "install", "--root", ".", "--prefix", str(prefix), "beacon").returncode == 0
    installed: list[Mapping[str, bytes]] = []
    for prepared in (False, True):
        folder = tmp_path / "source"  # the same for both, as debug information tells it
        shutil.copytree(RELEASES["1.1.0"], folder)
        if prepared:
            expose(folder, [package])
        only = ["--release"] if prepared else ["-p", package]
        built = dune(folder, "build", *only, "@install", OCAMLPATH=str(prefix / "lib"))
        assert (built.returncode, built.stderr) == (0, "")
        installed.append(files(folder / "_build/install"))
        shutil.rmtree(folder)
    assert installed[0] == installed[1]
    assert any(name.endswith(".cmxa") for name in installed[0])
