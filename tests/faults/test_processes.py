"""Real processes: killed at any moment, interrupted, and several at once."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.server import FaultyServer, body, dripping, faulty_server, hanging
from tests.monorepo.fetch.sources import checksum, tar, tree

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as faulty:
        yield faulty


def archives(server: FaultyServer, count: int, generation: int) -> list[str]:
    """``count`` archives on the server, as arguments of the puller; every other one differs by generation."""
    arguments = []
    for index in range(count):
        noise = random.Random(index * 2 + (generation if index % 2 else 0))
        content = tar({f"p/{name}": noise.randbytes(300) for name in range(30)})
        url = server.on(f"/{index}-{generation}", body(content))
        arguments.append(f"p{index}={url}={checksum(content).removeprefix('sha256=')}")
    return arguments


def start(project: Path, cache: Path, arguments: Sequence[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.faults.puller", str(project), str(cache), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )


def finish(process: subprocess.Popen[str], *, timeout: float = 60) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=timeout)
    return process.returncode, output, errors


@pytest.mark.long
def test_a_killed_pull_leaves_the_old_tree_or_the_new_one(tmp_path: Path, server: FaultyServer) -> None:
    project, cache = tmp_path / "project", tmp_path / "cache"
    project.mkdir()
    generations = [archives(server, 30, generation) for generation in (0, 1)]
    trees = []
    for arguments in generations:
        status, _, errors = finish(start(project, cache, arguments))
        assert status == 0, errors
        trees.append(tree(project / "duniverse"))
    assert trees[0] != trees[1]
    shutil.rmtree(cache)
    process = start(project, cache, generations[0])
    assert process.stdout is not None
    process.stdout.readline()
    began = time.monotonic()
    finish(process)
    duration = time.monotonic() - began
    current, survived = 0, 0
    for point in range(16):
        wanted = 1 - current
        if point % 2:
            shutil.rmtree(cache, ignore_errors=True)
        process = start(project, cache, generations[wanted])
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(duration * point / 13)
        process.send_signal(signal.SIGKILL)
        finish(process)
        found = tree(project / "duniverse")
        assert found in trees
        assert {path.name for path in project.iterdir()} <= {"duniverse", ".duniverse.new", ".duniverse.old"}
        survived += found == trees[current]
        status, _, errors = finish(start(project, cache, generations[wanted]))
        assert status == 0, errors
        assert tree(project / "duniverse") == trees[wanted]
        assert [path.name for path in project.iterdir()] == ["duniverse"]
        current = wanted
    assert survived > 0


def test_several_pulls_at_once_of_one_project(tmp_path: Path, server: FaultyServer) -> None:
    project, cache = tmp_path / "project", tmp_path / "cache"
    project.mkdir()
    arguments = archives(server, 12, 0)
    processes = [start(project, cache, arguments) for _ in range(3)]
    outcomes = [finish(process) for process in processes]
    assert [status for status, _, _ in outcomes] == [0, 0, 0], outcomes
    assert sum("up to date" in output for _, output, _ in outcomes) == 2
    assert len(server.asked) == 12
    assert [path.name for path in project.iterdir()] == ["duniverse"]


def test_several_projects_share_a_cache(tmp_path: Path, server: FaultyServer) -> None:
    arguments = archives(server, 12, 0)
    projects = [tmp_path / name for name in ("one", "two", "three")]
    for project in projects:
        project.mkdir()
    outcomes = [
        finish(process) for process in [start(project, tmp_path / "cache", arguments) for project in projects]
    ]
    assert [status for status, _, _ in outcomes] == [0, 0, 0], outcomes
    assert len({str(tree(project)) for project in projects}) == 1
    assert sorted(server.asked) == sorted({f"/{index}-0" for index in range(12)})
    assert {name.partition("/")[0] for name in tree(tmp_path / "cache")} == {"archives", "trees"}


def test_an_interruption_stops_at_once(tmp_path: Path, server: FaultyServer) -> None:
    project, cache = tmp_path / "project", tmp_path / "cache"
    project.mkdir()
    arguments = archives(server, 3, 0)
    server.on("/1-0", hanging(server))
    process = start(project, cache, arguments)
    deadline = time.monotonic() + 20
    while len(server.asked) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    status, _, errors = finish(process)
    assert time.monotonic() - began < 3
    assert status != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert list(project.iterdir()) == []
    assert len([name for name in tree(cache) if name.startswith("archives/")]) == 2


def test_an_interruption_leaves_nothing_half_fetched(tmp_path: Path, server: FaultyServer) -> None:
    project, cache = tmp_path / "project", tmp_path / "cache"
    project.mkdir()
    url = server.on("/slow", dripping(server, bytes(2000), 0.05))
    process = start(project, cache, [f"slow={url}={'0' * 64}"])
    part = cache / "incoming" / f"sha256-{'0' * 64}"
    deadline = time.monotonic() + 20
    while not part.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    status, _, _ = finish(process)
    assert status != 0
    assert not part.exists()
    assert list(project.iterdir()) == []
