"""No space, no permission, no folder: what cannot be written is told, and the old duniverse stands."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.namespace import own_mounts, read_only, resize, small
from tests.faults.scene import OLD, Scene, leftovers
from tests.monorepo.fetch.sources import put, source, tar

TEXT = {f"p{number}": random.Random(number).randbytes(400_000) for number in range(6)}
NEW: dict[str, bytes | str] = {f"{name}/a": text for name, text in TEXT.items()}
HAS = {f"{name}/a": text for name, text in OLD.items()}


@pytest.fixture
def mounts() -> Iterator[None]:
    with own_mounts():
        yield


def lock_big(scene: Scene) -> None:
    """2.4 MB of archives that become as much of files."""
    contents = {name: tar({"p/a": text}, "w") for name, text in TEXT.items()}
    urls = {name: put(scene.outside, f"new/{name}.tar", content) for name, content in contents.items()}
    scene.lock(*(source(name, urls[name], content) for name, content in contents.items()))


FULL = {"cache": "scene/cache", "project": "scene/project", "both": "scene"}


@pytest.mark.long
@pytest.mark.parametrize("size", ["200k", "1m", "2600k"])
@pytest.mark.parametrize("where", FULL)
def test_a_full_disk(tmp_path: Path, mounts: None, where: str, size: str) -> None:
    """Whatever is full, and whenever it is: the old duniverse stands, or the new one is whole."""
    full = tmp_path / FULL[where]
    small(full, "64m")
    scene = Scene(tmp_path / "scene")
    old = scene.with_old_duniverse()
    lock_big(scene)
    left = int(size[:-1]) * {"k": 1, "m": 1024}[size[-1]]
    resize(full, f"{shutil.disk_usage(full).used // 1024 + left}k")
    outcome = scene.pull()
    if outcome.status == 0:
        scene.done(outcome, NEW)
    else:
        said = scene.refused(outcome, old)
        assert "No space left on device" in said
    resize(full, "64m")
    scene.done(scene.pull(), NEW)


@pytest.mark.parametrize("where", ["cache", "project"])
def test_a_folder_that_cannot_be_written(scene: Scene, mounts: None, where: str) -> None:
    old = scene.with_old_duniverse()
    lock_big(scene)
    with read_only(scene.folder / where):
        said = scene.refused(scene.pull(), old)
    assert "Read-only file system" in said
    assert (".duniverse.new" if where == "project" else str(scene.cache)) in said
    scene.done(scene.pull(), NEW)


def test_a_disk_that_is_full_from_the_start(tmp_path: Path, mounts: None) -> None:
    small(tmp_path / "scene/cache", "64k")
    scene = Scene(tmp_path / "scene")
    lock_big(scene)
    said = scene.refused(scene.pull(), {})
    assert "No space left on device" in said and "hint: " in said
    resize(scene.cache, "64m")
    scene.done(scene.pull(), NEW)


def test_what_is_there_needs_no_writing(scene: Scene, mounts: None) -> None:
    """With nothing to do, nothing is written, so a read-only project or cache is none of a pull's concern."""
    scene.with_old_duniverse()
    with read_only(scene.project), read_only(scene.cache):
        assert "up to date" in scene.done(scene.pull(), HAS)


@pytest.mark.parametrize("room", ["", "archives", "trees", "incoming", "git"])
def test_a_file_where_the_cache_should_be(scene: Scene, room: str) -> None:
    """The cache, or a folder of it, is a file: somebody's, so it stays."""
    old = scene.with_old_duniverse()
    lock_big(scene)
    where = scene.cache / room
    shutil.rmtree(where, ignore_errors=True)
    where.write_bytes(b"somebody's\n")
    outcome = scene.pull()
    assert where.read_bytes() == b"somebody's\n"
    if room == "git":  # nothing is from git
        scene.done(outcome, NEW)
        return
    assert str(where) in scene.refused(outcome, old)
    where.unlink()
    scene.done(scene.pull(), NEW)
    assert leftovers(scene.cache) == []


def test_a_duniverse_that_is_no_folder(scene: Scene) -> None:
    scene.lock(*scene.old_sources())
    scene.duniverse.write_bytes(b"somebody's\n")
    outcome = scene.pull()
    assert outcome.status == 1 and "it is a file, which is not mono's to replace" in outcome.stderr
    assert scene.duniverse.read_bytes() == b"somebody's\n"
    scene.duniverse.unlink()
    scene.duniverse.symlink_to(scene.outside)
    outcome = scene.pull("--force")
    assert outcome.status == 1 and "it is a symbolic link, which is not mono's to replace" in outcome.stderr
    scene.duniverse.unlink()
    scene.done(scene.pull(), HAS)
