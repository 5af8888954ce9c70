"""Projects that mirage configured, used as they are: built for real, configured anew, and never written to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fixtures.installed import installed_compiler, installed_dune
from fixtures.mirage import write_unikernel
from fixtures.world import World, add_unikernels
from tests.builder.toolchains import make_toolchain
from tests.support.programs import Program

REPOSITORIES = """
x-opam-monorepo-opam-repositories: [
  "file://$OPAM_MONOREPO_CWD/../unikernels"
  "file://$OPAM_MONOREPO_CWD/../repository"
]
"""


@pytest.fixture
def world(own_world: World) -> World:
    add_unikernels(own_world)
    return own_world


def configured(world: World, target: str, **options: Any) -> Path:
    """What mirage left, without a mono.toml."""
    project = world.folder / "hello"
    write_unikernel(project, target, fields=REPOSITORIES, **options)
    return project


def as_installed(project: Path) -> None:
    """Ask for the OCaml and dune of this machine."""
    (project / "mono.toml").write_text(
        f'[solve]\nocaml = "= {installed_compiler()}"\nconstraints = ["dune {{= {installed_dune()}}}"]\n'
    )


def tree(folder: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.ocaml
@pytest.mark.parametrize("below", ["", "app/"])
def test_a_unix_process_is_built_and_runs(
    below: str, world: World, mono: Program, mono_build: Program
) -> None:
    project = configured(world, "unix", below=below)
    as_installed(project)
    mono("build", "--twice", folder=project).succeeded()
    program = project / "contexts/unix/artefacts/hello"
    assert (
        subprocess.check_output([program], text=True)
        == "hello by the clock of Unix\nA Unix process, 64 bits\n"
    )
    assert not (project / f"{below}dist/hello").exists()  # nothing is promoted

    by_hand = {"PATH": os.environ["PATH"], "HOME": str(world.folder)}
    command = ["dune", "build", "--profile", "release", "--root", ".", f"./{below}dist"]
    subprocess.run(
        command, cwd=project, env=by_hand, check=True, capture_output=True
    )  # as mirage's Makefile does
    assert subprocess.check_output([project / f"{below}dist/hello"], text=True).startswith("hello by")


@pytest.mark.ocaml
@pytest.mark.parametrize("target", ["hvt", "xen", "qubes", "unikraft-qemu"])
def test_an_image_is_built_with_a_toolchain_of_that_name(
    target: str, world: World, mono: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """findlib's toolchain is the host's compiler here; everything around it is as for an image."""
    others = {"hvt": ("hvt", "Solo5"), "unikraft-qemu": ("qemu", "Unikraft")}
    abi, system = others.get(target, ("xen", "Xen"))
    toolchain = "unikraft" if abi == "qemu" else "solo5"
    tools = make_toolchain(tmp_path_factory.mktemp("tools"), toolchain, abi=abi)
    path = {"PATH": f"{tools}:{os.environ['PATH']}"}
    project = configured(world, target)
    as_installed(project)
    mono("build", folder=project, environment=path).succeeded()
    artefacts = project / "contexts" / target / "artefacts"
    image = subprocess.check_output([artefacts / f"hello.{abi}"], text=True)
    assert image == f"hello by the clock of {system}\n{system}, 64 bits\n"
    companions = ["hello.xl", "hello.xl.in", "hello_libvirt.xml"] if abi == "xen" else []
    assert sorted(one.name for one in artefacts.iterdir()) == sorted([f"hello.{abi}", *companions])
    for name in companions:
        made = (artefacts / name).read_text()
        if target == "xen":
            assert made == (project / "mirage" / name).read_text()
        else:  # mirage has none, so mono's are there
            assert "hello.xen" in made or "@KERNEL@" in made


def test_the_repositories_that_mirage_adds_come_before_opams_own(world: World, mono: Program) -> None:
    """Without a field that names them all; here opam's own cannot be had, and is what is missing."""
    project = world.folder / "hello"
    write_unikernel(
        project, "hvt", extra_repositories=[("overlay", f"git+{world.folder.as_uri()}/overlay.git")]
    )
    failed = mono("lock", "--offline", folder=project)
    assert failed.status == 1
    assert 'repository "overlay"' in failed.stderr
    assert 'repository "opam"' in failed.stderr
    assert "dune-universe" not in failed.stderr


def test_configured_anew_for_another_target(world: World, mono: Program) -> None:
    project = configured(world, "hvt")
    mono("lock", folder=project).succeeded()
    assert mono("lock", folder=project).succeeded().stderr == "mono.lock is fresh\n"
    configured(world, "xen")  # mirage leaves the opam file of hvt where it is
    assert sorted(path.name for path in (project / "mirage").glob("*.opam")) == [
        "hello-hvt.opam",
        "hello-xen.opam",
    ]
    assert "for xen" in mono("lock", folder=project).succeeded().stderr
    configured(world, "hvt")
    again = mono("lock", folder=project).succeeded()
    assert "mirage configured for hvt" in again.stderr


def test_what_the_image_is_run_with_may_come_later(world: World, mono: Program) -> None:
    project = configured(world, "xen")
    (project / "mirage/hello.xl").unlink()
    mono("lock", folder=project).succeeded()
    configured(world, "xen")
    assert "is fresh" not in mono("lock", folder=project).succeeded().stderr


def test_why_there_is_no_answer_is_told_by_what_people_edit(world: World, mono: Program) -> None:
    project = configured(world, "hvt")
    durations = world.unikernels / "packages/duration"
    (durations / "duration.0.2.1").rename(durations / "duration.1.1.0")
    before = tree(project)
    failed = mono("lock", folder=project)
    assert failed.status == 1
    assert "hello-hvt needs duration < 1.0.0 (config.ml:3)" in failed.stderr
    repair = "(config.ml:3) by hand: mirage writes hello-hvt.opam"
    assert repair in failed.stderr.replace("\n       ", " ")
    refused = mono("lock", "--apply", "1", folder=project)
    assert refused.status == 1
    assert "in config.ml:3 and let mirage write hello-hvt.opam" in refused.stderr
    assert tree(project) == before
