"""The first difference between two builds is named."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.artefacts import Artefact
from builder.difference import first_difference, require_identical
from builder.digest import file_digest
from builder.errors import ReproducibilityError


def artefact(folder: Path, name: str, content: bytes) -> Artefact:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return Artefact(name, folder / name, f"bin/{name}", len(content), file_digest(folder / name))


def test_identical(tmp_path: Path) -> None:
    builds = [
        (artefact(tmp_path / place, "a", b"same"), artefact(tmp_path / place, "b", b"x")) for place in "12"
    ]
    require_identical(builds[0], builds[1], os.environ)


@pytest.mark.parametrize(
    ("one", "other", "offset"),
    [
        (b"same then A", b"same then B", 10),
        (b"short", b"short and long", 5),
        (b"", b"x", 0),
        (b"y" * 70_000 + b"1" + b"z" * 9, b"y" * 70_000 + b"2" + b"z" * 9, 70_000),
    ],
)
def test_where(one: bytes, other: bytes, offset: int, tmp_path: Path) -> None:
    first, second = artefact(tmp_path / "1", "x", one), artefact(tmp_path / "2", "x", other)
    with pytest.raises(ReproducibilityError, match=f"first at byte {offset}$") as caught:
        require_identical([first], [second], os.environ)
    assert caught.value.place == "x"
    assert len(caught.value.details) == 4


def test_an_artefact_that_only_one_build_made(tmp_path: Path) -> None:
    a, b, c = (artefact(tmp_path / "1", name, b"") for name in "abc")
    for one, other, name in (([a, b], [a], "b"), ([a], [a, b], "b"), ([a, c], [b, c], "a")):
        with pytest.raises(ReproducibilityError, match="only one of the two") as caught:
            require_identical(one, other, os.environ)
        assert caught.value.place == name


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
def test_names_the_section_of_an_executable(tmp_path: Path) -> None:
    content = Path("/bin/sh").resolve().read_bytes()
    where = content.index(b"/bin/sh") if b"/bin/sh" in content else content.rindex(b"PATH")
    changed = content[:where] + b"?" + content[where + 1 :]
    first, second = artefact(tmp_path / "1", "sh", content), artefact(tmp_path / "2", "sh", changed)
    with pytest.raises(ReproducibilityError) as caught:
        require_identical([first], [second], os.environ)
    assert re.search(rf"first at byte {where} \(section \.rodata\S*\)", caught.value.reason)


@given(st.binary(max_size=20), st.binary(max_size=20))
def testfirst_difference_is_the_length_of_the_common_start(
    tmp_path_factory: pytest.TempPathFactory, one: bytes, other: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "one").write_bytes(one)
    (folder / "other").write_bytes(other)
    if one != other:
        assert first_difference(folder / "one", folder / "other") == len(os.path.commonprefix([one, other]))  # noqa: RUF071
