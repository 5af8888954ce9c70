"""Nothing gets into a build but what its context names: in a sandbox and without one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from builder.build import build
from builder.errors import ToolError
from tests.builder.builds import changed, project_that_says, wishes
from tests.builder.projects import make_context, write_project, write_script

pytestmark = pytest.mark.ocaml


@pytest.mark.sandbox
def test_without_a_sandbox_it_is_the_same_as_in_one(tmp_path: Path) -> None:
    """Compilers are told to write the places of a sandbox; debug information stays."""
    folder = write_project(tmp_path)
    digests = {build(folder, wishes(sandbox)).artefacts[0].digest for sandbox in ("off", "require")}
    assert len(digests) == 1
    sections = subprocess.check_output(["readelf", "--sections", folder / "artefacts" / "hello"], text=True)
    assert ".debug_info" in sections


@pytest.fixture
def unreachable_compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tools in which OCaml calls its C compiler by a path, past all that is first on PATH."""
    folder = tmp_path_factory.mktemp("tools")
    configuration = subprocess.check_output(["ocamlc", "-config"], text=True)
    [compiler] = [line.split()[1] for line in configuration.splitlines() if line.startswith("c_compiler:")]
    path = shutil.which(compiler)
    for name in ("ocaml", "ocamlc", "ocamldep", "ocamlmklib", "ocamlopt"):
        call = f'{shutil.which(name)} "$@"'
        asked = f'[ "$1" = -config ] && {{ {call} | sed "s|: {compiler}|: {path}|"; exit; }}'
        write_script(folder, name, f"{asked}\nexec {call}")
    return folder


def test_where_a_compiler_cannot_be_told_artefacts_are_stripped(
    unreachable_compiler: Path, tmp_path: Path
) -> None:
    folder = write_project(tmp_path)
    build(folder, wishes("off", PATH=f"{unreachable_compiler}:{os.environ['PATH']}"))
    place = os.fsencode(tmp_path)
    assert place in (folder / "_work/dune/install/default/bin/hello").read_bytes()
    assert place not in (folder / "artefacts" / "hello").read_bytes()
    [subject] = json.loads((folder / "build-record.json").read_text(encoding="utf-8"))["subject"]
    assert (subject["annotations"]["stripped"], subject["annotations"]["tellsPlace"]) == (True, False)


def test_what_tells_its_place_all_the_same_says_so(tmp_path: Path) -> None:
    folder = write_project(tmp_path, project_that_says("pwd"))
    [artefact] = build(folder, wishes("off")).artefacts
    assert artefact.tells_place
    [subject] = json.loads((folder / "build-record.json").read_text(encoding="utf-8"))["subject"]
    assert subject["annotations"]["tellsPlace"] is True


def test_bytecode_is_not_stripped(tmp_path: Path) -> None:
    """strip would cut off the program, which stands behind the end of the runtime."""
    folder = write_project(
        tmp_path,
        {
            "bin/dune": "(executable (name main) (modes byte) (link_flags (-custom)))",
            "bin/main.ml": 'let () = print_string "bytecode"',
        },
    )
    dune = make_context(tmp_path).dune
    arguments = (*dune.arguments[:-3], "bin/main.bc")
    changed(folder, artefacts=("default/bin/main.bc",), dune=replace(dune, arguments=arguments))
    build(folder, wishes())
    assert (folder / "artefacts" / "main.bc").read_bytes().startswith(b"\x7fELF")
    assert subprocess.check_output([folder / "artefacts" / "main.bc"], text=True) == "bytecode"


def test_the_callers_environment_does_not_get_in(tmp_path: Path) -> None:
    folder = write_project(tmp_path, project_that_says("env"))
    names = (
        "OCAMLPARAM",
        "OCAMLPATH",
        "OCAMLFIND_CONF",
        "OCAMLRUNPARAM",
        "DUNE_PROFILE",
        "CAML_LD_LIBRARY_PATH",
        "ANY",
    )
    build(folder, wishes("off", **dict.fromkeys(names, "/leaking")))
    said = subprocess.check_output([folder / "artefacts" / "hello"], text=True)
    assert "/leaking" not in said
    assert "SOURCE_DATE_EPOCH=315532800" in said
    assert f"HOME={folder / '_work' / 'home'}" in said


@pytest.mark.sandbox
def test_the_sandbox_has_no_network_and_cannot_write_sources(tmp_path: Path) -> None:
    places = ("/mono/sources", "/mono", "/", "/usr", "/etc", "/var/tmp")
    command = "; ".join(
        [
            "grep -c : /proc/net/dev",
            *(f"touch {place}/x 2>/dev/null && echo written" for place in places),
            "whoami; id -u; uname -n; ls -d /tmp/* /home/* /root/* 2>/dev/null | wc -l",
        ]
    )
    folder = write_project(tmp_path, project_that_says(command))
    build(folder, wishes("require"))
    said = subprocess.check_output([folder / "artefacts" / "hello"], text=True).splitlines()
    assert said[0] == "hello, 1"  # the loopback alone
    assert said[1:4] == ["mono", "1000", "mono"]
    assert not (tmp_path / "x").exists()


@pytest.mark.sandbox
def test_another_manner_or_toolchain_starts_anew(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    dune = write_script(tmp_path / "tools", "dune", f'exec {shutil.which("dune")} "$@"')
    mark = folder / "_work" / "dune" / "mark"
    compiler = subprocess.check_output(["ocamlopt", "-config-var", "c_compiler"], text=True).strip()
    libc = tmp_path / "libc.a"
    libc.write_text("a C library")
    write_script(
        tmp_path / "another",
        compiler,
        f'[ "$1" = -v ] && echo "attempt to open {libc} succeeded"; exec {shutil.which(compiler)} "$@"',
    )
    for wish in (
        wishes("off"),
        wishes("require"),
        wishes("off"),
        wishes("off", PATH=f"{dune.parent}:{os.environ['PATH']}"),
    ):
        build(folder, wish)
        assert not mark.exists()
        mark.touch()
        build(folder, wish)
        assert mark.exists()
    with_another = wishes("off", PATH=f"{tmp_path / 'another'}:{os.environ['PATH']}")
    build(folder, with_another)
    mark.touch()
    libc.write_text("another C library, of which dune knows nothing")
    build(folder, with_another)
    assert not mark.exists()


def test_a_sandbox_is_used_where_it_works_or_refused(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    broken = write_script(tmp_path / "tools", "bwrap", "echo bwrap: no permissions; exit 1").parent
    path = f"{broken}:{os.environ['PATH']}"
    assert build(folder, wishes("auto", PATH=path)).sandboxed is False
    with pytest.raises(ToolError, match="does not work here") as caught:
        build(folder, wishes("require", PATH=path))
    assert caught.value.details == ("bwrap: no permissions",)
