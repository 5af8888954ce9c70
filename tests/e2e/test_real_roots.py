"""Real roots lock against the real opam-repository, the overlays of dune-universe before it, and are certified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.places import SHARED
from tests.support.programs import Program

pytestmark = [pytest.mark.shared, pytest.mark.long]

ROOTS = sorted(path.stem for path in (SHARED / "data" / "roots").glob("*.opam"))
KINDS = {"vendored", "provided", "virtual", "compiler", "root"}

SOLO5 = ("hvt", "spt", "virtio", "muen")
TARGETS = {
    "ctypes-ffi": ("host",),
    "hello-unikraft-unikernel": ("unikraft-firecracker", "unikraft-qemu"),
    "hello-unix-unikernel": ("unix", "macosx"),
    "hello-xen-unikernel": ("xen", "qubes"),
    "vchan-unikernel": ("xen",),
    "workstation": ("host", "linux-arm64"),
}
"""What each root is for; the others are unikernels for Solo5."""


@pytest.fixture(scope="module")
def mono_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all roots: what mono learns of a repository serves the next."""
    return tmp_path_factory.mktemp("home")


def test_there_are_roots(shared: Path) -> None:
    assert len(ROOTS) == 17, f"in {shared}/data/roots"


@pytest.mark.parametrize("root", ROOTS)
def test_a_root_locks_and_is_certified(
    root: str,
    tmp_path: Path,
    mono_home: Path,
    mono: Program,
    shared: Path,
    opam_repository_archive: Path,
    opam_overlays_archive: Path,
) -> None:
    mono = Program(mono.executable, mono_home)
    opam = shared / "data" / "roots" / f"{root}.opam"
    (tmp_path / opam.name).write_bytes(opam.read_bytes())
    manifest = f"""
[[repositories]]
name = "dune-universe"
url = "{opam_overlays_archive}"
[[repositories]]
name = "opam"
url = "{opam_repository_archive}"
[variables]
monorepo = "opam-monorepo"
"""
    targets = TARGETS.get(root, SOLO5)
    for settings in ("", f"[targets]\nbuild = {json.dumps(targets)}\n"):
        (tmp_path / "mono.toml").write_text(manifest + settings, encoding="utf-8")
        mono("lock", folder=tmp_path).succeeded()
        mono("lock", "--check", folder=tmp_path).succeeded()
    packages = json.loads(mono("list", "--json", folder=tmp_path).succeeded().stdout)
    assert {package["kind"] for package in packages} <= KINDS
    assert [package["name"] for package in packages if package["kind"] == "root"] == [root]
    assert all(package["directory"] for package in packages if package["kind"] == "vendored")
    assert {target for package in packages for target in package["targets"]} == set(targets)
