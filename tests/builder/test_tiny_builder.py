"""A context is all that a builder needs: a second one, a few lines of shell, makes the same artefacts."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from builder.build import build
from builder.context import Check, Companion, Step, read_context
from builder.digest import file_digest, tree_digest
from builder.preparation import Wishes
from tests.builder.projects import expecting, make_context, write_context, write_files, write_project
from tests.conftest import lacking

pytestmark = [pytest.mark.ocaml, pytest.mark.sandbox]

TINY = Path(__file__).with_name("tiny-builder.sh")


@pytest.fixture(autouse=True)
def needs_jq() -> None:
    if shutil.which("jq") is None:
        lacking("jq is not on PATH")


def tiny_build(context: Path, work: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TINY, context, work], capture_output=True, text=True, check=False)


def artefacts(folder: Path) -> dict[str, str]:
    return {path.name: file_digest(path) for path in (folder / "artefacts").iterdir()}


def test_it_is_tiny() -> None:
    lines = TINY.read_text("utf-8").splitlines()
    assert len(lines) < 60
    assert max(map(len, lines)) <= 120


def test_the_same_artefacts(tmp_path: Path) -> None:
    """With everything that a context can ask for, from another folder than mono-build's."""
    folder = write_project(tmp_path / "a project", {"mirage/net.xml": "<network/>\n"})
    context = make_context(tmp_path / "a project")
    write_context(
        tmp_path / "a project",
        replace(
            context,
            checks=(Check("readelf", ("-h", "%{artefact}"), "ELF64"),),
            steps=(Step("objcopy", ("-S", "%{artefact}", "%{output}"), "%{name}.stripped"),),
            companions=(
                Companion("%{name}.cfg", "name = '%{name}'\nkernel = \"%{artefact}\" # 100%\n"),
                Companion("net.xml", file="mirage/net.xml"),
            ),
        ),
    )
    built = tiny_build(folder, tmp_path / "elsewhere" / "work")
    assert (built.returncode, built.stderr) == (0, "")
    build(folder, Wishes(os.environ, "require"))
    assert artefacts(tmp_path / "elsewhere" / "work") == artefacts(folder)
    assert artefacts(folder).keys() == {"hello", "hello.cfg", "hello.stripped", "net.xml"}


def test_a_source_with_another_version_for_other_targets(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    write_files(
        tmp_path / "project/duniverse/.greet",
        {
            "dune-project": "(lang dune 2.0)\n",
            "greet.opam": "",
            "dune": "(library (name greet) (public_name greet))\n",
            "greet.ml": "let hello = prerr_endline\n",
        },
    )
    context = make_context(tmp_path / "project")
    digest = tree_digest(tmp_path / "project/duniverse/.greet")
    inputs = replace(
        context.inputs,
        folders=(("duniverse/greet-2", digest),),
        moved=(("duniverse/greet-2", "duniverse/.greet"),),
        hidden=("duniverse/greet",),
    )
    write_context(tmp_path / "project", replace(context, inputs=inputs))
    built = tiny_build(folder, tmp_path / "work")
    assert (built.returncode, built.stderr) == (0, "")
    build(folder, Wishes(os.environ, "require"))
    assert artefacts(tmp_path / "work") == artefacts(folder)


def changed(path: str) -> Callable[[Path], object]:
    return lambda project: (project / path).write_text("changed\n", encoding="utf-8")


REFUSALS: dict[str, tuple[Callable[[Path], object], str]] = {
    "another lock": (changed("mono.lock"), "mono.lock is not what it was"),
    "another source": (changed("duniverse/greet/src/greet.ml"), "duniverse/greet is not what it was"),
    "a stray": (lambda p: (p / "duniverse/stray").mkdir(), "duniverse/stray is a stray"),
    "another compiler": (
        lambda p: write_context(p, expecting(make_context(p), ocaml="1.07")),
        "ocamlopt -version does not answer 1.07",
    ),
    "a check that fails": (
        lambda p: write_context(
            p, replace(make_context(p), checks=(Check("readelf", ("-h", "%{artefact}"), "AArch64"),))
        ),
        "does not answer AArch64",
    ),
    "no artefact": (
        lambda p: write_context(p, replace(make_context(p), artefacts=("default/dist/*.hvt",))),
        "No such file",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_it_refuses_what_it_must(refusal: str, tmp_path: Path) -> None:
    change, said = REFUSALS[refusal]
    folder = write_project(tmp_path / "project")
    change(tmp_path / "project")
    read_context(folder)
    refused = tiny_build(folder, tmp_path / "work")
    assert refused.returncode != 0
    assert said in refused.stderr
