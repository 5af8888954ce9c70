"""The real opam-repository and its overlays: every file parses, prints back, and means one thing however read."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from overlays.formulas import formula_by_tree, read_filter, read_formula
from overlays.opam_file import OpamFile, read_package, read_preparation
from overlays.repository import Repository, open_archive
from overlays.syntax.outline import is_section, split_items
from overlays.syntax.parser import parse_items, parse_value
from overlays.syntax.tree import print_value
from solver.formula import AllOf

pytestmark = [pytest.mark.long, pytest.mark.shared]

ARCHIVES = {
    "opam-repository-2026-08-22.tar.xz": 18_793,
    "opam-overlays-2026-07-15.tar.xz": 160,
    "mirage-opam-overlays-2024-03-20.tar.xz": 1,
}


@pytest.fixture(scope="module", params=ARCHIVES)
def repository(
    request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Repository:
    archive = shared / "data" / request.param
    return open_archive(request.param, archive, tmp_path_factory.mktemp("snapshots"))


def identities(repository: Repository) -> Iterator[tuple[str, str]]:
    return ((name, version) for name in repository.names() for version in repository.versions(name))


def test_every_file_parses_and_prints_back(repository: Repository) -> None:
    count = 0
    for name, version in identities(repository):
        file = repository.opam_file(name, version)
        text = str(file)
        count += 1
        items, after = split_items(text)
        assert (items, after) == parse_items(text), file.place
        assert "".join("".join(item) for item in items) + after == text
        for item in items:
            if not is_section(item):
                assert print_value(parse_value(item[3])) == item[3], (file.place, item[1])
        for kind in ("url", "extra-source"):
            for _, section in file.sections(kind):
                section.check()
    assert count >= ARCHIVES[repository.name]


def test_every_file_means_the_same_by_the_fast_way_and_by_the_parser(repository: Repository) -> None:
    for name, version in identities(repository):
        file = repository.opam_file(name, version)
        depends = file.raw("depends")
        if depends is not None:
            assert read_formula(depends) == formula_by_tree(depends, AllOf), file.place
        read_package(file, name, version)
        for _, condition, text in read_preparation(file).depexts:
            assert (None if condition is None else read_filter(text)) == condition, file.place


def test_an_archive_is_packed_in_little_memory(shared: Path, tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        open_archive("opam", shared / "data" / "opam-repository-2026-08-22.tar.xz", tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 << 20


def test_the_file_as_read_is_the_file_as_parsed(repository: Repository) -> None:
    name = repository.names()[0]
    version = repository.versions(name)[0]
    text = str(repository.opam_file(name, version))
    assert str(OpamFile.parse(text)) == text
