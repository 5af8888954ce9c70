"""Hostile archives through a whole pull: each is refused with its reason, and nothing gets out."""

from __future__ import annotations

import re
import stat

from tests.faults.archives import Hostile, bombs, hostile_archives, odd_archives
from tests.faults.scene import OLD, Scene, snapshot
from tests.monorepo.fetch.sources import put, source


def refuse_all(scene: Scene, archives: dict[str, Hostile]) -> None:
    """One pull of all of them, and each is refused with its reason; the next good one goes through."""
    old = scene.with_old_duniverse()
    urls = {name: put(scene.outside, f"archives/{name}", one.content) for name, one in archives.items()}
    scene.lock(*(source(name, urls[name], one.content) for name, one in archives.items()))
    said = scene.refused(scene.pull(), old)
    told = said.splitlines()
    missing = []
    for name, one in archives.items():
        about = [line for line in told if line.strip().startswith(f"{name}: ")]
        if len(about) != 1 or not re.search(one.reason, about[0]):
            missing.append((name, one.reason, about))
    assert missing == []
    assert f"{len(archives)} sources could not be prepared" in told[0] or f"{len(archives)} sources" in said
    scene.lock(*scene.old_sources())
    scene.done(scene.pull(), {f"{name}/a": text for name, text in OLD.items()})
    assert snapshot(scene.duniverse) == old


def test_hostile_archives_are_refused(scene: Scene) -> None:
    refuse_all(scene, hostile_archives(scene.outside))


def test_bombs_are_refused_by_what_they_announce(scene: Scene) -> None:
    refuse_all(scene, bombs())


def test_odd_archives_pass(scene: Scene) -> None:
    scene.with_old_duniverse()
    archives = odd_archives()
    sources = [
        source(name, put(scene.outside, f"archives/{name}", content), content)
        for name, (content, _) in archives.items()
    ]
    scene.lock(*sources)
    expected = {
        f"{name}/{path}": text for name, (_, files) in archives.items() for path, text in files.items()
    }
    scene.done(scene.pull(), expected)
    for path in scene.duniverse.rglob("*"):
        about = path.lstat()
        if not path.is_symlink():
            assert stat.S_IMODE(about.st_mode) & 0o7022 == 0, path
            assert stat.S_IMODE(about.st_mode) & 0o444 == 0o444, path
    assert "up to date" in scene.done(scene.pull(), expected)
