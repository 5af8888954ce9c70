"""Real builds with the machine's own OCaml and dune: in a sandbox and without one, once and twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from builder.build import build
from builder.certificate import Package
from builder.context import Check
from builder.digest import file_digest, tree_digest
from builder.errors import (
    ArtefactError,
    BuilderError,
    ContextError,
    DuneError,
    InputsError,
    ReproducibilityError,
    ToolError,
)
from builder.preparation import Wishes, alone_in
from builder.processes import run
from builder.sandbox import Wish
from builder.twice import build_twice
from builder.variations import other_conditions
from tests.builder.projects import (
    expecting,
    make_context,
    write_context,
    write_files,
    write_project,
    write_script,
)
from tests.builder.test_record import require_published_shape
from tests.builder.toolchains import install_library, make_toolchain

pytestmark = pytest.mark.ocaml

SANDBOXES = [
    pytest.param("require", marks=pytest.mark.sandbox),
    "off",
]
RUN = "hello, the answer\n42"


def wishes(sandbox: Wish = "off", **environment: str) -> Wishes:
    return Wishes({**os.environ, **environment}, sandbox)


def failing(
    folder: Path, error: type[BuilderError], sandbox: Wish = "off", *, twice: bool = False
) -> BuilderError:
    with pytest.raises(error) as caught:
        (build_twice if twice else build)(folder, wishes(sandbox))
    return caught.value


def changed(folder: Path, **changes: object) -> None:
    """Write the project's context anew, for what is there now, with some fields changed."""
    project = folder.parents[1]
    write_context(project, replace(make_context(project), **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_builds_and_records(sandbox: Wish, tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    record = build(folder, wishes(sandbox))
    program = folder / "artefacts" / "hello"
    assert subprocess.check_output([program], text=True) == RUN
    document = json.loads((folder / "build-record.json").read_text(encoding="utf-8"))
    [subject] = document["subject"]
    assert subject["name"] == "hello"
    assert subject["digest"]["sha256"] == file_digest(program)[7:]
    told = {"role": "built", "source": "install/default/bin/hello", "size": program.stat().st_size}
    assert subject["annotations"] == {**told, "stripped": False, "tellsPlace": False}
    definition, details = document["predicate"]["buildDefinition"], document["predicate"]["runDetails"]
    used = {
        (each["annotations"]["kind"], each["name"]): each["digest"]
        for each in definition["resolvedDependencies"]
    }
    for kind, name in (
        ("context", "contexts/host/context.json"),
        ("input", "mono.lock"),
        ("project", "hello.opam"),
    ):
        assert used[kind, name]["sha256"] == file_digest(tmp_path / name)[7:]
    assert used["input", "duniverse/greet"]["monoTree"] == tree_digest(tmp_path / "duniverse/greet")[7:]
    assert {("tool", "dune"), ("tool", "ocamlopt")} < used.keys()
    manner = (
        {"sandbox": "none", "paths": "mapped"}
        if sandbox == "off"
        else {"sandbox": "bubblewrap", "paths": "fixed"}
    )
    assert definition["internalParameters"] == manner
    assert details["builder"]["id"].endswith("plain" if sandbox == "off" else "sandboxed")
    assert list(details["metadata"]["mono_durations"]) == ["inputs", "toolchain", "dune", "artefacts"]
    assert "mono_reproduced" not in details["metadata"]
    [bom] = details["byproducts"]
    assert bom["digest"]["sha256"] == file_digest(folder / bom["name"])[7:]
    require_published_shape(document)
    assert record.artefacts[0].digest == file_digest(program)


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_leaves_the_sources_alone(sandbox: Wish, tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    before = sorted(path for path in tmp_path.rglob("*") if folder not in path.parents)
    build(folder, wishes(sandbox))
    assert sorted(path for path in tmp_path.rglob("*") if folder not in path.parents) == before
    assert sorted(path.name for path in folder.iterdir()) == [
        "_work",
        "artefacts",
        "build-record.json",
        "context.json",
        "dune-workspace",
        "sbom",
    ]


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_twice_is_identical_and_the_same_as_once(sandbox: Wish, tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    once = build(folder, wishes(sandbox))
    twice = build_twice(folder, wishes(sandbox))
    assert [artefact.digest for artefact in twice.artefacts] == [
        artefact.digest for artefact in once.artefacts
    ]
    assert subprocess.check_output([folder / "artefacts" / "hello"], text=True) == RUN
    document = json.loads((folder / "build-record.json").read_text(encoding="utf-8"))
    assert document["predicate"]["runDetails"]["metadata"]["mono_reproduced"] is True


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
    folder = write_project(tmp_path, _project_that_says("pwd"))
    [artefact] = build(folder, wishes("off")).artefacts
    assert artefact.tells_place
    [subject] = json.loads((folder / "build-record.json").read_text(encoding="utf-8"))["subject"]
    assert subject["annotations"]["tellsPlace"] is True


LEAKS = {
    "the time": "date +%N",
    "chance": "od -An -N8 -tx8 /dev/urandom",
    "the time zone": "date -d @0 +%H:%M",
    "the locale": "echo $LC_ALL",
    "HOME": "echo $HOME",
    "the umask": "umask",
}
"""What a project must not build in, as shell commands."""

OF_THE_MACHINE = {
    "the user's name": "whoami",
    "the user's number": "id -u",
    "the name of the host": "uname -n",
}
"""The same, where anybody may make namespaces."""


@pytest.mark.long
@pytest.mark.parametrize("sandbox", SANDBOXES)
@pytest.mark.parametrize("leak", [*LEAKS, *OF_THE_MACHINE])
def test_twice_finds(leak: str, sandbox: Wish, tmp_path: Path) -> None:
    if leak in OF_THE_MACHINE and not other_conditions(os.environ, in_sandbox=False).entrance:
        pytest.skip("this machine lets nobody make namespaces")
    command = (LEAKS | OF_THE_MACHINE)[leak]
    folder = write_project(tmp_path, _project_that_says(command))
    error = failing(folder, ReproducibilityError, sandbox, twice=True)
    assert error.place == "hello"
    assert "first in section" in error.reason
    assert not (folder / "build-record.json").exists()
    programs = [folder / "_work/differing" / build / "hello" for build in ("first", "second")]
    said = [subprocess.check_output([program], text=True) for program in programs]
    assert said[0] != said[1]


@pytest.mark.long
@pytest.mark.skipif(shutil.which("disorderfs") is None, reason="needs disorderfs")
@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_twice_finds_the_order_of_files(sandbox: Wish, tmp_path: Path) -> None:
    folder = write_project(tmp_path, _project_that_says("ls -f | tr -d \\\\n"))
    assert failing(folder, ReproducibilityError, sandbox, twice=True).place == "hello"


def test_the_first_difference_is_told_as_what_it_is(tmp_path: Path) -> None:
    """The string that differs and the value of the program in which it is, not the first byte."""
    folder = write_project(tmp_path, _project_that_says("echo this is $HOME"))
    error = failing(folder, ReproducibilityError, twice=True)
    assert re.fullmatch(r"the two builds differ, first in section \.data, at caml\w*Answer\w*", error.reason)
    first, second = (line.split(maxsplit=1)[1] for line in error.details[2:4])
    assert first.startswith("this is /") and first.endswith("/home")
    assert second.startswith("this is /") and second.endswith("/another-home")


def test_twice_finds_the_place_of_the_build(tmp_path: Path) -> None:
    folder = write_project(tmp_path, _project_that_says("pwd"))
    error = failing(folder, ReproducibilityError, twice=True)
    assert error.place == "hello"


@pytest.mark.sandbox
def test_in_a_sandbox_the_place_of_the_build_is_always_the_same(tmp_path: Path) -> None:
    folder = write_project(tmp_path, _project_that_says("pwd"))
    build_twice(folder, wishes("require"))
    assert subprocess.check_output([folder / "artefacts" / "hello"], text=True).startswith(
        "hello, /mono/build/"
    )


def _project_that_says(command: str) -> dict[str, str]:
    """A program into which the output of a shell command is built."""
    return {
        "bin/dune": f"""
(executable
 (name main)
 (public_name hello)
 (package hello)
 (libraries greet)
 (foreign_stubs (language c) (names stub)))
(rule
 (targets answer.ml)
 (action (with-stdout-to answer.ml (system "printf 'let text = {{|%s|}}' \\"$({command})\\""))))
"""
    }


def test_a_build_that_fails_names_the_first_error_and_leaves_the_last_artefacts(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    build(folder, wishes())
    kept = file_digest(folder / "artefacts" / "hello")
    write_files(tmp_path, {"bin/main.ml": "let () = 1 + true\n"})
    error = failing(folder, DuneError)
    assert error.place == "host"
    assert error.details[0].startswith('File "bin/main.ml", line 1')
    log = Path(error.hint.removeprefix("all that it said is in "))
    assert "Error: This expression has type bool" in log.read_text(encoding="utf-8")
    assert file_digest(folder / "artefacts" / "hello") == kept
    assert (folder / "build-record.json").exists()


def test_dunes_success_proves_nothing(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    changed(folder, artefacts=("install/default/bin/*", "default/dist/*.hvt"))
    error = failing(folder, ArtefactError)
    assert error.place == "default/dist/*.hvt"
    assert "nothing that it built" in error.reason


def test_two_artefacts_of_one_name(tmp_path: Path) -> None:
    more = {"more/dune": "(executable (name main) (public_name more) (package hello))", "more/main.ml": ""}
    folder = write_project(tmp_path, more)
    changed(folder, artefacts=("default/bin/main.exe", "default/bin/*.exe"))
    assert len(build(folder, wishes()).artefacts) == 1  # one file that two globs match is one artefact
    changed(folder, artefacts=("default/bin/main.exe", "default/more/main.exe"))
    error = failing(folder, ArtefactError)
    assert (error.place, error.reason) == ("main.exe", "two artefacts have this name")


def test_checks_are_asked(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    changed(folder, checks=(Check("readelf", ("-h", "%{artefact}"), "ELF64"),))
    build(folder, wishes())
    changed(folder, checks=(Check("readelf", ("-h", "%{artefact}"), "AArch64"),))
    error = failing(folder, ArtefactError)
    assert (error.place, error.reason) == ("hello", "readelf -h %{artefact} does not answer AArch64")


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


def test_refuses_before_anything_is_built(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    write_files(tmp_path, {"duniverse/greet/src/greet.ml": "let hello = print_endline"})
    assert failing(folder, InputsError).place == "duniverse/greet"
    assert not (folder / "_work").exists()


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_refuses_an_installed_library_that_the_context_does_not_expect(
    sandbox: Wish, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A library that was not vendored, on the path that findlib knows for the cross toolchain."""
    tools = make_toolchain(tmp_path_factory.mktemp("tools"), "cross")
    install_library(tools.parent / "lib", "smuggled", 'let text = "smuggled"')
    folder = write_project(
        tmp_path,
        {
            "bin/dune": "(executable (name main) (modes exe) (enabled_if (= %{context_name} cross)) "
            "(libraries smuggled unix str threads.posix))",
            "bin/main.ml": "let () = print_string Smuggled.text",
            "dune-project": "(lang dune 2.9)\n",
            "contexts/host/dune-workspace": "(lang dune 2.9)\n(context (default))\n"
            "(context (default (name cross) (host default) (toolchain cross)))\n",
        },
    )
    context = make_context(tmp_path)
    dune = replace(context.dune, arguments=(*context.dune.arguments[:-3], "bin"), context="cross")
    context = replace(expecting(context, name="cross"), dune=dune, artefacts=("cross/bin/main.exe",))
    write_context(tmp_path, context)
    cross = wishes(sandbox, PATH=f"{tools}:{os.environ['PATH']}")
    for _ in range(2):  # also when it is built already
        with pytest.raises(InputsError, match="neither vendored nor expected") as caught:
            build(folder, cross)
        assert caught.value.place == "smuggled"
    write_context(tmp_path, expecting(context, name="cross", packages=("smuggled",)))
    build(folder, cross)
    assert subprocess.check_output([folder / "artefacts" / "main.exe"], text=True) == "smuggled"


def test_what_is_installed_for_a_toolchain(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """dune calls the list of it after the package and the toolchain."""
    tools = make_toolchain(tmp_path_factory.mktemp("tools"), "cross")
    workspace = "(lang dune 2.0)\n(context (default))\n(context (default (name there) (toolchain cross)))\n"
    folder = write_project(tmp_path, {"contexts/host/dune-workspace": workspace})
    context = expecting(make_context(tmp_path), name="cross")
    there = replace(context.dune, context="there")
    write_context(tmp_path, replace(context, dune=there, artefacts=("install/there/bin/*",)))
    build(folder, wishes("off", PATH=f"{tools}:{os.environ['PATH']}"))
    assert subprocess.check_output([folder / "artefacts" / "hello"], text=True) == RUN


def test_refuses_another_compiler(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    write_context(tmp_path, expecting(make_context(tmp_path), ocaml="1.07"))
    assert "expects OCaml 1.07" in failing(folder, ToolError).reason


def test_the_callers_environment_does_not_get_in(tmp_path: Path) -> None:
    folder = write_project(tmp_path, _project_that_says("env"))
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
    folder = write_project(tmp_path, _project_that_says(command))
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


def test_a_sandbox_is_used_where_it_works_or_refused(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    broken = write_script(tmp_path / "tools", "bwrap", "echo bwrap: no permissions; exit 1").parent
    path = f"{broken}:{os.environ['PATH']}"
    assert build(folder, wishes("auto", PATH=path)).sandboxed is False
    with pytest.raises(ToolError, match="does not work here") as caught:
        build(folder, wishes("require", PATH=path))
    assert caught.value.details == ("bwrap: no permissions",)


def test_artefacts_have_plain_permissions(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    build(folder, wishes())
    assert stat.S_IMODE((folder / "artefacts" / "hello").stat().st_mode) == 0o755


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be started"):
        run((str(tmp_path / "absent"),), folder=tmp_path, environment={})


def test_one_build_of_a_context_at_a_time(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    with alone_in(folder):
        assert "another build" in failing(folder, ContextError).reason
        assert "another build" in failing(folder, ContextError, twice=True).reason
    build(folder, wishes())


@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_what_is_for_other_targets_is_not_seen(sandbox: Wish, tmp_path: Path) -> None:
    """The context of a target that has another version of a package than the one that a plain build sees."""
    folder = write_project(tmp_path)
    plain = make_context(tmp_path).inputs
    write_files(
        tmp_path,
        {
            "duniverse/.greet/dune-project": "(lang dune 2.0)\n",
            "duniverse/.greet/greet.opam": "",
            "duniverse/.greet/dune": "(library (name greet) (public_name greet))\n",
            "duniverse/.greet/greet.ml": 'let hello name = print_endline ("bye, " ^ name)\n',
        },
    )
    inputs = replace(
        plain,
        folders=(("duniverse/greet-2", tree_digest(tmp_path / "duniverse" / ".greet")),),
        moved=(("duniverse/greet-2", "duniverse/.greet"),),
        hidden=("duniverse/greet",),
    )
    changed(folder, inputs=inputs)
    record = build(folder, wishes(sandbox))
    assert subprocess.check_output([folder / "artefacts" / "hello"], text=True) == RUN.replace("hello", "bye")
    assert build_twice(folder, wishes(sandbox)).artefacts[0].digest == record.artefacts[0].digest
    (tmp_path / "duniverse" / ".greet" / "greet.ml").write_text("edited", encoding="utf-8")
    assert failing(folder, InputsError).place == "duniverse/.greet"


def test_packages_that_do_not_go_together_are_refused_before_anything_is_built(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    changed(folder, locked=(Package("hello", "dev", ({"package": "greet", "version": [">=", "2"]},)),))
    error = failing(folder, ContextError)
    assert error.details == ("hello.dev needs greet {>= 2}, which is not there so",)
    assert not (folder / "artefacts").exists()
