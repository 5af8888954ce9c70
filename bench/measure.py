"""Runs programs and takes their wall time and peak memory from the operating system's own account."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run: seconds of wall time, the largest resident set in MB, seconds of the processor."""

    seconds: float
    megabytes: float
    processor: float = 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Several runs of one command."""

    runs: tuple[Run, ...]

    @property
    def seconds(self) -> float:
        return statistics.median(run.seconds for run in self.runs)

    @property
    def processor(self) -> float:
        return statistics.median(run.processor for run in self.runs)

    @property
    def megabytes(self) -> float:
        return max(run.megabytes for run in self.runs)


def run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, together: bool = False
) -> Run:
    """Run once; raises `CalledProcessError`, with what was printed, where it fails.

    The memory is that of the largest process; ``together`` (on Linux alone) that of all at one time, of which
    each part counts once however many share it. Looking for that takes time itself.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        arguments, cwd=folder, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    ended = threading.Event()
    seen = [0.0]
    watcher = threading.Thread(target=_watch, args=(process.pid, ended, seen))
    if together:
        watcher.start()
    output = process.stdout.read()
    ended.set()
    if together:
        watcher.join()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(arguments), output)
    return Run(seconds, max(seen) if together else usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)


def _watch(process: int, ended: threading.Event, seen: list[float]) -> None:
    """Note every few milliseconds the proportional set size (MB) of a process and its children."""
    while not ended.wait(0.01):
        seen.append(sum(map(_proportional, _family(process))))


def _family(process: int) -> Iterator[int]:
    yield process
    with suppress(OSError):
        for child in Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split():
            yield from _family(int(child))


def _proportional(process: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def in_turn(commands: Mapping[str, Callable[[], Run]], rounds: int = 5) -> dict[str, Figures]:
    """Every command once as warm-up, then ``rounds`` times in turn, so that all see the same weather."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for command in commands.values():
        command()
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(command())
    return {name: Figures(tuple(done)) for name, done in runs.items()}
