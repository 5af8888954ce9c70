"""Workers end with whoever they work for, and the lock of a project lasts until the last of them has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monorepo.adapters.workers import ProcessWorkers
from monorepo.duniverse.swap import alone
from monorepo.errors import DuniverseError
from tests.faults.scene import until

ROOT = Path(__file__).parents[2]


@contextmanager
def working(folder: Path, how: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that locks ``folder``, and the number of its worker, which is busy."""
    command = [sys.executable, "-m", "tests.faults.teamwork", str(folder), how]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )
    with process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def is_gone(process: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def open_files(process: int) -> list[str]:
    """What a process that may be gone has open."""
    try:
        return [path.name for path in Path(f"/proc/{process}/fd").iterdir()]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a worker ends when its task is done")
@pytest.mark.parametrize("how", ["fork", "start"])
def test_a_worker_ends_with_a_parent_that_is_killed(tmp_path: Path, how: str) -> None:
    with working(tmp_path, how) as (process, worker):
        process.kill()
        process.wait()
        until(lambda: is_gone(worker))
    with alone(tmp_path, lambda: pytest.fail("the project is still locked")):
        pass


@pytest.mark.parametrize("how", ["fork", "start"])
def test_a_worker_holds_the_lock_of_the_project(tmp_path: Path, how: str) -> None:
    """Whoever has it next finds that nobody works there any more."""
    with working(tmp_path, how) as (process, worker):
        process.kill()
        with alone(tmp_path, lambda: None):
            assert not Path(f"/proc/{worker}/fd").is_dir() or not open_files(worker)


@pytest.mark.parametrize("how", ["fork", "start"])
def test_an_interruption_ends_all_and_is_told_once(tmp_path: Path, how: str) -> None:
    with working(tmp_path, how) as (process, worker):
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)  # the worker is busy for longer
        assert errors.count("KeyboardInterrupt") == 1
        until(lambda: is_gone(worker))


def fail() -> None:
    raise ValueError("unforeseen")


@pytest.mark.parametrize("fork", [True, False])
def test_what_goes_wrong_in_a_worker_is_told_here(tmp_path: Path, fork: bool) -> None:
    with alone(tmp_path, lambda: None) as held, ProcessWorkers(1, fork=fork).team(held) as team:
        with pytest.raises(ValueError, match="unforeseen") as failure:
            team.do(fail).result()
        assert "test_workers.py" in failure.value.__notes__[0]
        assert team.do(os.getpid).result() != os.getpid()
        with pytest.raises(DuniverseError, match="ended by another hand"):
            team.do(os._exit, 1).result()
        with pytest.raises(DuniverseError, match="ended by another hand"):
            team.do(os.getpid).result()


class UncopiableError(Exception):
    """Cannot be made of its arguments alone, as some exceptions of libraries."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def fail_in_words_of_its_own() -> None:
    raise UncopiableError("this", "that")


def give_what_cannot_be_copied() -> object:
    return lambda: None


@pytest.mark.parametrize("fork", [True, False])
def test_what_cannot_be_copied_is_told_and_others_go_on(tmp_path: Path, fork: bool) -> None:
    with alone(tmp_path, lambda: None) as held, ProcessWorkers(1, fork=fork).team(held) as team:
        for work, told in (
            (fail_in_words_of_its_own, "this and that"),
            (give_what_cannot_be_copied, "pickle"),
            (lambda: None, "pickle"),
        ):
            with pytest.raises(Exception, match=told):
                team.do(work).result(timeout=60)
            assert team.do(os.getpid).result(timeout=60) != os.getpid()


def test_a_team_that_has_nothing_to_do_ends(tmp_path: Path) -> None:
    with alone(tmp_path, lambda: None) as held, ProcessWorkers(2).team(held):
        pass
