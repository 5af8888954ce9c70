"""Several pulls at once: on one project, and on one cache, also where one of them is killed."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from pathlib import Path

from tests.faults.generations import generations, shared_or_not, sources_of
from tests.faults.scene import Scene, finish, leftovers, snapshot, until
from tests.faults.server import FaultyServer, dripping
from tests.monorepo.fetch.sources import source, tar

COUNT, FILES = 8, 10


def until_it_makes(scene: Scene, process: subprocess.Popen[str]) -> None:
    """Wait until a pull is making the new duniverse; a quick one may be through with it on a busy machine."""
    until(lambda: (scene.project / ".duniverse.new").exists() or process.poll() is not None)


def test_pulls_of_one_project_wait_for_each_other(tmp_path: Path, server: FaultyServer) -> None:
    made = generations(tmp_path / "scene", server, COUNT, FILES)
    made.forget()
    made.choose(1)
    server.asked.clear()
    outcomes = [finish(process) for process in [made.scene.start() for _ in range(3)]]
    assert [outcome.status for outcome in outcomes] == [0, 0, 0], outcomes
    assert made.standing() == 1
    assert len(server.asked) == len(set(server.asked))  # nothing was fetched twice
    assert sum("up to date" in outcome.stderr for outcome in outcomes) == 2


def test_a_pull_that_waits_takes_over_from_one_that_is_killed(tmp_path: Path, server: FaultyServer) -> None:
    made = generations(tmp_path / "scene", server, COUNT, FILES)
    made.forget()
    made.choose(1)
    first = made.scene.start()
    until_it_makes(made.scene, first)
    second = made.scene.start()
    assert second.stderr is not None
    time.sleep(0.3)
    first.kill()
    finish(first)
    outcome = finish(second)
    assert outcome.status == 0, outcome
    assert made.standing() == 1
    made.scene.done(made.scene.pull())


def test_projects_share_a_cache(tmp_path: Path, server: FaultyServer) -> None:
    """Four pulls with one empty cache, one of which is killed; then its own goes through as well."""
    sources = sources_of(server, 0, COUNT, FILES)
    scenes = [Scene(tmp_path / str(number)) for number in range(4)]
    for scene in scenes:
        scene.environment["MONO_CACHE"] = str(tmp_path / "cache")
        scene.lock(*sources)
    processes = [scene.start() for scene in scenes]
    until(lambda: len(server.asked) > 2)
    processes[0].kill()
    outcomes = [finish(process) for process in processes]
    assert [outcome.status for outcome in outcomes[1:]] == [0, 0, 0], outcomes
    assert scenes[0].pull().status == 0
    trees = [shared_or_not(snapshot(scene.duniverse)) for scene in scenes]
    assert all(tree == trees[0] for tree in trees)
    assert leftovers(tmp_path / "cache") == []


def test_one_pull_does_not_wait_for_another_project_without_need(scene: Scene, server: FaultyServer) -> None:
    """While one waits for a slow server, another with other sources goes through with the same cache."""
    slow = tar({"p/a": random.Random(1).randbytes(2000)}, "w")
    scene.lock(source("slow", server.on("/slow", dripping(server, slow, 0.05)), slow))
    process = scene.start()
    until(lambda: server.asked == ["/slow"])
    other = Scene(scene.folder.parent / "other")
    other.environment["MONO_CACHE"] = str(scene.cache)
    other.lock(*sources_of(server, 0, 3, 3))
    assert other.pull(timeout=30).status == 0
    assert process.poll() is None
    process.kill()
    finish(process)


def test_the_cache_may_vanish_while_it_is_used(tmp_path: Path, server: FaultyServer) -> None:
    """Somebody removes all of it in the middle: the pull fails well or ends well, the next one goes through."""
    made = generations(tmp_path / "scene", server, COUNT, FILES)
    made.choose(1)
    shutil.rmtree(made.scene.cache / "trees")
    process = made.scene.start()
    until_it_makes(made.scene, process)
    made.forget()
    outcome = finish(process)
    assert outcome.status in (0, 1) and "Traceback" not in outcome.stderr, outcome
    assert made.standing() == (1 if outcome.status == 0 else 0)
    made.scene.done(made.scene.pull())
    assert made.standing() == 1
    state = json.loads((made.scene.duniverse / ".mono.json").read_text(encoding="utf-8"))
    assert len(state["directories"]) == COUNT + 1
