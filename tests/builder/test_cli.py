"""The command line of mono-build, as a program of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builder.digest import file_digest
from tests.builder.projects import SOURCES, expecting, make_context, write_context, write_files, write_project

ROOT = Path(__file__).parents[2]


def mono_build(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "builder", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_version_and_help() -> None:
    assert mono_build("--version").stdout.startswith("mono-build 0.")
    assert "--twice" in mono_build("--help").stdout


def test_imports_nothing_of_mono() -> None:
    program = (
        "import sys, builder.build, builder.twice, builder.cli, builder.record; "
        "print([name for name in sys.modules if name.split('.')[0] in ('monorepo', 'solver', 'overlays')])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("absent",),
        ("--sandbox", "maybe", "."),
        ("-j", "0", "."),
        ("--fast", "."),
        ("--twice", "--docs", "."),
        ("--verify", "README.md", "--twice"),
        ("--verify", "absent"),
        ("--verify", "README.md", ".", "docs"),
        ("--verify", "README.md", "--json"),
        ("--docs", "--json", "."),
        ("--docs",),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    completed = mono_build(*arguments)
    assert completed.returncode == 2
    assert completed.stdout == ""
    assert "Usage: mono-build" in completed.stderr


def test_a_folder_without_a_context(tmp_path: Path) -> None:
    completed = mono_build(str(tmp_path))
    assert completed.returncode == 1
    assert completed.stderr.splitlines() == [
        f"mono-build: {tmp_path}/context.json: there is no context here",
        "  hint: name a folder contexts/TARGET that mono contexts wrote",
    ]


@pytest.mark.ocaml
def test_artefacts_are_printed_as_sha256sum_does(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    completed = mono_build("contexts/host", folder=tmp_path)
    assert completed.returncode == 0
    digest = file_digest(folder / "artefacts" / "hello").removeprefix("sha256:")
    assert completed.stdout == f"{digest}  contexts/host/artefacts/hello\n"
    assert "mono-build: host: 1 artefact in contexts/host/artefacts" in completed.stderr
    subprocess.run(
        ["sha256sum", "--check", "--status"], input=completed.stdout, text=True, cwd=tmp_path, check=True
    )


@pytest.mark.ocaml
def test_json_is_the_records(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    completed = mono_build("--json", "--quiet", "--sandbox=off", "-j1", "contexts/host", folder=tmp_path)
    assert completed.stderr == ""
    assert json.loads(completed.stdout) == [
        json.loads((folder / "build-record.json").read_text(encoding="utf-8"))
    ]


@pytest.mark.ocaml
def test_a_record_is_verified(tmp_path: Path) -> None:
    """From elsewhere with the context named, and where it lies."""
    project = tmp_path / "project"
    folder = write_project(project)
    built = mono_build("-q", "--sandbox=off", "contexts/host", folder=project)
    (folder / "build-record.json").rename(tmp_path / "host.json")
    verified = mono_build("--sandbox=off", "--verify", "../host.json", "contexts/host", folder=project)
    assert (verified.returncode, verified.stdout) == (0, built.stdout)
    assert "mono-build: 1 artefact as ../host.json says" in verified.stderr
    (tmp_path / "host.json").rename(folder / "build-record.json")
    (project / "bin/main.ml").write_text('let () = Greet.hello "you"\n')
    changed = mono_build("--sandbox=off", "--verify", "contexts/host/build-record.json", folder=project)
    assert (changed.returncode, changed.stdout) == (1, "")
    assert changed.stderr.splitlines()[:2] == [
        "mono-build: host: its sources are not those that the record tells of",
        "  bin: has changed",
    ]


def test_a_record_that_is_none(tmp_path: Path) -> None:
    write_project(tmp_path, {"contexts/host/build-record.json": "{}"})
    completed = mono_build("--verify", "contexts/host/build-record.json", folder=tmp_path)
    assert completed.returncode == 1
    assert completed.stderr.splitlines()[0] == (
        "mono-build: contexts/host/build-record.json: is no record of a build, or is damaged"
    )


@pytest.mark.ocaml
def test_what_tells_its_place_is_told(tmp_path: Path) -> None:
    rule = "(rule (with-stdout-to answer.ml (system \"printf 'let text = {|%s|}' $(pwd)\")))"
    write_project(tmp_path, {"bin/dune": SOURCES["bin/dune"].partition("(rule")[0] + rule})
    completed = mono_build("--sandbox=off", "contexts/host", folder=tmp_path)
    assert "mono-build: hello tells where it was built" in completed.stderr


@pytest.mark.ocaml
def test_a_refusal(tmp_path: Path) -> None:
    write_project(tmp_path)
    write_context(tmp_path, expecting(make_context(tmp_path), ocaml="1.07"))
    completed = mono_build("contexts/host", folder=tmp_path)
    assert (completed.returncode, completed.stdout) == (1, "")
    assert "the context expects OCaml 1.07, but this is " in completed.stderr
    assert "Traceback" not in completed.stderr


@pytest.mark.ocaml
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder / "_work").write_text("in the way")
    completed = mono_build("--sandbox=off", "contexts/host", folder=tmp_path)
    assert completed.returncode == 1
    assert completed.stderr == f"mono-build: {folder}/_work: Not a directory\n"


@pytest.mark.ocaml
def test_an_interruption(tmp_path: Path) -> None:
    slow = '(rule (with-stdout-to slow.ml (system "sleep 60")))\n'
    write_project(tmp_path, {"duniverse/greet/src/dune": SOURCES["duniverse/greet/src/dune"] + slow})
    process = subprocess.Popen(
        [sys.executable, "-m", "builder", "contexts/host"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "building host" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors.strip()) == (130, "")


def test_dirty_sources(tmp_path: Path) -> None:
    write_project(tmp_path)
    write_files(tmp_path, {"duniverse/greet/src/greet.ml": ""})
    completed = mono_build("contexts/host", folder=tmp_path)
    assert completed.returncode == 1
    first, expected, found, hint = completed.stderr.splitlines()
    assert first == "mono-build: duniverse/greet: is not what the context was made for"
    assert expected.startswith("  expected sha256:")
    assert found.startswith("  found    sha256:")
    assert "mono pull" in hint
