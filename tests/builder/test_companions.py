"""What comes beside an artefact: files that steps make of it, and its companions."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from builder.build import build
from builder.context import Check, Companion, Context, Step
from builder.errors import ArtefactError, ToolError
from builder.preparation import Wishes
from builder.twice import build_twice
from tests.builder.projects import make_context, write_context, write_project, write_script

pytestmark = pytest.mark.ocaml

IMAGE = Step("make-image", ("%{artefact}", "%{output}", "%{name}"), "%{name}.img")
SETTINGS = Companion("%{name}.cfg", text="name = '%{name}' # 100%\nkernel = '%{artefact}'\n")
OWN = Companion("network.xml", file="mirage/network.xml")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The context's folder of a project whose program is called hello.elf."""
    return write_project(
        tmp_path,
        {
            "bin/dune": "(executable (name main) (public_name hello.elf) (package hello) (libraries greet))\n",
            "bin/main.ml": 'let () = Greet.hello "you"\n',
            "mirage/network.xml": "<network>%{name}</network>\n",
        },
    )


@pytest.fixture
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with make-image, which makes an image that tells what it was called with."""
    folder = tmp_path_factory.mktemp("tools")
    write_script(folder, "make-image", '[ -s "$1" ] && echo "image of $3" >"$2"')
    return folder


def given(folder: Path, **changes: object) -> Context:
    context = replace(make_context(folder.parents[1]), **changes)  # type: ignore[arg-type]
    write_context(folder.parents[1], context)
    return context


def wishes(tools: Path) -> Wishes:
    return Wishes({"PATH": f"{tools}:{os.environ['PATH']}"}, "off")


def test_all_that_belongs_together_is_taken(project: Path, tools: Path) -> None:
    given(project, steps=(IMAGE,), companions=(SETTINGS, OWN))
    record = build_twice(project, wishes(tools))
    taken = {artefact.name: artefact for artefact in record.artefacts}
    assert list(taken) == ["hello.cfg", "hello.elf", "hello.img", "network.xml"]
    texts = {name: (project / "artefacts" / name).read_text() for name in taken if name != "hello.elf"}
    assert texts == {
        "hello.cfg": "name = 'hello' # 100%\nkernel = 'hello.elf'\n",
        "hello.img": "image of hello\n",
        "network.xml": "<network>%{name}</network>\n",  # the project's own is as it is
    }
    assert {artefact.source for artefact in record.artefacts} == {"install/default/bin/hello.elf"}
    document = json.loads((project / "build-record.json").read_text(encoding="utf-8"))
    told = {each["name"]: each["annotations"]["role"] for each in document["subject"]}
    roles = ("companion", "built", "made", "companion")
    assert told == dict(zip(taken, roles, strict=True))
    assert [path.name for path in sorted((project / "sbom").iterdir())] == [
        "hello.elf.cdx.json",
        "hello.img.cdx.json",
    ]
    used = document["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert ("tool", "make-image") in {(each["annotations"]["kind"], each["name"]) for each in used}


def test_checks_are_asked_of_what_dune_built_alone(project: Path, tools: Path) -> None:
    check = Check("make-image", ("%{artefact}", "/dev/stdout", "hello"), "image of hello")
    given(project, steps=(IMAGE,), companions=(replace(SETTINGS, text=""),), checks=(check,))
    assert len(build(project, wishes(tools)).artefacts) == 3  # of the empty file it would be refused


@pytest.mark.parametrize(
    ("script", "detail"),
    [("echo cannot write; exit 3", "cannot write"), ("exit 3", "exit status 3"), ("true", "exit status 0")],
    ids=["says why", "says nothing", "makes nothing"],
)
def test_a_step_that_fails_is_told(script: str, detail: str, project: Path, tools: Path) -> None:
    given(project, steps=(IMAGE,))
    write_script(tools, "make-image", script)
    with pytest.raises(ArtefactError, match=r"does not make hello\.img of it") as caught:
        build(project, wishes(tools))
    assert caught.value.place == "hello.elf"
    assert caught.value.details == (detail,)
    assert not (project / "artefacts").exists()


def test_a_steps_tool_has_to_be_there(project: Path, tools: Path) -> None:
    given(project, steps=(IMAGE,))
    (tools / "make-image").unlink()
    with pytest.raises(ToolError, match="is not on PATH") as caught:
        build(project, wishes(tools))
    assert caught.value.place == "make-image"


def test_a_companion_of_the_project_has_to_be_there(project: Path, tools: Path) -> None:
    given(project, companions=(OWN,))
    (project.parents[1] / "mirage/network.xml").unlink()
    with pytest.raises(ArtefactError, match=r"cannot be copied .* goes with hello\.elf") as caught:
        build(project, wishes(tools))
    assert caught.value.place == "mirage/network.xml"


@pytest.mark.parametrize("name", ["hello.elf", "%{name}.img"])
def test_two_files_of_one_name_are_refused(name: str, project: Path, tools: Path) -> None:
    given(project, steps=(IMAGE,), companions=(Companion(name, text="x"),))
    with pytest.raises(ArtefactError, match="two artefacts have this name"):
        build(project, wishes(tools))
