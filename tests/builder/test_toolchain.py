"""Tools are found on PATH, asked, compared with what the context expects, and hashed. The compilers are scripts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from builder.context import Check, Context
from builder.digest import file_digest
from builder.errors import ToolError
from builder.remembered import Digests
from builder.toolchain import Installation, find_installation
from tests.builder.projects import expecting, make_context, write_files, write_project, write_script


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of tools: dune 3.17.2, OCaml 5.4.1 for the host, and 5.4.1 for findlib's toolchain ``cross``."""
    folder = tmp_path / "tools" / "bin"
    for name in ("host", "cross"):
        write_files(
            tmp_path / "tools" / name, {"stdlib.cmxa": f"the library of {name}", "unix/unix.cmxa": "more"}
        )
    write_script(folder, "dune", "echo 3.17.2")
    write_script(folder, "cc", '[ "$1" = --version ] && printf "cc 12.2\\nmore\\n" || echo strip')
    write_script(folder, "cross-cc", '[ "$1" = --version ] && echo cross-cc 9 || echo cross-strip')
    write_script(folder, "strip", "")
    write_script(folder, "cross-strip", "")
    write_script(folder, "ocamlopt", _configuration(tmp_path / "tools" / "host", "cc"))
    write_script(folder, "cross-ocamlopt", "")
    write_script(
        folder,
        "ocamlfind",
        f"""[ "$1 $2 $3" = "-toolchain cross ocamlopt" ] || {{ echo "ocamlfind: no such toolchain"; exit 2; }}
[ "$4" = -only-show ] && echo cross-ocamlopt && exit
{_configuration(tmp_path / "tools" / "cross", "cross-cc")}""",
    )
    return folder


def _configuration(library: Path, c_compiler: str, version: str = "5.4.1") -> str:
    lines = [f"version: {version}", f"c_compiler: {c_compiler} -m64", f"standard_library: {library}"]
    return "\n".join(f'echo "{line}"' for line in lines)


def found_in(context: Context, environment: Mapping[str, str]) -> Installation:
    return find_installation(context, environment, Digests(Path("/nonexistent")))


@pytest.fixture
def context(tmp_path: Path) -> Context:
    write_project(tmp_path / "project")
    return expecting(make_context(tmp_path / "project"), ocaml="5.4.1", dune="3.17.2")


def test_finds_the_hosts(tools: Path, context: Context) -> None:
    found = found_in(context, {"PATH": f"{tools}:/usr/bin:/bin"})
    assert [(tool.name, tool.version) for tool in found.tools] == [
        ("cc", "cc 12.2"),
        ("dune", "3.17.2"),
        ("ocamlfind", ""),
        ("ocamlopt", "5.4.1"),
    ]
    assert {tool.digest for tool in found.tools if tool.name == "dune"} == {file_digest(tools / "dune")}
    host = tools.parent / "host"
    assert [path for path, _ in found.libraries] == [str(host), str(host / "unix")]
    assert found.standard_libraries == (str(host), str(host))
    assert found.search_path == f"{tools}:/usr/bin:/bin"
    assert found.strip == str(tools / "strip")


def test_finds_a_toolchains(tools: Path, context: Context) -> None:
    found = found_in(expecting(context, ocaml="5.4.1", name="cross"), {"PATH": f"{tools}:/usr/bin:/bin"})
    assert [tool.name for tool in found.tools] == [
        "cc",
        "cross-cc",
        "cross-ocamlopt",
        "dune",
        "ocamlfind",
        "ocamlopt",
    ]
    host, cross = tools.parent / "host", tools.parent / "cross"
    assert [Path(path) for path, _ in found.libraries] == [cross, cross / "unix", host, host / "unix"]
    assert found.standard_libraries == (str(host), str(cross))
    assert found.strip == str(tools / "cross-strip")


def test_keeps_the_order_of_path_and_only_folders_of_tools(
    tools: Path, context: Context, tmp_path: Path
) -> None:
    write_script(tmp_path / "unneeded", "something", "")
    first = write_script(tmp_path / "first", "dune", "echo 3.17.2").parent
    found = found_in(context, {"PATH": f"{first}:{tmp_path / 'unneeded'}:relative:{tools}:/bin"})
    assert found.search_path == f"{first}:{tools}:/bin:/usr/bin"


def test_a_changed_library_changes_its_digest(tools: Path, context: Context) -> None:
    before = found_in(context, {"PATH": str(tools)}).libraries
    for file in ("stdlib.cmxa", "unix/unix.cmxa"):
        (tools.parent / "host" / file).write_text("another library")
        after = found_in(context, {"PATH": str(tools)}).libraries
        assert after != before
        before = after


def test_what_the_linker_takes_is_known_by_its_bytes(tools: Path, context: Context) -> None:
    """The C compiler tells it while it makes a program, also where it cannot make one."""
    libc, absent = tools.parent / "lib" / "libc.a", tools.parent / "lib" / "libm.a"
    write_files(tools.parent, {"lib/libc.a": "the C library"})
    said = f"attempt to open {absent} failed\\nattempt to open {libc} succeeded\\nno manifest"
    answers = 'case "$1" in --version) echo cc 12;; -print*) echo strip;;'
    write_script(tools, "cc", f'{answers} -m64) [ "$2" = -v ] && printf "{said}"; exit 1;; esac')
    before = found_in(context, {"PATH": f"{tools}:/usr/bin:/bin"}).files
    assert before == ((str(libc), file_digest(libc)),)
    libc.write_text("another C library")
    assert found_in(context, {"PATH": f"{tools}:/usr/bin:/bin"}).files != before


@pytest.mark.ocaml
def test_what_the_real_linker_takes(tmp_path: Path) -> None:
    write_project(tmp_path)
    found = found_in(make_context(tmp_path), os.environ)
    assert {Path(path).name.partition(".")[0] for path, _ in found.files} >= {"crti", "libm", "libgcc", "cc1"}
    assert ("cc", shutil.which("cc")) in found.c_compilers


def test_c_compilers_and_assemblers_that_have_a_name(tools: Path, context: Context) -> None:
    absolute = f'echo "native_c_compiler: {tools}/cc -O2"'
    host = _configuration(tools.parent / "host", "cc")
    write_script(tools, "ocamlopt", f'{host}\n{absolute}\necho "asm: cross-cc -c"')
    found = found_in(context, {"PATH": str(tools)})
    assert found.c_compilers == (("cc", str(tools / "cc")), ("cross-cc", str(tools / "cross-cc")))


@pytest.mark.parametrize(
    ("ocaml", "dune", "reason"),
    [
        ("5.3.0", "3.17.2", "expects OCaml 5.3.0, but this is 5.4.1"),
        ("5.4", "3.17.2", "expects OCaml 5.4, but this is 5.4.1"),
        ("5.4.1", "2.9.3", "expects dune 2.9.3, but this is 3.17.2"),
    ],
)
def test_refuses_other_versions(ocaml: str, dune: str, reason: str, tools: Path, context: Context) -> None:
    with pytest.raises(ToolError, match=reason) as caught:
        found_in(expecting(context, ocaml=ocaml, dune=dune), {"PATH": str(tools)})
    assert "first on PATH, or lock for" in caught.value.hint


def test_refuses_a_toolchain_of_another_version_than_the_hosts(tools: Path, context: Context) -> None:
    write_script(tools, "ocamlopt", _configuration(tools.parent / "host", "cc", version="5.4.0"))
    with pytest.raises(ToolError, match=r"5\.4\.0"):
        found_in(expecting(context, ocaml="5.4.1", name="cross"), {"PATH": str(tools)})


@pytest.mark.parametrize("suffix", ["+options", "~rc1", "+dev0-2025-01-01"])
def test_what_follows_the_number_does_not_matter(suffix: str, tools: Path, context: Context) -> None:
    write_script(tools, "ocamlopt", _configuration(tools.parent / "host", "cc", version=f"5.4.1{suffix}"))
    assert found_in(context, {"PATH": str(tools)}).version_of("ocamlopt") == f"5.4.1{suffix}"


@pytest.mark.parametrize("name", ["dune", "ocamlopt", "cc"])
def test_refuses_when_missing(name: str, tools: Path, context: Context) -> None:
    (tools / name).unlink()
    with pytest.raises(ToolError, match="is not on PATH") as caught:
        found_in(context, {"PATH": str(tools)})
    assert caught.value.place == name


def test_refuses_when_a_tool_of_the_target_or_of_a_check_is_missing(tools: Path, context: Context) -> None:
    path = {"PATH": str(tools)}
    with pytest.raises(ToolError, match="objcopy: is not on PATH"):
        found_in(expecting(context, tools=("objcopy",)), path)
    with pytest.raises(ToolError, match="elftool: is not on PATH"):
        found_in(replace(context, checks=(Check("elftool", (), ""),)), path)


def test_refuses_a_toolchain_that_findlib_does_not_know(tools: Path, context: Context) -> None:
    with pytest.raises(ToolError, match="exit status 2") as caught:
        found_in(expecting(context, name="solo5"), {"PATH": str(tools)})
    assert caught.value.hint == "findlib must know the toolchain solo5"
    assert caught.value.details == ("ocamlfind: no such toolchain",)


def test_refuses_a_compiler_that_does_not_tell(tools: Path, context: Context) -> None:
    write_script(tools, "ocamlopt", "echo version: 5.4.1")
    with pytest.raises(ToolError, match="does not tell its c_compiler"):
        found_in(context, {"PATH": str(tools)})


def test_does_not_hand_on_the_environment(tools: Path, context: Context, tmp_path: Path) -> None:
    write_script(tools, "dune", f"env >{tmp_path}/environment; echo 3.17.2")
    found_in(context, {"PATH": f"{tools}:/usr/bin:/bin", "OCAMLPATH": "/x", "DUNE_PROFILE": "dev"})
    seen = {line.partition("=")[0] for line in (tmp_path / "environment").read_text().splitlines()}
    assert seen <= {"PATH", "HOME", "PWD", "_", "SHLVL", "OLDPWD", *dict(context.environment)}


def test_refuses_the_hosts_compiler_in_place_of_a_toolchain_that_is_not_there(
    tools: Path, context: Context
) -> None:
    warning = 'echo "ocamlfind: [WARNING] Undefined toolchain: solo5"'
    write_script(tools, "ocamlfind", f"{warning}\n{_configuration(tools.parent / 'host', 'cc')}")
    with pytest.raises(ToolError, match="findlib does not know the toolchain solo5") as caught:
        found_in(expecting(context, name="solo5"), {"PATH": str(tools)})
    assert caught.value.hint == "install the cross compiler of the target host"
