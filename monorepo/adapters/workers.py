"""Work in other processes, as Python uses one processor in each.

A process is forked where nothing but the main thread runs, else started anew. Either way it keeps the lock of
its parent, which so lasts until the last of them is gone. It leaves an interruption to the parent, and ends
with it, however that ends.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from monorepo.errors import DuniverseError, MonoError

Result = TypeVar("Result")
Task = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...]]
"""Where the outcome is wanted, and what to do with which arguments."""

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, linux/prctl.h


class ProcessWorkers:
    """`monorepo.ports.Workers`.

    Args:
        processes: how many; None for one on each processor, and not more than four.
        fork: whether they may be forks of this one, which start at once.
    """

    def __init__(self, processes: int | None = None, *, fork: bool = sys.platform == "linux") -> None:
        self._processes = processes or min(4, os.cpu_count() or 1)
        self._fork = fork

    @contextmanager
    def team(self, held: int) -> Iterator[ProcessTeam]:
        """See `monorepo.ports.Workers`."""
        workers: list[_Worker] = []
        team = ProcessTeam(workers)
        # An interruption in a process that does not ignore it yet would be told by that process as well.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            try:
                for _ in range(self._processes):
                    forking = self._fork and threading.active_count() == 1
                    workers.append(_forked(workers) if forking else _started(held))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield team
        finally:
            team.end()


class ProcessTeam:
    """`monorepo.ports.Team`: a thread for each process hands it one task after the other."""

    def __init__(self, workers: Sequence[_Worker]) -> None:
        self._workers = workers
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def do(self, work: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """See `monorepo.ports.Team`."""
        future: Future[Result] = Future()
        self._tasks.put((future, work, arguments))
        if not self._threads:
            self._threads = [
                threading.Thread(target=worker.labour, args=(self._tasks,), daemon=True)
                for worker in self._workers
            ]
            for thread in self._threads:
                thread.start()
        return future

    def end(self) -> None:
        """End the processes, whatever they do: what one makes counts only once it is complete."""
        for worker in self._workers:
            with suppress(ProcessLookupError):
                os.kill(worker.process, signal.SIGKILL)
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        for worker in self._workers:
            worker.close()
            os.waitpid(worker.process, 0)


class _Worker:
    """A process, the pipe that takes tasks to it, and the one that brings outcomes back."""

    def __init__(self, process: int, tasks: int, outcomes: int) -> None:
        self.process = process
        self._tasks = open(tasks, "wb")  # noqa: SIM115 (both are closed by `close`)
        self._outcomes = open(outcomes, "rb")  # noqa: SIM115

    def labour(self, tasks: SimpleQueue[Task | None]) -> None:
        """Have one task after the other done."""
        while (task := tasks.get()) is not None:
            future, work, arguments = task
            try:
                self._tasks.write(pickle.dumps((work, arguments)))
                self._tasks.flush()
                done, outcome = pickle.load(self._outcomes)
            except (EOFError, OSError, pickle.UnpicklingError):
                future.set_exception(
                    DuniverseError(
                        "a process of this pull was ended by another hand",
                        hint="was there too little memory? Try again",
                    )
                )
            except Exception as error:  # what cannot be copied; without an outcome its caller would wait on
                future.set_exception(error)
            else:
                (future.set_result if done else future.set_exception)(outcome)

    def close(self) -> None:
        """Give up the pipes."""
        for pipe in (self._tasks, self._outcomes):
            with suppress(BrokenPipeError):  # a task may have been under way
                pipe.close()


def _forked(others: Sequence[_Worker]) -> _Worker:
    tasks, outcomes = os.pipe(), os.pipe()
    gc.freeze()  # so that looking for cycles does not have every page copied
    parent = os.getpid()
    process = os.fork()
    if process == 0:
        try:
            os.close(tasks[1])
            os.close(outcomes[0])
            for other in others:
                other.close()
            _serve(tasks[0], outcomes[1], parent)
        finally:
            os._exit(0)
    gc.unfreeze()
    os.close(tasks[0])
    os.close(outcomes[1])
    return _Worker(process, tasks[1], outcomes[0])


def _started(held: int) -> _Worker:
    tasks, outcomes = os.pipe(), os.pipe()
    kept = [os.dup(number) for number in (tasks[0], outcomes[1], held)]
    for number in kept:
        os.set_inheritable(number, True)
    command = [sys.executable, "-m", __name__, *map(str, kept), str(os.getpid())]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        process = os.posix_spawn(sys.executable, command, environment)
    finally:
        for number in (tasks[0], outcomes[1], *kept):
            os.close(number)
    return _Worker(process, tasks[1], outcomes[0])


def _serve(tasks: int, outcomes: int, parent: int) -> None:
    """What a process does: each task that comes, until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with(parent)
    os.umask(0o022)
    with open(tasks, "rb") as incoming, open(outcomes, "wb") as outgoing:
        while True:
            try:
                work, arguments = pickle.load(incoming)
            except EOFError:
                return
            outgoing.write(_outcome(work, arguments))
            outgoing.flush()


def _outcome(work: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """What became of a task, as it is copied to whoever wants it."""
    try:
        return pickle.dumps((True, work(*arguments)))
    except MonoError as error:
        return pickle.dumps((False, error))
    except Exception as error:
        error.add_note(traceback.format_exc())
        try:
            copy = pickle.dumps((False, error))
            pickle.loads(copy)
        except Exception:
            told = RuntimeError(f"{type(error).__name__}: {error}")
            told.add_note(error.__notes__[-1])
            return pickle.dumps((False, told))
        return copy


def _end_with(parent: int) -> None:
    """End when ``parent`` does. Elsewhere than on Linux that is when the task at hand is done."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[4]))
