"""A pull that is ended at any moment leaves the old duniverse or the new one, and the next one goes through."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.generations import Generations, generations
from tests.faults.scene import Scene, finish, snapshot, until
from tests.faults.server import FaultyServer, body, dripping, hanging
from tests.monorepo.fetch.sources import checksum, source, tar

AROUND = {"duniverse", "mono.lock", "own.ml"}
OWN = {".duniverse.new", ".duniverse.old"}
"""What a killed pull may leave in the project's folder for the next one to clear away."""


def in_project(scene: Scene) -> set[str]:
    return {path.name for path in scene.project.iterdir()}


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that a pull has started; none once it has ended."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(number) for number in children.read_text().split()]
    return []


def prepares(cache: Path) -> bool:
    """Whether a worker is writing a tree, which may have moved to its place before it is looked into."""
    with contextlib.suppress(FileNotFoundError):
        return any(cache.glob("incoming/tree-*/*"))
    return False


def has_come(cache: Path, content: bytes) -> bool:
    """Whether a part of an archive is there, with something in it."""
    part = cache / "incoming" / f"{checksum(content).replace('=', '-')}.part"
    return part.exists() and part.stat().st_size > 0


def forget_some(made: Generations, chosen: random.Random) -> None:
    """Remove some of what the cache has, as if it had been pruned."""
    for kind in ("archives/sha256", "trees"):
        for entry in sorted((made.scene.cache / kind).glob("*/*")):
            if chosen.random() < 0.5:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def at_the_exchange(scene: Scene, process: subprocess.Popen[str], seconds: float) -> None:
    """Wait until the new tree is complete, which is when it is to take the place of the old one."""
    last = scene.project / ".duniverse.new/.mono.json"
    while not last.exists() and process.poll() is None:
        pass  # it is there for a few milliseconds
    time.sleep(seconds)


def test_sigkill_at_the_exchange(tmp_path: Path, server: FaultyServer) -> None:
    made = generations(tmp_path / "scene", server)
    chosen = random.Random(1)
    for _ in range(6):
        wanted = 1 - made.standing()
        made.choose(wanted)
        process = made.scene.start()
        at_the_exchange(made.scene, process, chosen.uniform(0, 0.005))
        process.kill()
        finish(process)
        made.standing()
        made.scene.done(made.scene.pull())
        assert made.standing() == wanted


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_sigkill_at_any_moment(tmp_path: Path, server: FaultyServer, seed: int) -> None:
    """25 moments each: with nothing in the cache, with some of it, with archives alone, with all."""
    made = generations(tmp_path / "scene", server)
    chosen = random.Random(seed)
    outcomes = set()
    for moment in range(25):
        before = made.standing()
        wanted = 1 - before
        made.choose(wanted)
        match (seed + moment) % 4:
            case 0:
                made.forget()
            case 1:
                forget_some(made, chosen)
            case 2:
                shutil.rmtree(made.scene.cache / "trees", ignore_errors=True)
        process = made.scene.start()
        if moment % 5:
            time.sleep(chosen.uniform(0.1, 1.05) * made.seconds)
        else:
            at_the_exchange(made.scene, process, chosen.uniform(0, 0.02))
        process.kill()
        finish(process)
        after = made.standing()
        outcomes.add((process.returncode, after == before))
        assert in_project(made.scene) <= AROUND | OWN
        made.scene.done(made.scene.pull())
        assert made.standing() == wanted
        assert in_project(made.scene) == AROUND
    assert (-signal.SIGKILL, True) in outcomes


def slow_scene(scene: Scene, server: FaultyServer, slow: bytes) -> None:
    """A lock of three sources, one of which comes so slowly that there is time to disturb the pull."""
    contents = {name: tar({"p/a": name.encode() * 200}, "w") for name in ("one", "two")}
    for name, content in contents.items():
        server.on(f"/{name}", body(content))
    server.on("/slow", dripping(server, slow, 0.02))
    everything = {**contents, "slow": slow}
    scene.lock(*(source(name, f"{server.url}/{name}", content) for name, content in everything.items()))


def expected(slow: bytes) -> dict[str, bytes | str]:
    return {"one/a": b"one" * 200, "two/a": b"two" * 200, "slow/a": slow[512:][:300]}


SLOW = tar({"p/a": random.Random(7).randbytes(300)}, "w")


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, None), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_an_ended_pull_is_gone_at_once(
    scene: Scene, server: FaultyServer, number: signal.Signals, status: int | None
) -> None:
    old = scene.with_old_duniverse()
    slow_scene(scene, server, SLOW)
    process = scene.start()
    until(lambda: len(server.asked) == 3 and has_come(scene.cache, SLOW))
    workers = workers_of(process)
    process.send_signal(number)
    outcome = finish(process, 20)  # all of it would take minutes to come
    assert outcome.status != 0
    assert status is None or outcome.status == status
    assert "Traceback" not in outcome.stderr
    until(lambda: not [worker for worker in workers if Path(f"/proc/{worker}/cmdline").exists()])
    assert snapshot(scene.duniverse) == old
    parts = [held[1] for name, held in snapshot(scene.cache / "incoming").items() if name.endswith(".part")]
    assert in_project(scene) <= AROUND | (set() if number == signal.SIGINT else OWN)
    assert [part for part in parts if part and SLOW.startswith(part)], "nothing to go on with"
    server.on("/slow", body(SLOW))
    scene.done(scene.pull(), expected(SLOW))


def test_a_killed_worker_is_told_or_replaced(scene: Scene, server: FaultyServer) -> None:
    """As when the system runs out of memory: the pull ends, with an error or well."""
    old = scene.with_old_duniverse()
    slow_scene(scene, server, SLOW)
    server.on("/slow", hanging(server))
    process = scene.start()
    until(lambda: len(server.asked) == 3)
    workers = workers_of(process)
    assert workers, "the pull has no other process, so this test is about nothing"
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    server.on("/slow", body(SLOW))
    server.released.set()
    outcome = finish(process, 60)
    if outcome.status == 0:
        scene.done(outcome, expected(SLOW))
    else:
        scene.refused(outcome, old)
    scene.done(scene.pull(), expected(SLOW))


def test_a_worker_killed_while_it_prepares(tmp_path: Path, server: FaultyServer) -> None:
    made = generations(tmp_path / "scene", server)
    made.forget()
    made.choose(1)
    process = made.scene.start()
    until(lambda: prepares(made.scene.cache) or process.poll() is not None)
    for worker in workers_of(process)[:1]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    outcome = finish(process, 60)
    if outcome.status == 0:
        assert made.standing() == 1
    else:
        assert made.standing() == 0
        assert outcome.stderr.count("error: ") == 1 and "Traceback" not in outcome.stderr
    made.scene.done(made.scene.pull())
    assert made.standing() == 1


def test_what_the_writer_of_a_lock_left_is_cleared_away(scene: Scene) -> None:
    """A process that was killed while it recorded trees in mono.lock leaves what it had written aside."""
    scene.with_old_duniverse()
    (scene.project / f".mono.lock.{2**22 + 1}").write_text("half a lo", encoding="utf-8")  # no process has it
    alive = scene.project / f".mono.lock.{os.getpid()}"
    alive.write_text("half a lo", encoding="utf-8")
    assert scene.pull().status == 0
    assert list(scene.project.glob(".mono.lock.*")) == [alive]
