"""Inputs that are not what the context was made for are refused, each by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.context import read_context
from builder.digest import tree_digest
from builder.errors import InputsError
from builder.inputs import copy_sources, own_sources, verify_inputs
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


def test_the_projects_own_sources(tmp_path: Path) -> None:
    context = read_context(write_project(tmp_path))
    before = own_sources(context, tmp_path)
    assert [(name, algorithm) for name, _, algorithm in before] == [
        ("bin", "monoTree"),
        ("dune-project", "sha256"),
        ("hello.opam", "sha256"),
        ("other", "monoTree"),
        ("other.opam", "sha256"),
    ]
    for apart in ("_build/log", ".git/HEAD", "contexts/host/artefacts/hello", "duniverse/more"):
        (tmp_path / apart).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / apart).write_text("something")
    assert own_sources(context, tmp_path) == before
    (tmp_path / "bin" / "main.ml").write_text("let () = ()")
    changed = dict(zip(before, own_sources(context, tmp_path), strict=True))
    assert [name for (name, *_), after in changed.items() if (name, *_) != after] == ["bin"]


@pytest.mark.parametrize("backwards", [False, True])
def test_a_copy_is_what_dune_is_to_see(backwards: bool, tmp_path: Path) -> None:
    context = read_context(write_project(tmp_path / "project"))
    (tmp_path / "project" / "bin" / "link").symlink_to("main.ml")
    (tmp_path / "project" / "bin" / "main.ml").chmod(0o755)
    for left_out in ("_build", ".git", "contexts/host/_work"):
        (tmp_path / "project" / left_out).mkdir()
    copy_sources(context, tmp_path / "project", tmp_path / "copy", backwards=backwards)
    for left_out in ("_build", ".git", "contexts/host/_work"):
        (tmp_path / "project" / left_out).rmdir()
    assert tree_digest(tmp_path / "copy") == tree_digest(tmp_path / "project")


def test_a_copy_in_which_nothing_is_vendored(tmp_path: Path) -> None:
    context = read_context(write_project(tmp_path / "project"))
    copy_sources(context, tmp_path / "project", tmp_path / "copy", vendored=False)
    assert sorted(path.name for path in (tmp_path / "copy" / "duniverse").iterdir()) == ["greet"]
    assert (tmp_path / "copy" / "contexts" / "dune").exists()


def test_a_copy_backwards_is_made_in_the_opposite_order(tmp_path: Path) -> None:
    """Told by the times at which folders were made, as every folder is made after those before it."""
    context = read_context(write_project(tmp_path / "project"))
    orders = []
    for backwards in (False, True):
        copy = tmp_path / str(backwards)
        copy_sources(context, tmp_path / "project", copy, backwards=backwards)
        folders = [path for path in copy.iterdir() if path.is_dir()]
        orders.append([path.name for path in sorted(folders, key=lambda path: path.stat().st_ctime_ns)])
    assert orders[0] == sorted(orders[0])
    assert orders[1] == orders[0][::-1]
