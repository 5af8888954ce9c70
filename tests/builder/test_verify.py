"""`mono-build --verify`: whatever of a record's inputs is changed is refused, and what comes out is compared."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.build import build
from builder.errors import (
    BuilderError,
    ContextError,
    InputsError,
    RecordError,
    ReproducibilityError,
    ToolError,
)
from builder.preparation import Wishes
from builder.verify import verify
from tests.builder.projects import SOURCES, write_files, write_project, write_script

pytestmark = pytest.mark.ocaml


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose context was built; to be read only."""
    project = tmp_path_factory.mktemp("original")
    build(write_project(project), Wishes(os.environ, "off"))
    return project


@pytest.fixture
def built(original: Path, tmp_path: Path) -> Path:
    """The folder of the context that was built, with its record, in a copy of its project."""
    shutil.copytree(original, tmp_path / "project", ignore=shutil.ignore_patterns("_work"))
    return tmp_path / "project" / "contexts" / "host"


def again(folder: Path, path: str = os.environ["PATH"]) -> tuple[list[str], list[str]]:
    """Verify the record in ``folder``: the names of the artefacts, and all that was reported."""
    said: list[str] = []
    wishes = Wishes({"PATH": path}, "off", report=said.append)
    artefacts = verify(folder / "build-record.json", folder, wishes)
    return [artefact.name for artefact in artefacts], said


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "_work" not in path.parts
    }


def test_the_same_again(built: Path) -> None:
    before = snapshot(built)
    names, said = again(built)
    assert names == ["hello"]
    assert len(said) == 1
    assert said[0].startswith("building host")
    assert snapshot(built) == before  # it neither publishes nor records


def edit(path: str, text: str = "(* another *)\n") -> Callable[[Path], object]:
    def change(project: Path) -> None:
        with (project / path).open("a", encoding="utf-8") as file:
            file.write(text)

    return change


def in_context(old: str, new: str) -> Callable[[Path], object]:
    def change(project: Path) -> None:
        context = project / "contexts/host/context.json"
        context.write_text(context.read_text("utf-8").replace(old, new), "utf-8")

    return change


MUTATIONS: dict[str, tuple[Callable[[Path], object], type[BuilderError], str]] = {
    "the lock": (edit("mono.lock"), InputsError, "mono.lock"),
    "the workspace": (edit("contexts/host/dune-workspace", "; x\n"), InputsError, "dune-workspace"),
    "the marks of what is vendored": (edit("duniverse/dune", "; x\n"), InputsError, "duniverse/dune"),
    "a vendored source": (edit("duniverse/greet/src/greet.ml"), InputsError, "duniverse/greet"),
    "vendored C": (edit("duniverse/greet/src/twice.c", "/* x */\n"), InputsError, "duniverse/greet"),
    "who may execute a file": (
        lambda project: (project / "duniverse/greet/src/greet.ml").chmod(0o755),
        InputsError,
        "duniverse/greet",
    ),
    "one file more": (
        lambda project: write_files(project, {"duniverse/greet/more": ""}),
        InputsError,
        "duniverse/greet",
    ),
    "one package more": (
        lambda project: write_files(project, {"duniverse/more/dune": ""}),
        InputsError,
        "duniverse/more",
    ),
    "one file less": (
        lambda project: (project / "duniverse/greet/greet.opam").unlink(),
        InputsError,
        "duniverse/greet",
    ),
    "the context": (
        in_context('"a plain program"', '"another"'),
        RecordError,
        "contexts/host/context.json: has changed",
    ),
    "the packages of the context": (
        in_context('"package": "greet"', '"package": "x"'),
        ContextError,
        "hello.dev needs x",
    ),
    "the project's sources": (edit("bin/main.ml"), RecordError, "bin: has changed"),
    "the project's dune-project": (edit("dune-project", "; x\n"), RecordError, "dune-project: has changed"),
    "the project's files": (
        lambda project: write_files(project, {"more.ml": ""}),
        RecordError,
        "more.ml: was not there",
    ),
    "fewer of the project's files": (
        lambda project: (project / "other.opam").unlink(),
        RecordError,
        "other.opam: is not there any more",
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_whatever_input_is_changed_it_is_refused(mutation: str, built: Path) -> None:
    change, error, told = MUTATIONS[mutation]
    change(built.parents[1])
    with pytest.raises(error) as caught:
        again(built)
    assert told in "\n".join((str(caught.value), *caught.value.details))


def test_another_dune_is_told_and_what_it_makes_compared(built: Path, tmp_path: Path) -> None:
    write_script(tmp_path / "tools", "dune", f'exec {shutil.which("dune")} "$@"')
    names, said = again(built, f"{tmp_path / 'tools'}:{os.environ['PATH']}")
    assert names == ["hello"]
    assert said[1:] == ["it is the same although tool dune has changed"]


def test_another_compiler_that_makes_something_else_is_told(built: Path, tmp_path: Path) -> None:
    gcc = "x86_64-linux-gnu-gcc"
    if shutil.which(gcc) is None:
        pytest.skip(f"there is no {gcc}, which the compiler asks for here")
    write_script(tmp_path / "tools", gcc, f'exec {shutil.which(gcc)} -DANOTHER=1 -g3 "$@"')
    with pytest.raises(ReproducibilityError) as caught:
        again(built, f"{tmp_path / 'tools'}:{os.environ['PATH']}")
    assert caught.value.place == "hello"
    assert f"tool {gcc} has changed" in caught.value.details
    assert (built / "_work/differing/first/hello").is_file()


def test_an_artefact_that_is_not_there_any_more(built: Path) -> None:
    """A record that was committed, on a machine where nothing was built yet."""
    record = built / "build-record.json"
    document = json.loads(record.read_text("utf-8"))
    document["subject"][0]["digest"]["sha256"] = "0" * 64
    record.write_text(json.dumps(document), "utf-8")
    shutil.rmtree(built / "artefacts")
    with pytest.raises(ReproducibilityError, match="is not what the record says") as caught:
        again(built)
    assert caught.value.details[0] == f"recorded sha256:{'0' * 64}"


def test_other_artefacts(built: Path) -> None:
    record = built / "build-record.json"
    document = json.loads(record.read_text("utf-8"))
    document["subject"] = [{**document["subject"][0], "name": "more"}]
    record.write_text(json.dumps(document), "utf-8")
    with pytest.raises(ReproducibilityError) as caught:
        again(built)
    assert (caught.value.place, caught.value.reason) == ("hello", "the record lacks it")


def test_another_compiler_version_is_refused(built: Path, tmp_path: Path) -> None:
    in_context('"ocaml": null', '"ocaml": "1.07"')(built.parents[1])
    with pytest.raises(ToolError, match=r"expects OCaml 1\.07"):
        again(built)


def test_a_program_that_is_not_the_same_twice(tmp_path: Path) -> None:
    """The difference is told in detail, as the recorded artefact is still there."""
    chance = "(rule (with-stdout-to answer.ml (system \"printf 'let text = {|%s|}' $(date +%s%N)\")))"
    dune = SOURCES["bin/dune"].partition("(rule")[0]
    folder = write_project(tmp_path, {"bin/dune": f"{dune}{chance}"})
    build(folder, Wishes(os.environ, "off"))
    program = folder / "artefacts" / "hello"
    said = subprocess.check_output([program], text=True).split("\n")[0].removeprefix("hello, ")
    with pytest.raises(ReproducibilityError) as caught:
        again(folder)
    assert any(line.startswith("first ") and said in line for line in caught.value.details)
