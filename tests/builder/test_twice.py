"""Whatever gets into an artefact that may not matter, a second build finds it and says what it is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from builder.build import build
from builder.errors import ReproducibilityError
from builder.sandbox import Wish
from builder.twice import build_twice
from builder.variations import other_conditions
from tests.builder.builds import RUN, SANDBOXES, failing, project_that_says, wishes
from tests.builder.projects import write_project

pytestmark = pytest.mark.ocaml


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


@pytest.mark.long
@pytest.mark.parametrize("sandbox", SANDBOXES)
@pytest.mark.parametrize("leak", [*LEAKS, *OF_THE_MACHINE])
def test_twice_finds(leak: str, sandbox: Wish, tmp_path: Path) -> None:
    if leak in OF_THE_MACHINE and not other_conditions(os.environ, in_sandbox=False).entrance:
        pytest.skip("this machine lets nobody make namespaces")
    command = (LEAKS | OF_THE_MACHINE)[leak]
    folder = write_project(tmp_path, project_that_says(command))
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
    folder = write_project(tmp_path, project_that_says("ls -f | tr -d \\\\n"))
    assert failing(folder, ReproducibilityError, sandbox, twice=True).place == "hello"


def test_the_first_difference_is_told_as_what_it_is(tmp_path: Path) -> None:
    """The string that differs and the value of the program in which it is, not the first byte."""
    folder = write_project(tmp_path, project_that_says("echo this is $HOME"))
    error = failing(folder, ReproducibilityError, twice=True)
    assert re.fullmatch(r"the two builds differ, first in section \.data, at caml\w*Answer\w*", error.reason)
    first, second = (line.split(maxsplit=1)[1] for line in error.details[2:4])
    assert first.startswith("this is /") and first.endswith("/home")
    assert second.startswith("this is /") and second.endswith("/another-home")


def test_twice_finds_the_place_of_the_build(tmp_path: Path) -> None:
    folder = write_project(tmp_path, project_that_says("pwd"))
    error = failing(folder, ReproducibilityError, twice=True)
    assert error.place == "hello"


@pytest.mark.sandbox
def test_in_a_sandbox_the_place_of_the_build_is_always_the_same(tmp_path: Path) -> None:
    folder = write_project(tmp_path, project_that_says("pwd"))
    build_twice(folder, wishes("require"))
    assert subprocess.check_output([folder / "artefacts" / "hello"], text=True).startswith(
        "hello, /mono/build/"
    )
