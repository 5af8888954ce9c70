"""Inputs that are not what the context was made for are refused, each by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.context import read_context
from builder.errors import InputsError
from builder.inputs import project_digest, verify_inputs
from tests.builder.projects import write_project

CHANGES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a changed source": (
        lambda project: (project / "duniverse/greet/src/greet.ml").write_text("let hello = print_endline"),
        "duniverse/greet",
        "not what the context was made for",
    ),
    "a further source": (
        lambda project: (project / "duniverse/greet/src/more.ml").write_text(""),
        "duniverse/greet",
        "not what the context was made for",
    ),
    "a missing source": (
        lambda project: shutil.rmtree(project / "duniverse/greet"),
        "duniverse/greet",
        "is missing",
    ),
    "a missing duniverse": (
        lambda project: shutil.rmtree(project / "duniverse"),
        "duniverse/dune",
        "is missing",
    ),
    "a stray package": (
        lambda project: (project / "duniverse/stray").mkdir(),
        "duniverse/stray",
        "dune would build with it",
    ),
    "a duniverse that is not vendored": (
        lambda project: (project / "duniverse/dune").write_text(""),
        "duniverse/dune",
        "not what the context was made for",
    ),
    "another lock": (
        lambda project: (project / "mono.lock").write_text("another lock\n"),
        "mono.lock",
        "not what the context was made for",
    ),
    "another workspace": (
        lambda project: (project / "contexts/host/dune-workspace").write_text("(lang dune 2.1)"),
        "contexts/host/dune-workspace",
        "not what the context was made for",
    ),
}


def test_accepts_what_it_was_made_for(tmp_path: Path) -> None:
    context = read_context(write_project(tmp_path))
    (tmp_path / "duniverse" / ".hidden").write_text("dune does not look at it")
    (tmp_path / "bin" / "main.ml").write_text("(* the project's own sources may change *)")
    verify_inputs(context, tmp_path)


@pytest.mark.parametrize("change", CHANGES)
def test_refuses(change: str, tmp_path: Path) -> None:
    do, place, reason = CHANGES[change]
    context = read_context(write_project(tmp_path))
    do(tmp_path)
    with pytest.raises(InputsError, match=reason) as caught:
        verify_inputs(context, tmp_path)
    assert caught.value.place == place
    assert "mono " in caught.value.hint


def test_the_digest_of_the_projects_own_sources(tmp_path: Path) -> None:
    context = read_context(write_project(tmp_path))
    before = project_digest(context, tmp_path)
    for apart in ("_build/log", ".git/HEAD", "contexts/host/artefacts/hello", "duniverse/more"):
        (tmp_path / apart).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / apart).write_text("something")
    assert project_digest(context, tmp_path) == before
    (tmp_path / "bin" / "main.ml").write_text("let () = ()")
    assert project_digest(context, tmp_path) != before
