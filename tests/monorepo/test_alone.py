"""One at a time, among threads and processes, and nothing is left of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monorepo.alone import alone_at, is_at, take, take_if_free

COUNTING = """
import sys
from pathlib import Path
from monorepo.alone import alone_at
folder = Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with alone_at(folder / "lock"):
        text = (folder / "count").read_text()
        (folder / "count").write_text("")
        (folder / "count").write_text(str(int(text) + 1))
"""
HOLDING = """
import sys
from pathlib import Path
from monorepo.alone import alone_at
with alone_at(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def nobody_waits() -> None:
    raise AssertionError("it was free")


def held_open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def test_processes_take_turns(tmp_path: Path) -> None:
    """Each removes the file when it is done, under the hands of those who wait with it open."""
    (tmp_path / "count").write_text("0")
    command = [sys.executable, "-c", COUNTING, str(tmp_path), "100"]
    processes = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    assert (tmp_path / "count").read_text() == "400"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_threads_take_turns(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> None:
        with alone_at(tmp_path / "lock"):
            inside.append(number)
            most.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(200)))
    assert most == [1] * 200
    assert list(tmp_path.iterdir()) == []


def test_a_failure_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone_at(tmp_path / "lock"):
        raise ZeroDivisionError
    with alone_at(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
    assert list(tmp_path.iterdir()) == []


def test_who_is_killed_holds_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDING, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        descriptor = held_open(lock)
        assert not take_if_free(descriptor)
        process.kill()
    take(descriptor, nobody_waits)
    os.close(descriptor)
    with alone_at(lock):  # what it left is taken over
        pass
    assert not lock.exists()


def test_several_share_what_one_has_to_wait_for(tmp_path: Path) -> None:
    first, second, third = (held_open(tmp_path) for _ in range(3))
    take(first, nobody_waits, shared=True)
    take(second, nobody_waits, shared=True)
    assert not take_if_free(third)
    told: list[str] = []

    def waiting() -> None:
        told.append("waits")
        os.close(first)
        os.close(second)

    take(third, waiting)
    assert told == ["waits"]
    os.close(third)


CHANGES: dict[str, Callable[[Path], object]] = {
    "it is there": lambda path: None,
    "it is gone": lambda path: path.unlink(),
    "another is there": lambda path: (path.unlink(), path.with_name("kept").rename(path)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_held_may_be_gone(tmp_path: Path, change: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "kept").touch()
    descriptor = held_open(tmp_path / "file")
    CHANGES[change](tmp_path / "file")
    assert is_at(tmp_path / "file", descriptor) is (change == "it is there")
    os.close(descriptor)
