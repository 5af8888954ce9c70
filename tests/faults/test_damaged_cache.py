"""Whatever became of the cache on disk: it is noticed and replaced, and the duniverse is what the lock says."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from monorepo.lock.model import LockedSource
from tests.faults.scene import Scene, finish, snapshot
from tests.faults.server import FaultyServer, body
from tests.faults.test_bad_servers import content_of, file_of
from tests.monorepo.fetch.sources import repository, run_git, source

Damage = Callable[[Path, Path], None]
"""Damages what is at the first path; the second is outside of the cache, and nothing may change there."""

NEW: dict[str, bytes | str] = {"p/a": file_of("p")}


def kept(scene: Scene, server: FaultyServer) -> None:
    """The cache knows a source, and the project has not got it."""
    content = content_of("p")
    scene.lock(source("p", server.on("/p", body(content)), content))
    scene.done(scene.pull(), NEW)
    shutil.rmtree(scene.duniverse)


def only(paths: list[Path]) -> Path:
    assert len(paths) == 1
    return paths[0]


def archive(scene: Scene) -> Path:
    return only([path for path in (scene.cache / "archives").rglob("*") if path.is_file()])


def entry(scene: Scene) -> Path:
    """The prepared tree."""
    return only(list((scene.cache / "trees").glob("*/*")))


def flipped(path: Path, _: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)


def rotten(path: Path, outside: Path) -> None:
    """As a disk does it: neither size nor time nor mode tells."""
    about = path.stat()
    flipped(path, outside)
    path.chmod(about.st_mode)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def truncated(path: Path, _: Path) -> None:
    path.chmod(0o644)
    os.truncate(path, 10)


def emptied(path: Path, _: Path) -> None:
    path.chmod(0o644)
    os.truncate(path, 0)


def removed(path: Path, _: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def made_folder(path: Path, _: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "x").write_bytes(b"x")


def made_link(path: Path, outside: Path) -> None:
    removed(path, outside)
    path.symlink_to(outside / "canary")


def made_dangling(path: Path, outside: Path) -> None:
    removed(path, outside)
    path.symlink_to("nowhere")


def made_file(path: Path, outside: Path) -> None:
    removed(path, outside)
    path.write_bytes(b"a file\n")


def unreadable(path: Path, _: Path) -> None:
    path.chmod(0)


@pytest.mark.parametrize(
    "damage", [flipped, rotten, truncated, emptied, made_link, made_dangling, made_folder]
)
def test_a_damaged_archive_is_fetched_again(scene: Scene, server: FaultyServer, damage: Damage) -> None:
    kept(scene, server)
    shutil.rmtree(scene.cache / "trees", ignore_errors=True)
    damage(archive(scene), scene.outside)
    server.asked.clear()
    outcome = scene.pull()
    if damage is made_folder and outcome.status:  # no pull made it, so no pull removes it
        said = scene.refused(outcome, {})
        assert "archives" in said
        return
    scene.done(outcome, NEW)
    assert server.asked == ["/p"]
    shutil.rmtree(scene.duniverse)
    scene.done(scene.pull("--offline"), NEW)  # it was replaced


def in_tree(name: str) -> Callable[[Scene], Path]:
    return lambda scene: entry(scene) / name


def about_changed(text: str) -> Damage:
    def change(path: Path, _: Path) -> None:
        path.chmod(0o644)
        path.write_text(text, encoding="utf-8")

    return change


def file_added(path: Path, _: Path) -> None:
    path.chmod(0o755)
    (path / "evil").write_bytes(b"evil\n")


def link_added(path: Path, outside: Path) -> None:
    path.chmod(0o755)
    (path / "evil").symlink_to(outside)


def notes_of_another(path: Path, _: Path) -> None:
    """Notes that fit what is there, but it is not what the source is."""
    notes = json.loads(path.read_text(encoding="utf-8"))
    notes["digest"] = f"sha256:{'0' * 64}"
    path.write_text(json.dumps(notes), encoding="utf-8")


TREES: dict[str, tuple[str, Damage]] = {
    "file-changed": ("tree/a", flipped),
    "file-truncated": ("tree/a", truncated),
    "file-removed": ("tree/a", removed),
    "file-made-link": ("tree/a", made_link),
    "file-made-folder": ("tree/a", made_folder),
    "file-added": ("tree", file_added),
    "link-added": ("tree", link_added),
    "executable": ("tree/a", lambda path, _: path.chmod(0o555)),
    "tree-removed": ("tree", removed),
    "tree-made-file": ("tree", made_file),
    "tree-made-link": ("tree", made_link),
    "notes-removed": ("about.json", removed),
    "notes-empty": ("about.json", emptied),
    "notes-garbage": ("about.json", about_changed("\0{not json")),
    "notes-list": ("about.json", about_changed("[1, 2]")),
    "notes-other-types": (
        "about.json",
        about_changed('{"format": 1, "digest": 3, "stamp": [], "shown": "x"}'),
    ),
    "notes-of-future": ("about.json", about_changed('{"format": 99}')),
    "notes-folder": ("about.json", made_folder),
    "entry-made-file": (".", made_file),
    "entry-made-link": (".", made_link),
}


@pytest.mark.parametrize("case", TREES)
def test_a_damaged_tree_is_made_again(scene: Scene, server: FaultyServer, case: str) -> None:
    """From the archive in the cache, without the network."""
    kept(scene, server)
    name, damage = TREES[case]
    damage(entry(scene) / name if name != "." else entry(scene), scene.outside)
    server.asked.clear()
    scene.done(scene.pull(), NEW)
    assert server.asked == []
    shutil.rmtree(scene.duniverse)
    scene.done(scene.pull("--offline"), NEW)
    assert {path.name for path in entry(scene).iterdir()} >= {"tree", "about.json"}


@pytest.mark.parametrize(("name", "damage"), [("tree/a", rotten), ("about.json", notes_of_another)])
def test_what_cannot_be_told_by_looking_is_held_against_the_lock(
    scene: Scene, server: FaultyServer, name: str, damage: Damage
) -> None:
    """Bits that a disk lost show in the tree's digest alone, which the lock records."""
    kept(scene, server)
    damage(entry(scene) / name, scene.outside)
    outcome = scene.pull()
    if outcome.status == 0:
        scene.done(outcome, NEW)
    else:
        scene.refused(outcome, {})


GIT: dict[str, Callable[[Path, Path], None]] = {
    "HEAD": lambda clone, outside: removed(clone / "HEAD", outside),
    "config": lambda clone, outside: emptied(clone / "config", outside),
    "config-garbage": lambda clone, _: (clone / "config").write_text("[core\n", encoding="utf-8"),  # type: ignore[func-returns-value]
    "objects": lambda clone, outside: removed(clone / "objects", outside),
    "pack": lambda clone, outside: truncated(only(list(clone.glob("objects/pack/*.pack"))), outside),
    "pack-bits": lambda clone, outside: rotten(only(list(clone.glob("objects/pack/*.pack"))), outside),
    "index": lambda clone, outside: truncated(only(list(clone.glob("objects/pack/*.idx"))), outside),
    "no-pack": lambda clone, outside: removed(only(list(clone.glob("objects/pack/*.pack"))), outside),
    "refs": lambda clone, outside: removed(clone / "refs", outside),
    "shallow": lambda clone, _: (clone / "shallow").write_text("garbage\n", encoding="utf-8"),  # type: ignore[func-returns-value]
    "lock-file": lambda clone, _: (clone / "shallow.lock").touch(),
    "file": made_file,
}


@pytest.mark.parametrize("case", GIT)
def test_a_damaged_clone_is_made_again(scene: Scene, case: str) -> None:
    upstream = repository(scene.outside / "upstream", {"a": b"of git\n" * 50, "b/c": b"more\n"})
    head = run_git(upstream, "rev-parse", "HEAD")
    scene.lock(LockedSource("g", f"git+{upstream.as_uri()}", ("g",), commit=head))
    new: dict[str, bytes | str] = {"g/a": b"of git\n" * 50, "g/b/c": b"more\n"}
    scene.done(scene.pull(), new)
    shutil.rmtree(scene.duniverse)
    shutil.rmtree(scene.cache / "trees", ignore_errors=True)
    clone = only([path for path in (scene.cache / "git").iterdir() if path.is_dir()])
    GIT[case](clone, scene.outside)
    scene.done(scene.pull(), new)
    shutil.rmtree(scene.duniverse)
    shutil.rmtree(scene.cache / "trees", ignore_errors=True)
    scene.done(scene.pull("--offline"), new)


def test_an_edit_in_the_duniverse_does_not_reach_the_cache(scene: Scene, server: FaultyServer) -> None:
    """By an editor, which writes where it may, and by one that makes the file writable first."""
    kept(scene, server)
    scene.done(scene.pull(), NEW)
    file = scene.duniverse / "p/a"
    file.unlink()
    file.write_bytes(b"edited\n")
    outcome = scene.pull()
    assert outcome.status == 1 and "changed by hand" in outcome.stderr
    assert file.read_bytes() == b"edited\n"
    scene.done(scene.pull("--force"), NEW)
    file.chmod(0o644)
    file.write_bytes(b"edited in place, perhaps in the cache as well\n")
    scene.done(scene.pull("--force"), NEW)
    other = Scene(scene.folder / "other")
    other.environment["MONO_CACHE"] = str(scene.cache)
    other.write_lock((scene.project / "mono.lock").read_text(encoding="utf-8"))
    assert finish(other.start()).status == 0
    assert snapshot(other.duniverse / "p").keys() == {"a"}
    assert (other.duniverse / "p/a").read_bytes() == file_of("p")
