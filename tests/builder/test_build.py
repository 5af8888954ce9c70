"""Real builds with the machine's own OCaml and dune: in a sandbox and without one."""

from __future__ import annotations

import json
import os
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
    ContextError,
    DuneError,
    InputsError,
    ToolError,
)
from builder.preparation import alone_in
from builder.processes import run
from builder.sandbox import Wish
from builder.twice import build_twice
from tests.builder.builds import RUN, SANDBOXES, changed, failing, wishes
from tests.builder.projects import expecting, make_context, write_context, write_files, write_project
from tests.builder.test_record import require_published_shape
from tests.builder.toolchains import install_library, make_toolchain

pytestmark = pytest.mark.ocaml


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
