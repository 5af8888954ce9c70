"""`mono-build --docs`: documentation of the project and of all that is vendored, by odoc."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from builder.docs import build_docs
from builder.errors import ArtefactError, ToolError
from builder.preparation import Wishes
from tests.builder.projects import make_context, write_context, write_files, write_project, write_script
from tests.conftest import lacking

pytestmark = pytest.mark.ocaml

DOCUMENTED = {
    "lib/dune": "(library (name hello) (public_name hello) (libraries greet))\n",
    "lib/hello.ml": "(** What {!Greet.hello} says. *)\nlet hello = Greet.hello\n",
    "duniverse/greet/src/greet.ml": "(** Says hello to somebody. *)\nlet hello = print_endline\n",
}


def test_the_whole_workspace(tmp_path: Path) -> None:
    if shutil.which("odoc") is None:
        lacking("odoc is not on PATH (Debian's ocaml-odoc)")
    folder = write_project(tmp_path, DOCUMENTED)
    before = sorted(path for path in tmp_path.rglob("*") if folder not in path.parents)
    index = build_docs(folder, Wishes(os.environ))
    assert index == folder / "docs" / "index.html"
    assert {"greet/index.html", "hello/index.html"} <= _linked_pages(index)
    greet = (folder / "docs/greet/Greet/index.html").read_text("utf-8")
    assert "Says hello to somebody." in greet
    hello = (folder / "docs/hello/Hello/index.html").read_text("utf-8")
    assert "greet/Greet/index.html" in hello  # what is vendored can be gone to
    assert sorted(path for path in tmp_path.rglob("*") if folder not in path.parents) == before

    write_files(tmp_path, {"lib/hello.ml": "(** Something else. *)\nlet goodbye = Greet.hello\n"})
    assert (
        "Something else."
        in (build_docs(folder, Wishes(os.environ)).parent / "hello/Hello/index.html").read_text()
    )


def _linked_pages(index: Path) -> set[str]:
    return {part.partition('"')[0] for part in index.read_text("utf-8").split('href="')[1:]}


def test_without_odoc(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project", DOCUMENTED)
    tools = tmp_path / "tools"
    for name in ("dune", "ocamlopt", "cc", "sh"):
        write_script(tools, name, f'exec {shutil.which(name)} "$@"')
    compiler = subprocess.check_output(["ocamlopt", "-config-var", "c_compiler"], text=True).strip()
    write_script(tools, compiler, f'exec {shutil.which(compiler)} "$@"')
    with pytest.raises(ToolError, match="is not on PATH") as caught:
        build_docs(folder, Wishes({"PATH": str(tools)}, "off"))
    assert caught.value.place == "odoc"
    assert not (folder / "docs").exists()


def test_a_dune_that_makes_none_is_told(tmp_path: Path) -> None:
    """As it does where nothing in the workspace is documented in this context."""
    folder = write_project(tmp_path / "project")
    context = make_context(tmp_path / "project")
    write_context(
        tmp_path / "project", replace(context, dune=replace(context.dune, docs=("build", "--root", ".")))
    )
    odoc = write_script(tmp_path / "tools", "odoc", "exit 0").parent
    dune = write_script(tmp_path / "tools", "dune", "echo 2.9.3").parent
    assert odoc == dune
    with pytest.raises(ArtefactError, match="made no documentation"):
        build_docs(folder, Wishes({"PATH": f"{dune}:{os.environ['PATH']}"}, "off"))
