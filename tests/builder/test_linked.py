"""What is in an artefact is what it was linked with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from builder.account import Made
from builder.artefacts import Artefact
from builder.certificate import Package, Source
from builder.context import Context, Inputs
from builder.digest import file_digest
from builder.linked import Contents, contents_of
from tests.builder.projects import expecting, make_context, write_files, write_project

LWT_DUNE = """
(library ; the one without threads
 (public_name lwt)
 (libraries seq))
(library
 (name lwt_unix)
 (public_name lwt_io.unix))
(rule (copy a b))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with two vendored sources, one of them with two packages, and one that is installed."""
    write_project(tmp_path)
    files = {
        "duniverse/lwt/src/dune": LWT_DUNE,
        "installed/zarith/META": "",
        "installed/ocaml/unix/META": "",
        "build/default/bin/main.exe": "the program",
        "build/default/bin/other.exe": "the other program",
        "build/default/dist/main.hvt": "the program",
        "build/default/dist/image": "made of it somehow",
    }
    write_files(tmp_path, files)
    (tmp_path / "build/install/default/bin").mkdir(parents=True)
    (tmp_path / "build/install/default/bin/hello").symlink_to("../../../default/bin/main.exe")
    return tmp_path


def make(project: Path) -> Context:
    context = expecting(make_context(project), packages=("ocaml", "zarith", "dune"), linked=("ocaml",))
    lwt = Source("duniverse/lwt", "https://example.org/lwt.tbz")
    packages = (
        Package("dune", "3.17.2"),
        Package("greet", "1.0", source=Source("duniverse/greet", "https://example.org/greet.tbz")),
        Package("hello", "dev"),
        Package("lwt", "5.9.1", source=lwt),
        Package("lwt_io", "5.9.1", source=lwt),
        Package("ocaml", "5.4.1"),
        Package("zarith", "1.14"),
    )
    inputs = replace(context.inputs, folders=(*context.inputs.folders, ("duniverse/lwt", "sha256:0")))
    return replace(context, locked=packages, inputs=inputs)


def contents(project: Path, source: str, links: Mapping[str, tuple[str, ...]], context: Context) -> Contents:
    """What is in the file ``source`` of a build folder in which executables were linked so."""
    build = project / "build"
    account = {path: Made("default", (), libraries) for path, libraries in links.items()}
    account["default/lib/plugin.cmxs"] = Made("default", ("/lib/ocaml",), None)
    artefact = Artefact(Path(source).name, build / source, source, 0, file_digest(build / source))
    return contents_of(artefact, context, project, build, account)


def linked(project: Path, source: str, links: Mapping[str, tuple[str, ...]]) -> list[str]:
    found = contents(project, source, links, make(project))
    assert found.known
    return [package.name for package in found.packages]


LIBRARIES: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "nothing": ((), ["ocaml"]),
    "the project's own": (("bin/own.cmxa",), ["ocaml"]),
    "what is vendored": (("duniverse/greet/src/greet.cmxa", "bin/own.cmxa"), ["greet", "ocaml"]),
    "bytecode": (("duniverse/greet/src/greet.cma",), ["greet", "ocaml"]),
    "one package of several": (("duniverse/lwt/src/lwt.cmxa",), ["lwt", "ocaml"]),
    "the other one": (("duniverse/lwt/src/lwt_unix.cmxa",), ["lwt_io", "ocaml"]),
    "a library of which the dune file does not tell": (
        ("duniverse/lwt/src/odd.cmxa",),
        ["lwt", "lwt_io", "ocaml"],
    ),
    "a library without a dune file": (("duniverse/lwt/odd/odd.cmxa",), ["lwt", "lwt_io", "ocaml"]),
    "what is installed": (
        ("@installed/zarith/zarith.cmxa", "@installed/ocaml/unix/unix.cmxa"),
        ["ocaml", "zarith"],
    ),
}


@pytest.mark.parametrize("case", LIBRARIES)
def test_which_packages(case: str, project: Path) -> None:
    libraries, expected = LIBRARIES[case]
    libraries = tuple(library.replace("@", f"{project}/") for library in libraries)
    assert linked(project, "default/bin/main.exe", {"default/bin/main.exe": libraries}) == expected


LINKS = {
    "default/bin/main.exe": ("duniverse/greet/src/greet.cmxa",),
    "default/bin/other.exe": ("duniverse/lwt/src/lwt.cmxa",),
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("default/bin/main.exe", ["greet", "ocaml"]),
        ("install/default/bin/hello", ["greet", "ocaml"]),  # a link to it
        ("default/dist/main.hvt", ["greet", "ocaml"]),  # a copy of it
        ("default/bin/other.exe", ["lwt", "ocaml"]),
        ("default/dist/image", ["greet", "lwt", "ocaml"]),  # of either, for all that is known
    ],
)
def test_how_an_artefact_was_linked(source: str, expected: list[str], project: Path) -> None:
    assert linked(project, source, LINKS) == expected


def test_what_was_linked_for_the_host_does_not_count(project: Path) -> None:
    context = make(project)
    context = replace(context, dune=replace(context.dune, context="cross"))
    assert not contents(project, "default/dist/image", LINKS, context).known


def test_without_an_account_all_that_was_locked_counts(project: Path) -> None:
    found = contents(project, "default/bin/main.exe", {}, make(project))
    assert not found.known
    assert [package.name for package in found.packages] == ["greet", "lwt", "lwt_io", "ocaml"]


def test_a_source_that_has_another_place(project: Path) -> None:
    """Of a package that has another version for other targets, dune sees the folder elsewhere."""
    context = make(project)
    (project / "duniverse/lwt").rename(project / "duniverse/.lwt")
    inputs = Inputs((), context.inputs.folders, ("duniverse",), (("duniverse/lwt", "duniverse/.lwt"),))
    links = {"default/bin/main.exe": ("duniverse/lwt/src/lwt_unix.cmxa",)}
    found = contents(project, "default/bin/main.exe", links, replace(context, inputs=inputs))
    assert [package.name for package in found.packages] == ["lwt_io", "ocaml"]
