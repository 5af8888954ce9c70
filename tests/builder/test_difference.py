"""The first difference between two builds is named."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.artefacts import Artefact
from builder.difference import first_difference, require_identical
from builder.digest import file_digest
from builder.errors import ReproducibilityError
from tests.builder.projects import write_script


def artefact(folder: Path, name: str, content: bytes) -> Artefact:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return Artefact(name, folder / name, f"bin/{name}", len(content), file_digest(folder / name))


def compare(
    one: Sequence[Artefact], other: Sequence[Artefact], keep: Path, path: str = "/nonexistent"
) -> ReproducibilityError:
    """What is said of two builds that differ, with the programs in ``path``."""
    with pytest.raises(ReproducibilityError) as caught:
        require_identical(one, other, keep / "kept", {"PATH": path})
    return caught.value


def test_identical(tmp_path: Path) -> None:
    builds = [
        (artefact(tmp_path / place, "a", b"same"), artefact(tmp_path / place, "b", b"x")) for place in "12"
    ]
    require_identical(builds[0], builds[1], tmp_path / "kept", {})
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("one", "other", "offset"),
    [
        (b"same then A", b"same then B", 10),
        (b"short", b"short and long", 5),
        (b"", b"x", 0),
        (b"y" * 70_000 + b"1" + b"z" * 9, b"y" * 70_000 + b"2" + b"z" * 9, 70_000),
        (b"\x7fELF, but not really", b"\x7fELF, but not so", 14),
    ],
)
def test_where_in_any_file(one: bytes, other: bytes, offset: int, tmp_path: Path) -> None:
    error = compare([artefact(tmp_path / "1", "x", one)], [artefact(tmp_path / "2", "x", other)], tmp_path)
    assert error.place == "x"
    assert error.reason == f"the two builds differ, first at byte {offset}"
    assert len(error.details) == 4
    kept = [(tmp_path / "kept" / build / "x").read_bytes() for build in ("first", "second")]
    assert kept == [one, other]


def test_an_artefact_that_only_one_build_made(tmp_path: Path) -> None:
    a, b, c = (artefact(tmp_path / "1", name, b"") for name in "abc")
    for one, other, name in (([a, b], [a], "b"), ([a], [a, b], "b"), ([a, c], [b, c], "a")):
        error = compare(one, other, tmp_path)
        assert (error.place, error.reason) == (name, "only one of the two builds made it")


def program(folder: Path, text: str, *options: str) -> Artefact:
    """A C program, compiled."""
    folder.mkdir()
    (folder / "main.c").write_text(text, encoding="utf-8")
    command = ["cc", *options, "-Wl,--build-id", "-o", "program", "main.c"]
    subprocess.run(command, cwd=folder, check=True)
    return artefact(folder, "program", (folder / "program").read_bytes())


PROGRAM = """
#include <stdio.h>
const char made_by[] = "%s";
int factor = 2;
int twice(int number) { return factor * number + %d; }
int main(int count, char **words) { puts(made_by); return twice(count); }
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize(
    ("one", "other", "place", "first", "second"),
    [
        (
            ("by me, here", 0),
            ("by you, elsewhere", 0),
            ".rodata, at made_by",
            "by me, here",
            "by you, elsewhere",
        ),
        (("x" * 300, 0), ("x" * 299 + "y", 0), ".rodata, at made_by", "x" * 100 + "…", "x" * 100 + "…"),
        (("as ever", 1), ("as ever", 2), ".text, at twice", None, None),
    ],
)
def test_where_in_an_executable(
    one: tuple[str, int],
    other: tuple[str, int],
    place: str,
    first: str | None,
    second: str | None,
    tmp_path: Path,
) -> None:
    builds = [program(tmp_path / name, PROGRAM % which) for name, which in (("1", one), ("2", other))]
    error = compare(builds[:1], builds[1:], tmp_path)
    assert error.reason == f"the two builds differ, first in section {place}"
    if first is not None:
        assert error.details[2:4] == (f"first   {first}", f"second  {second}")
    assert error.details[4].startswith("differing too: .note.gnu.build-id")


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_a_folder_in_compressed_debug_information(tmp_path: Path) -> None:
    builds = [program(tmp_path / name, PROGRAM % ("", 0), "-g", "-gz") for name in ("1", "2")]
    error = compare(builds[:1], builds[1:], tmp_path)
    assert "first in section .debug_" in error.reason
    assert error.details[2:4] == (f"first   {tmp_path / '1'}", f"second  {tmp_path / '2'}")


def test_diffoscopes_report_is_kept(tmp_path: Path) -> None:
    tools = write_script(
        tmp_path / "tools", "diffoscope", '[ "$1" = --text ] && cat "$3" "$4" >"$2"; exit 1'
    ).parent
    builds = [[artefact(tmp_path / place, "x", place.encode())] for place in "12"]
    error = compare(builds[0], builds[1], tmp_path, f"{tools}:/usr/bin:/bin")
    assert "and diffoscope's report is x.diffoscope.txt" in error.hint
    assert (tmp_path / "kept" / "x.diffoscope.txt").read_text() == "12"


def test_a_diffoscope_that_fails_is_not_missed(tmp_path: Path) -> None:
    tools = write_script(tmp_path / "tools", "diffoscope", "exit 2").parent
    builds = [[artefact(tmp_path / place, "x", place.encode())] for place in "12"]
    assert "diffoscope's report" not in compare(builds[0], builds[1], tmp_path, f"{tools}:/usr/bin:/bin").hint


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_first_difference_is_the_length_of_the_common_start(
    tmp_path_factory: pytest.TempPathFactory, one: bytes, other: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "one").write_bytes(one)
    (folder / "other").write_bytes(other)
    if one != other:
        assert first_difference(folder / "one", folder / "other") == len(os.path.commonprefix([one, other]))  # noqa: RUF071
