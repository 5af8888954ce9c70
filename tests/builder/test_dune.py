"""The first error in what dune says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builder.certificate import Package, Source
from builder.dune import first_error, run_dune
from builder.errors import DuneError
from builder.rooms import Conditions, Room
from tests.builder.projects import SOURCE, make_context, write_project, write_script

WARNING = """\
File "duniverse/old/dune", line 2, characters 1-9:
Warning: this is deprecated
"""
TYPE_ERROR = """\
File "bin/main.ml", line 1, characters 9-10:
1 | let () = 3 + "x"
                 ^^^
Error: This expression has type string but an expression was expected of type
         int
"""
SECOND = """\
File "bin/other.ml", line 7, characters 0-1:
Error: Syntax error
"""
C_ERROR = """\
File "bin/dune", line 5, characters 38-42:
bin/stub.c:2:10: fatal error: absent.h: No such file or directory
compilation terminated.
"""


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (TYPE_ERROR, TYPE_ERROR),
        (WARNING + TYPE_ERROR + SECOND, TYPE_ERROR),
        ("    ocamlopt bin/main.exe (exit 2)\n" + TYPE_ERROR, TYPE_ERROR),
        (WARNING, WARNING),
        (C_ERROR + SECOND, C_ERROR),
        ("Error: Invalid first line\n", "Error: Invalid first line\n"),
        ("something went wrong\n", "something went wrong\n"),
        ("", ""),
        (
            "\n".join(f"line {number}" for number in range(100)),
            "\n".join(f"line {number}" for number in range(20)),
        ),
    ],
)
def test_first_error(output: str, expected: str) -> None:
    assert first_error(output) == tuple(expected.splitlines())


def test_a_line_of_thousands_of_letters_is_cut() -> None:
    [line] = first_error(f"Error: {'x' * 5000}")
    assert line == f"Error: {'x' * 293}…"


LWT = Source("duniverse/lwt", "https://example.org/lwt.tbz")
PACKAGES = (
    Package("greet", "1.0+dune", repository="overlay", port_of="opam", source=SOURCE),
    Package("hello", "dev"),
    Package("lwt", "5.9.1", repository="opam", source=LWT),
    Package("lwt_ppx", "5.9.1", repository="opam", source=LWT),
    Package("pinned", "dev", source=Source("duniverse/pinned", "git+https://example.org/x", (), "a" * 40)),
)
PORT = "greet comes from the repository overlay, as a port of the one in opam"


@pytest.mark.parametrize(
    ("file", "where", "origins"),
    [
        ("duniverse/greet/src/greet.ml", ", in greet 1.0+dune", (PORT,)),
        ("_build/default/duniverse/greet/src/greet.ml-gen", ", in greet 1.0+dune", (PORT,)),
        ("/mono/build/cross/duniverse/greet/x.ml", ", in greet 1.0+dune", (PORT,)),
        (
            "duniverse/lwt/src/dune",
            ", in lwt 5.9.1 and lwt_ppx 5.9.1",
            ("lwt comes from the repository opam", "lwt_ppx comes from the repository opam"),
        ),
        ("duniverse/pinned/dune", ", in pinned dev", ("pinned is pinned by the project",)),
        ("bin/main.ml", "", ()),
        ("duniverse/dune", "", ()),
        ("duniverse/greetings/dune", "", ()),
    ],
)
def test_whose_the_first_error_is(file: str, where: str, origins: tuple[str, ...], tmp_path: Path) -> None:
    context = make_context(write_project(tmp_path).parents[1])
    context = replace(context, locked=PACKAGES, dune=replace(context.dune, context="cross"))
    write_script(tmp_path / "bin", "dune", f"echo 'File \"{file}\", line 3:'; echo 'Error: wrong'; exit 1")
    room = Room(tmp_path, tmp_path, "/mono/build", (), {"PATH": str(tmp_path / "bin")}, 0o022)
    with pytest.raises(DuneError) as caught:
        run_dune(context, room, context.dune.arguments, Conditions(), tmp_path / "log")
    assert caught.value.reason == f"dune failed with exit status 1{where}"
    assert caught.value.details == (f'File "{file}", line 3:', "Error: wrong", *origins)
    assert str(tmp_path / "log") in caught.value.hint
