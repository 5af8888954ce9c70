"""The cache of metadata saves work and never changes an answer."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from overlays.cache import MetadataCache
from overlays.errors import PackageUnreadable
from overlays.repository import Repository, open_archive, open_folder, open_git
from overlays.stack import RepositoryStack
from solver.package import Package
from tests.overlays.repositories import COMMIT, OPAM, TREE, GitTree, write_archive, write_tree

READABLE = [("a", "1.0"), ("a", "1.10"), ("a", "1.9~beta+x"), ("b", "2")]
LATER = 10**19  # any file of a test changed long before


def packages(repository: Repository) -> list[Package]:
    return [repository.package(name, version) for name, version in READABLE]


def cache_in(folder: Path) -> MetadataCache:
    return MetadataCache(folder / "metadata", clock=lambda: LATER)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", TREE)


def test_git_blobs_are_read_once(tmp_path: Path) -> None:
    objects = GitTree(TREE)
    expected = packages(open_git("r", objects, COMMIT))
    for reads in (len(READABLE), 0, 0):
        objects.read = 0
        repository = open_git("r", objects, COMMIT, cache_in(tmp_path))
        assert packages(repository) == expected
        assert objects.read == reads
        repository.save_cache()


def test_only_the_blobs_that_changed_are_read_at_another_commit(tmp_path: Path) -> None:
    before = open_git("r", GitTree(TREE), COMMIT, cache_in(tmp_path))
    packages(before)
    before.save_cache()
    objects = GitTree(TREE | {"packages/b.2/opam": f"{OPAM}flags: conf\n".encode()})
    after = open_git("r", objects, COMMIT, cache_in(tmp_path))
    assert packages(after) == [*packages(open_git("r", GitTree(TREE), COMMIT))[:3], after.package("b", "2")]
    assert after.package("b", "2").flags == {"conf"}
    assert objects.read == 1


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_a_warm_answer_is_the_cold_one(tmp_path: Path, tree: Path, form: str) -> None:
    def opened(cache: MetadataCache | None) -> Repository:
        if form == "folder":
            return open_folder("r", tree, cache)
        return open_archive("r", write_archive(tmp_path / "a.tar.gz", TREE), tmp_path / "snapshots", cache)

    cold = opened(None)
    expected = packages(cold)
    first = opened(cache_in(tmp_path))
    assert packages(first) == expected
    RepositoryStack((first,)).save_cache()
    warm = opened(cache_in(tmp_path))
    assert packages(warm) == expected
    assert warm.content_hash() == first.content_hash() == cold.content_hash()
    if form == "folder":
        consulted = warm.consulted()
        assert consulted is not None and consulted == first.consulted()


def test_a_file_of_the_same_size_and_time_is_seen_to_have_changed(tmp_path: Path, tree: Path) -> None:
    opam = tree / "packages/b.2/opam"
    opam.write_bytes(f"{OPAM}flags: conf\n".encode())
    times = opam.stat().st_atime_ns, opam.stat().st_mtime_ns
    first = open_folder("r", tree, cache_in(tmp_path))
    assert first.package("b", "2").flags == {"conf"}
    first.save_cache()
    before = opam.stat()
    while opam.stat().st_ctime_ns == before.st_ctime_ns:  # the clocks of file systems are coarse
        opam.write_bytes(f"{OPAM}flags: deps\n".encode())
        os.utime(opam, ns=times)
    after = opam.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
        before.st_size,
        before.st_mtime_ns,
        before.st_ino,
    )
    assert open_folder("r", tree, cache_in(tmp_path)).package("b", "2").flags == {"deps"}


def test_a_file_that_changed_a_moment_ago_is_not_kept(tmp_path: Path, tree: Path) -> None:
    opam = tree / "packages/b.2/opam"
    for age, kept in ((-5, False), (0, False), (1_999_999_999, False), (2_000_000_001, True)):
        clock = opam.stat().st_ctime_ns + age
        repository = open_folder("r", tree, MetadataCache(tmp_path / str(age), clock=lambda now=clock: now))
        repository.package("b", "2")
        repository.save_cache()
        assert (tmp_path / str(age)).exists() is kept


def test_unreadable_files_are_not_kept(tmp_path: Path, tree: Path) -> None:
    for _ in range(2):
        repository = open_folder("r", tree, cache_in(tmp_path))
        with pytest.raises(PackageUnreadable, match="in quotes"):
            repository.package("c", "1")
        repository.save_cache()


def kept_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "metadata").iterdir())


def test_repositories_do_not_share_what_is_theirs(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = write_tree(
            tmp_path / name, {"packages/a/a.1/opam": f'{OPAM}conflict-class: "{name}"\n'.encode()}
        )
        repository = open_folder(name, folder, cache_in(tmp_path))
        assert repository.package("a", "1").conflict_class == (name,)
        repository.save_cache()
    assert len(kept_files(tmp_path)) == 2


def saved(tmp_path: Path, tree: Path) -> Path:
    repository = open_folder("r", tree, cache_in(tmp_path))
    packages(repository)
    repository.save_cache()
    [place] = kept_files(tmp_path)
    return place


def test_damage_is_ignored_and_mended(tmp_path: Path, tree: Path) -> None:
    expected = packages(open_folder("r", tree))
    place = saved(tmp_path, tree)
    whole = place.read_bytes()
    head = whole.index(b"\n") + 1
    damages = [b"", b"\n", whole[:head], whole[: head + 20], whole[:-1], whole + b"x", b"\0" * len(whole)]
    damages += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 7)]
    damages += [whole.replace(b"cpython-311", b"cpython-399"), whole.replace(b"metadata 3", b"metadata 2")]
    for damaged in damages:
        assert damaged != whole
        place.write_bytes(damaged)
        repository = open_folder("r", tree, cache_in(tmp_path))
        assert packages(repository) == expected
        repository.save_cache()
        assert packages(open_folder("r", tree, cache_in(tmp_path))) == expected
        assert len(kept_files(tmp_path)) == 1


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, tree: Path) -> None:
    (tmp_path / "metadata").write_bytes(b"a file where the folder should be")
    repository = open_folder("r", tree, cache_in(tmp_path))
    assert packages(repository) == packages(open_folder("r", tree))
    repository.save_cache()


def test_what_two_processes_add_is_kept(tmp_path: Path) -> None:
    one, two = (open_git("r", GitTree(TREE), COMMIT, cache_in(tmp_path)) for _ in range(2))
    one.package("a", "1.0")
    two.package("b", "2")
    one.save_cache()
    two.save_cache()
    objects = GitTree(TREE)
    third = open_git("r", objects, COMMIT, cache_in(tmp_path))
    third.package("a", "1.0")
    third.package("b", "2")
    assert objects.read == 0


def test_writers_at_the_same_time_leave_a_whole_cache(tmp_path: Path, tree: Path) -> None:
    expected = packages(open_folder("r", tree))
    place = saved(tmp_path, tree)

    def work(number: int) -> None:
        for _ in range(20):
            repository = open_folder("r", tree, cache_in(tmp_path))
            assert packages(repository) == expected
            repository.save_cache()
            if number == 0:
                place.write_bytes(place.read_bytes()[:-9])  # as if a disk were failing meanwhile

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, range(3))) == [None] * 3
    assert kept_files(tmp_path) == [place]
