"""Whatever became of the cache on disk: it is noticed and replaced, and the duniverse is what the lock says."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from monorepo.lock.model import LockedSource
from tests.faults.scene import Scene, finish, snapshot
from tests.faults.server import FaultyServer, body
from tests.faults.test_bad_servers import file_of
from tests.monorepo.fetch.sources import checksum, repository, run_git, source, tar

Damage = Callable[[Path, Path], None]
"""Damages what is at the first path; the second is outside of the cache, and nothing may change there."""


def kept(scene: Scene, server: FaultyServer, *names: str) -> dict[str, bytes | str]:
    """The cache knows a source of each name, and the project has none; the files that it is to have."""
    contents = {name: tar({"p/a": file_of(name)}, "w") for name in names}
    scene.lock(*(source(name, server.on(f"/{name}", body(one)), one) for name, one in contents.items()))
    new: dict[str, bytes | str] = {f"{name}/a": file_of(name) for name in names}
    scene.done(scene.pull(), new)
    shutil.rmtree(scene.duniverse)
    return new


def only(paths: list[Path]) -> Path:
    assert len(paths) == 1
    return paths[0]


def archive(scene: Scene, name: str) -> Path:
    digest = checksum(tar({"p/a": file_of(name)}, "w")).removeprefix("sha256=")
    return scene.cache / "archives/sha256" / digest[:2] / digest


def entry(scene: Scene, name: str) -> Path:
    """The prepared tree of the source of that name."""
    abouts = (scene.cache / "trees").glob("*/*/about.json")
    return only([path.parent for path in abouts if json.loads(path.read_bytes())["directory"] == name])


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


ARCHIVES: dict[str, Damage] = {
    one.__name__: one for one in (flipped, rotten, truncated, emptied, made_link, made_dangling)
}


def test_damaged_archives_are_fetched_again(scene: Scene, server: FaultyServer) -> None:
    new = kept(scene, server, *ARCHIVES)
    shutil.rmtree(scene.cache / "trees")
    for name, damage in ARCHIVES.items():
        damage(archive(scene, name), scene.outside)
    server.asked.clear()
    scene.done(scene.pull(), new)
    assert sorted(server.asked) == sorted(f"/{name}" for name in ARCHIVES)
    shutil.rmtree(scene.duniverse)
    shutil.rmtree(scene.cache / "trees")
    scene.done(scene.pull("--offline"), new)  # they were replaced


def test_a_folder_in_the_place_of_an_archive_is_told(scene: Scene, server: FaultyServer) -> None:
    """No pull made it, so no pull removes it."""
    new = kept(scene, server, "p")
    shutil.rmtree(scene.cache / "trees")
    made_folder(archive(scene, "p"), scene.outside)
    assert str(archive(scene, "p")) in scene.refused(scene.pull(), {})
    shutil.rmtree(archive(scene, "p"))
    scene.done(scene.pull(), new)


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
    "entry-made-file": ("", made_file),
    "entry-made-link": ("", made_link),
}


def test_damaged_trees_are_made_again(scene: Scene, server: FaultyServer) -> None:
    """From the archives in the cache, without the network."""
    new = kept(scene, server, *TREES)
    for (name, damage), found in [(TREES[case], entry(scene, case)) for case in TREES]:
        damage(found / name if name else found, scene.outside)
    server.asked.clear()
    scene.done(scene.pull(), new)
    assert server.asked == []
    shutil.rmtree(scene.duniverse)
    scene.done(scene.pull("--offline"), new)
    for case in TREES:
        assert {path.name for path in entry(scene, case).iterdir()} >= {"tree", "about.json"}


def test_bits_that_a_disk_lost_show_in_a_check(scene: Scene, server: FaultyServer) -> None:
    """Sizes and times do not tell of them, and reading every file at every pull would cost more than the pull."""
    kept(scene, server, "p")
    rotten(entry(scene, "p") / "tree/a", scene.outside)
    scene.done(scene.pull())
    outcome = scene.pull("--check")
    assert outcome.status == 1
    assert "duniverse/p" in outcome.stdout and "changed: a" in outcome.stdout


def test_notes_of_another_tree_are_held_against_the_lock(scene: Scene, server: FaultyServer) -> None:
    new = kept(scene, server, "p")
    notes_of_another(entry(scene, "p") / "about.json", scene.outside)
    outcome = scene.pull()
    if outcome.status:
        scene.refused(outcome, {})
    else:
        scene.done(outcome, new)


GIT: dict[str, Callable[[Path, Path], None]] = {
    "HEAD": lambda clone, outside: removed(clone / "HEAD", outside),
    "config": lambda clone, outside: emptied(clone / "config", outside),
    "config-garbage": lambda clone, _: (clone / "config").write_text("[core\n", encoding="utf-8"),
    "objects": lambda clone, outside: removed(clone / "objects", outside),
    "pack": lambda clone, outside: truncated(only(list(clone.glob("objects/pack/*.pack"))), outside),
    "pack-bits": lambda clone, outside: rotten(only(list(clone.glob("objects/pack/*.pack"))), outside),
    "index": lambda clone, outside: truncated(only(list(clone.glob("objects/pack/*.idx"))), outside),
    "no-pack": lambda clone, outside: removed(only(list(clone.glob("objects/pack/*.pack"))), outside),
    "refs": lambda clone, outside: removed(clone / "refs", outside),
    "shallow": lambda clone, _: (clone / "shallow").write_text("garbage\n", encoding="utf-8"),
    "lock-file": lambda clone, _: (clone / "shallow.lock").touch(),
    "file": made_file,
}


def test_damaged_clones_are_made_again(scene: Scene) -> None:
    heads = {
        name: repository(scene.outside / name, {"a": name.encode() * 90, "b/c": b"more\n"}) for name in GIT
    }
    scene.lock(
        *(
            LockedSource(name, f"git+{folder.as_uri()}", (name,), commit=run_git(folder, "rev-parse", "HEAD"))
            for name, folder in heads.items()
        )
    )
    new: dict[str, bytes | str] = {f"{name}/a": name.encode() * 90 for name in GIT}
    new |= {f"{name}/b/c": b"more\n" for name in GIT}
    scene.done(scene.pull(), new)
    shutil.rmtree(scene.duniverse)
    shutil.rmtree(scene.cache / "trees")
    for name, folder in heads.items():
        digest = hashlib.sha256(folder.as_uri().encode()).hexdigest()[:40]
        GIT[name](scene.cache / "git" / digest, scene.outside)
    scene.done(scene.pull(), new)
    shutil.rmtree(scene.duniverse)
    shutil.rmtree(scene.cache / "trees")
    scene.done(scene.pull("--offline"), new)


def test_an_edit_in_the_duniverse_does_not_reach_the_cache(scene: Scene, server: FaultyServer) -> None:
    """By an editor, which writes where it may, and by one that makes the file writable first."""
    new = kept(scene, server, "p")
    scene.done(scene.pull(), new)
    file = scene.duniverse / "p/a"
    file.unlink()
    file.write_bytes(b"edited\n")
    outcome = scene.pull()
    assert outcome.status == 1 and "changed by hand" in outcome.stderr
    assert file.read_bytes() == b"edited\n"
    scene.done(scene.pull("--force"), new)
    file.chmod(0o644)
    file.write_bytes(b"edited in place, perhaps in the cache as well\n")
    scene.done(scene.pull("--force"), new)
    other = Scene(scene.folder / "other")
    other.environment["MONO_CACHE"] = str(scene.cache)
    other.write_lock((scene.project / "mono.lock").read_text(encoding="utf-8"))
    assert finish(other.start()).status == 0
    assert snapshot(other.duniverse / "p").keys() == {"a"}
    assert (other.duniverse / "p/a").read_bytes() == file_of("p")
