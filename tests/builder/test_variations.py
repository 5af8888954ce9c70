"""What the second of two builds does otherwise, and what compilers are told where there is no sandbox."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from builder.remembered import Digests
from builder.rooms import Conditions, plain_room
from builder.toolchain import find_installation
from builder.variations import disordered, other_conditions
from tests.builder.projects import make_context, write_project, write_script


def test_where_nothing_of_it_can_be_had() -> None:
    conditions = other_conditions({"PATH": "/nonexistent"}, in_sandbox=False)
    assert (conditions.locale, conditions.entrance) == ("C.UTF-8", ())
    assert (conditions.jobs, conditions.umask, conditions.home) == (1, 0o077, "another-home")


def test_a_locale_of_the_machine_is_taken(tmp_path: Path) -> None:
    write_script(tmp_path, "locale", "echo C; echo C.utf8; echo POSIX; echo et_EE.utf8")
    assert other_conditions({"PATH": str(tmp_path)}, in_sandbox=True).locale == "et_EE.utf8"


def test_another_user_on_another_host() -> None:
    entrance = other_conditions(os.environ, in_sandbox=False).entrance
    if not entrance:
        pytest.skip("this machine lets nobody make namespaces")
    said = subprocess.check_output([*entrance, "sh", "-c", "id -u; uname -n"], text=True).split()
    assert said == ["1", "another-host"]
    assert other_conditions(os.environ, in_sandbox=True).entrance == ()


def test_without_disorderfs_files_are_in_no_other_order(tmp_path: Path) -> None:
    with disordered(tmp_path / "files", {"PATH": "/nonexistent"}) as place:
        assert place == tmp_path / "files"
        assert place.is_dir()


@pytest.mark.skipif(shutil.which("disorderfs") is None, reason="needs disorderfs")
def test_disorderfs_lists_files_in_another_order(tmp_path: Path) -> None:
    with disordered(tmp_path / "files", os.environ) as place:
        if place == tmp_path / "files":
            pytest.skip("this machine lets nobody mount with FUSE")
        for name in "cab":
            (place / name).touch()
        assert os.listdir(place) == ["c", "b", "a"]  # noqa: PTH208 # the order of the system
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == ["a", "b", "c"]
    shutil.rmtree(tmp_path / "disordered")


@pytest.mark.ocaml
@pytest.mark.parametrize("name", ["a project", "50%=half of it", "it's"])
def test_compilers_write_the_places_of_a_sandbox(name: str, tmp_path: Path) -> None:
    """Whatever characters are in the path of the project."""
    project = tmp_path / name
    context = make_context(write_project(project).parents[1])
    installation = find_installation(context, os.environ, Digests(tmp_path / "absent"))
    room = plain_room(context, installation, project, project / "_work", Conditions())
    (room.build_folder / "x.c").write_text("const char *file = __FILE__;\n")
    completed = room.run("sh", "-c", f"cd '{_quoted(room.build_folder)}' && cc -g -c \"$PWD/x.c\" -o x.o")
    assert completed.status == 0, completed.output
    made = (room.build_folder / "x.o").read_bytes()
    if "=" not in name:  # where a C compiler would take what follows for the other path
        assert os.fsencode(project) not in made
        assert b"/mono/build" in made
    assert Path(room.environment["PATH"].partition(":")[0]) == project / "_work" / "compilers"
    map_ = room.environment["BUILD_PATH_PREFIX_MAP"]
    assert len(map_.split(":")) == 4
    assert all(pair.count("=") == 1 for pair in map_.split(":"))


def _quoted(path: Path) -> str:
    return str(path).replace("'", "'\\''")
