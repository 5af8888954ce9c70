"""A real unikernel from lock to console, where the toolchain of Solo5 is on the machine; elsewhere it says so."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from builder.record import read_record
from fixtures.installed import installed_compiler, installed_dune
from fixtures.world import FIXTURES, make_world, write_project
from tests.support.programs import Program

pytestmark = pytest.mark.ocaml

SAID = """\
a flash of 2 s
a flash of 5 s
2 flashes, and the dark
"""
TENDERS = {"spt": ("solo5-spt", "--mem=64"), "virtio": ("solo5-virtio-run", "-H", "qemu", "-m", "64")}


def lacking_of_solo5(target: str) -> str | None:
    """What of OCaml for Solo5 and of the target's tender is not here; None where all is."""
    tools = ["solo5-elftool", TENDERS[target][0], *(["qemu-system-x86_64"] if target == "virtio" else [])]
    absent = [tool for tool in tools if shutil.which(tool) is None]
    asked = subprocess.run(
        ["ocamlfind", "-toolchain", "solo5", "ocamlopt", "-version"], capture_output=True, encoding="utf-8"
    )
    if asked.returncode != 0 or "Undefined toolchain" in asked.stderr:
        absent.append("a findlib toolchain solo5")
    elif asked.stdout.strip() != installed_compiler():
        absent.append(f"OCaml {installed_compiler()} for Solo5 (it is {asked.stdout.strip()})")
    return ", ".join(absent) or None


@pytest.mark.parametrize("target", TENDERS)
def test_a_unikernel_runs(target: str, tmp_path: Path, mono: Program, mono_build: Program) -> None:
    absent = lacking_of_solo5(target)
    if absent is not None:
        pytest.skip(f"no unikernel for {target} is built and run: there is no {absent}")
    world = make_world(tmp_path / "world", compiler=installed_compiler(), dune=installed_dune())
    places = {"repository": "../repository", "compiler": installed_compiler(), "dune": installed_dune()}
    project = world.folder / "lighthouse"
    write_project(FIXTURES / "projects" / "lighthouse", project, places)

    mono("lock", folder=project).succeeded()
    mono("pull", folder=project).succeeded()
    mono("contexts", folder=project).succeeded()
    mono_build("--twice", f"contexts/{target}", folder=project).succeeded()
    assert read_record(project / f"contexts/{target}/build-record.json").reproduced

    image = project / f"contexts/{target}/artefacts/lighthouse.{target}"
    console = subprocess.run(
        [*TENDERS[target], "--", image, "2", "5"], stdout=subprocess.PIPE, encoding="utf-8", timeout=120
    )
    assert SAID in console.stdout.replace("\r\n", "\n")
