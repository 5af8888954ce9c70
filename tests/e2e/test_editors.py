"""Editors: what dune tells merlin and ocamllsp of files of the project and of duniverse/, by the workspace at the top.

`dune ocaml-merlin` is what both ask. That its answers are enough is shown by OCaml's own type checker, which gets
nothing else.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fixtures.installed import installed_compiler, installed_dune
from fixtures.mirage import write_unikernel
from fixtures.world import World, add_unikernels
from tests.builder.toolchains import make_toolchain
from tests.support.programs import Program

pytestmark = pytest.mark.ocaml


def told(project: Path, file: str, environment: Mapping[str, str]) -> dict[str, list[Any]]:
    """What dune answers for a file, by directive: ``B`` and ``S`` with folders, ``FLG`` with flags."""
    question = b"".join(b"%d:%s" % (len(word), word) for word in (b"File", os.fsencode(project / file)))
    answer = subprocess.check_output(
        ["dune", "ocaml-merlin"], input=b"(" + question + b")4:Halt", cwd=project, env=environment
    )
    directives: dict[str, list[Any]] = {}
    for name, *values in canonical(answer):
        directives.setdefault(name, []).extend(values)
    assert "ERROR" not in directives, directives
    return directives


def canonical(text: bytes) -> Any:
    """The first value of a text of canonical S-expressions: ``(4:File3:a.b)``."""

    def value(position: int) -> tuple[Any, int]:
        if text[position : position + 1] == b"(":
            values, position = [], position + 1
            while text[position : position + 1] != b")":
                inner, position = value(position)
                values.append(inner)
            return values, position + 1
        start = text.index(b":", position) + 1
        end = start + int(text[position : start - 1])
        return os.fsdecode(text[start:end]), end

    return value(0)[0]


def refuse_ill_typed(project: Path, file: str, directives: Mapping[str, list[Any]]) -> None:
    """Have OCaml check the types in a file with what dune told of it."""
    flags = [flag for flags in directives.get("FLG", []) for flag in flags]
    folders = [part for folder in directives["B"] for part in ("-I", folder)]
    command = ["ocamlc", "-stop-after", "typing", *flags, *folders, file]
    subprocess.run(command, cwd=project, check=True, capture_output=True)


def contexts_of(project: Path, folders: Sequence[str]) -> set[str]:
    """The dune contexts in which these folders are, the compiler's own apart."""
    build = project / "_build"
    inside = [Path(folder).relative_to(build) for folder in folders if Path(folder).is_relative_to(build)]
    return {folder.parts[0] for folder in inside}


@pytest.fixture
def tools(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of an editor: dune, and an ocamlfind that knows the toolchain solo5."""
    folder = tmp_path_factory.mktemp("tools")
    return {"PATH": f"{make_toolchain(folder, 'solo5')}:{os.environ['PATH']}", "HOME": str(folder)}


def checked(project: Path, mono: Program, tools: Mapping[str, str]) -> None:
    """Everything that an editor's `dune build --watch @check` has done once."""
    for stage in ("lock", "pull", "contexts"):
        mono(stage, folder=project).succeeded()
    subprocess.run(["dune", "build", "@check"], cwd=project, env=tools, check=True)


def test_a_plain_program_and_its_duniverse(
    buildable_world: World, mono: Program, tools: Mapping[str, str]
) -> None:
    project = buildable_world.project
    checked(project, mono, tools)
    for file, also in (("bin/logbook.ml", "duniverse/frame/src"), ("duniverse/frame/text/frame_text.ml", "")):
        directives = told(project, file, tools)
        assert str(project / file.rpartition("/")[0]) in directives["S"]
        assert str(project / (also or "duniverse/frame/src")) in directives["S"]
        assert contexts_of(project, directives["B"]) == {"default"}
        refuse_ill_typed(project, file, directives)


@pytest.mark.parametrize("whose", ["mirage's", "mono's"])
def test_a_unikernel_in_the_context_of_its_target(
    whose: str, own_world: World, mono: Program, tools: Mapping[str, str]
) -> None:
    add_unikernels(own_world)
    project = own_world.folder / "hello"
    write_unikernel(project, "hvt")
    if whose == "mono's":
        (project / "dune-workspace").unlink()
    repositories = "".join(
        f'[[repositories]]\nname = "{name}"\nurl = "../{name}"\n' for name in ("unikernels", "repository")
    )
    versions = f'ocaml = "= {installed_compiler()}"\nconstraints = ["dune {{= {installed_dune()}}}"]\n'
    (project / "mono.toml").write_text(f"{repositories}[solve]\n{versions}")
    checked(project, mono, tools)
    for file in ("unikernel.ml", "duniverse/mirage-solo5/src/solo5_os.ml"):
        directives = told(project, file, tools)
        assert str(project / "duniverse/lwt/src") in directives["S"]
        assert contexts_of(project, directives["B"]) == {"solo5"}
        refuse_ill_typed(project, file, directives)
