"""The account of what was made outlives dune's own, which is of one build."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from builder.account import Made, take_account
from builder.build import build
from builder.errors import ContextError
from builder.rooms import Room
from tests.builder.builds import wishes
from tests.builder.projects import write_files, write_project


@pytest.fixture
def room(tmp_path: Path) -> Room:
    (tmp_path / "work" / "dune").mkdir(parents=True)
    return Room(tmp_path / "project", tmp_path / "work" / "dune", "/mono/build", (), {}, 0o022)


def told(room: Room, *commands: str, made: tuple[str, ...] = ()) -> dict[str, Made]:
    """The account after a build in which dune ran these commands and made these files."""
    (room.build_folder / "log").write_text("".join(f"$ ({command})\n" for command in commands))
    write_files(room.build_folder, dict.fromkeys(made, ""))
    return dict(take_account(room, room.build_folder.parent))


LINK = "cd /mono/build/default && ocamlopt -o bin/main.exe -I /lib/ocaml/unix lib/a.cmxa /lib/ocaml/unix.cmxa"
MAIN = Made("default", ("/lib/ocaml/unix",), ("lib/a.cmxa", "/lib/ocaml/unix.cmxa"))


def test_what_was_made_of_what(room: Room) -> None:
    compile_ = "cd /mono/build/cross/src && cc -I /include -I /include -I ../lib -o x.o -c x.c"
    pack = "cd /mono/build/default && ocamlopt -a -o lib/a.cmxa lib/b.cmxa"
    plain = "cd /mono/build/default && ocamlopt -o lib/b.cmx -c b.ml"
    account = told(
        room,
        LINK,
        compile_,
        pack,
        plain,
        made=("default/bin/main.exe", "cross/src/x.o", "default/lib/a.cmxa"),
    )
    assert account == {"default/bin/main.exe": MAIN, "cross/src/x.o": Made("cross", ("/include",), None)}


@pytest.mark.parametrize(
    ("command", "libraries"),
    [
        ("ocamlopt.opt -o bin/main.exe bin/main.cmx", ()),
        ("/opt/bin/x86_64-solo5-ocaml-ocamlopt -o bin/main.exe lib/a.cmxa bin/main.cmx", ("lib/a.cmxa",)),
        ("ocamlc -custom -o bin/main.exe lib/a.cma bin/main.cmo", ("lib/a.cma",)),
        ("ocamlopt -output-complete-obj -o bin/main.exe bin/main.cmx", ()),
        ("ocamlopt -c -o bin/main.exe -I lib main.ml", None),
        ("ocamlopt -a -o bin/main.exe bin/main.cmx", None),
        ("ocamlopt -shared -linkall -o bin/main.exe lib/a.cmxa", None),
        ("ocamlc -pack -o bin/main.exe bin/a.cmo", None),
        ("ocamlmklib -o bin/main.exe bin/stub.o", None),
        ("cc -o bin/main.exe bin/main.cmx", None),
    ],
)
def test_what_is_a_program(command: str, libraries: tuple[str, ...] | None, room: Room) -> None:
    account = told(room, f"cd /mono/build/default && {command}", made=("default/bin/main.exe",))
    expected = {} if libraries is None else {"default/bin/main.exe": Made("default", (), libraries)}
    assert account == expected


def test_it_is_kept_until_a_file_is_gone_or_made_anew(room: Room) -> None:
    told(room, LINK, made=("default/bin/main.exe",))
    assert told(room) == {"default/bin/main.exe": MAIN}
    other = "cd /mono/build/default && ocamlopt -o bin/main.exe lib/other.cmxa"
    assert told(room, other) == {"default/bin/main.exe": Made("default", (), ("lib/other.cmxa",))}
    (room.build_folder / "default/bin/main.exe").unlink()
    assert told(room) == {}


@pytest.mark.parametrize(
    "folder",
    ["/mono/build/default", "{build}/default", "../work/dune/default", "/mono/build/.sandbox/0a1b/default"],
)
def test_however_dune_calls_its_folders(folder: str, room: Room) -> None:
    command = LINK.replace("/mono/build/default", folder.format(build=room.build_folder))
    assert told(room, command, made=("default/bin/main.exe",)) == {"default/bin/main.exe": MAIN}


def test_what_was_made_elsewhere_does_not_count(room: Room) -> None:
    assert told(room, LINK.replace("/mono/build", "/tmp"), made=("default/bin/main.exe",)) == {}


@pytest.mark.parametrize("text", ["", "[]", '{"a": 3}'])
def test_a_damaged_one_is_not_passed_over(text: str, room: Room) -> None:
    (room.build_folder.parent / "made.json").write_text(text)
    with pytest.raises(ContextError, match="is damaged"):
        told(room)


@pytest.mark.ocaml
@pytest.mark.parametrize("lost", ["sbom", "_work/made.json"])
def test_a_build_in_which_nothing_is_made_knows_what_was_linked(lost: str, tmp_path: Path) -> None:
    """Also after one that was killed before it took the account that dune had left."""
    folder = write_project(tmp_path)
    build(folder, wishes())
    bom = (folder / "sbom" / "hello.cdx.json").read_bytes()
    assert b'"value": "known"' in bom
    subprocess.run(["rm", "-r", folder / lost, folder / "build-record.json"], check=True)
    build(folder, wishes())
    assert "-o bin/main.exe" not in (folder / "_work/dune/log").read_text("utf-8")
    assert (folder / "sbom" / "hello.cdx.json").read_bytes() == bom
