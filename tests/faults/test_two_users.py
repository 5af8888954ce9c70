"""A cache that another user made: it is told whose it is, once, and nothing is half done."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache

import pytest

from tests.faults.scene import Scene, snapshot
from tests.monorepo.fetch.sources import put, source, tar, vendored
from tests.support.places import program

OTHER = 65534
_AS_OTHER = (
    *("setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups", "--no-new-privs"),
    # What root alone may read (its home, perhaps with this very Python in it) may be read, and not written.
    *("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"),
)


@cache
def lacking() -> str | None:
    """Why nobody can be another user here; None where one can."""
    if os.geteuid() != 0:
        return "only root can become another user"
    if shutil.which("setpriv") is None:
        return "setpriv is not installed"
    done = subprocess.run((*_AS_OTHER, "true"), capture_output=True, encoding="utf-8", check=False)
    return None if done.returncode == 0 else f"this machine does not allow it: {done.stderr.strip()}"


@pytest.fixture
def others(scene: Scene) -> Scene:
    """A scene whose cache root has used; the project, without a duniverse, is of another user, who goes on."""
    if reason := lacking():
        pytest.skip(reason)
    contents = {name: tar({"p/a": name.encode()}) for name in ("one", "two", "three")}
    urls = {name: put(scene.outside, f"{name}.tgz", content) for name, content in contents.items()}
    scene.lock(*(source(name, urls[name], content) for name, content in contents.items()))
    scene.done(scene.pull())
    shutil.rmtree(scene.duniverse)
    for place in (scene.project, scene.folder / "home", scene.folder / "tmp", *scene.project.rglob("*")):
        os.chown(place, OTHER, OTHER)
    scene.command = _AS_OTHER
    scene.look_around()
    return scene


def refused(scene: Scene) -> None:
    before = snapshot(scene.cache)
    said = scene.refused(scene.pull(), {}).splitlines()
    said = said[next(number for number, line in enumerate(said) if line.startswith("error:")) :]
    assert said == [
        f"error: {scene.cache}: some of this cache is root's, and a cache is for one user",
        "hint: set MONO_CACHE to a folder of your own, or have all of it made yours with chown -R",
    ]
    assert snapshot(scene.cache) == before


def test_a_cache_of_another_user(others: Scene) -> None:
    refused(others)


def test_a_cache_in_which_everybody_may_write_but_for_what_others_put_there(others: Scene) -> None:
    for folder in (others.cache, *(path for path in others.cache.iterdir() if path.is_dir())):
        folder.chmod(0o777)
    for entry in (others.cache / "trees").glob("*/*"):
        shutil.rmtree(entry)
    refused(others)


def test_a_cache_of_ones_own(others: Scene) -> None:
    own = others.folder / "home/cache"
    others.environment["MONO_CACHE"] = str(own)
    outcome = others.pull()
    assert outcome.status == 0, outcome
    assert vendored(others.project) == {f"{name}/a": name.encode() for name in ("one", "two", "three")}
    assert own.stat().st_uid == OTHER


def test_what_nobody_may_write_is_told_as_it_is(others: Scene) -> None:
    """A cache that is not there yet belongs to nobody."""
    closed = others.folder / "closed"
    closed.mkdir(mode=0o755)
    others.environment["MONO_CACHE"] = str(closed / "cache")
    others.look_around()
    said = others.refused(others.pull(), {})
    assert f"{closed / 'cache'}" in said and "the cache cannot be used: Permission denied" in said


def test_removing_from_it_is_its_users_alone(others: Scene) -> None:
    before = snapshot(others.cache)
    done = subprocess.run(
        (*others.command, program("mono"), "cache", "prune", "--all"),
        env={**os.environ, "MONO_CACHE": str(others.cache)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1 and "some of this cache is root's" in done.stderr
    assert snapshot(others.cache) == before
