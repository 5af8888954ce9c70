"""Several repositories as if they were one."""

from __future__ import annotations

from pathlib import Path

import pytest

from overlays.errors import PackageUnreadable
from overlays.repository import open_folder, open_git
from overlays.stack import RepositoryStack
from solver.version import Version
from tests.overlays.repositories import COMMIT, OPAM, GitTree, write_tree

FIRST = {
    "packages/a/a.1.0+dune/opam": f'{OPAM}synopsis: "first"\n'.encode(),
    "packages/a/a.2/opam": f'{OPAM}synopsis: "first"\n'.encode(),
    "packages/a/a.2/files/x": b"first",
    "packages/a/a.3.00/opam": f'{OPAM}synopsis: "first"\n'.encode(),
    "packages/broken/broken.1/opam": b"depends: 1",
}
SECOND = {
    "packages/a/a.2/opam": f'{OPAM}synopsis: "second"\n'.encode(),
    "packages/a/a.2/files/x": b"second",
    "packages/a/a.3.0/opam": f'{OPAM}synopsis: "second"\n'.encode(),
    "packages/a/a.3/opam": f'{OPAM}synopsis: "second"\n'.encode(),
    "packages/a/a.10/opam": f'{OPAM}synopsis: "second"\n'.encode(),
    "packages/b/b.1.0/opam": f'{OPAM}synopsis: "1.0"\n'.encode(),
    "packages/b/b.1.00/opam": f'{OPAM}synopsis: "1.00"\n'.encode(),
    "packages/broken/broken.1/opam": OPAM.encode(),
    "packages/broken/broken.2/opam": OPAM.encode(),
}


@pytest.fixture
def stack(tmp_path: Path) -> RepositoryStack:
    first = open_folder("first", write_tree(tmp_path, FIRST))
    return RepositoryStack((first, open_git("second", GitTree(SECOND), COMMIT)))


def listed(stack: RepositoryStack, name: str) -> list[tuple[str, str]]:
    return [(version.text, repository.name) for version, repository in stack.versions(name)]


def test_versions_newest_first_and_the_first_repository_wins(stack: RepositoryStack) -> None:
    assert listed(stack, "a") == [
        ("10", "second"),
        ("3.00", "first"),
        ("3", "second"),
        ("2", "first"),
        ("1.0+dune", "first"),
    ]
    assert stack.opam_file("a", "2").string("synopsis") == "first"
    assert stack.package("a", Version.parse("2")).repository == "first"
    assert stack.package("a", "10").repository == "second"
    assert stack.extra_file("a", "2", "x") == b"first"


def test_which_repository_is_beneath(stack: RepositoryStack) -> None:
    assert stack.beneath("a", "first") == "second"
    assert stack.beneath("a", "second") is None
    assert stack.beneath("b", "first") == "second"
    assert stack.beneath("nobody's", "first") is None


def test_versions_that_opam_does_not_order_are_one(stack: RepositoryStack) -> None:
    assert listed(stack, "b") == [("1.0", "second")]
    assert stack.package("b", "1.00") is stack.package("b", "1.0")
    assert stack.opam_file("b", "1.00").string("synopsis") == "1.0"
    assert stack.package("a", "3.0").version.text == "3.00"


def test_names(stack: RepositoryStack) -> None:
    assert stack.names() == ("a", "b", "broken")
    assert stack.versions("absent") == ()


def test_a_broken_file_hides_that_version_and_no_other(stack: RepositoryStack) -> None:
    assert listed(stack, "broken") == [("2", "second"), ("1", "first")]
    with pytest.raises(PackageUnreadable) as caught:
        stack.package("broken", "1")
    assert str(caught.value) == (
        "broken.1 in first: packages/broken/broken.1/opam:1:10: expected the name of a package, in quotes"
    )
    assert stack.package("broken", "2").repository == "second"


def test_an_unknown_version_is_told(stack: RepositoryStack) -> None:
    for name, version in (("a", "4"), ("absent", "1")):
        with pytest.raises(PackageUnreadable, match="no repository has it"):
            stack.package(name, version)
