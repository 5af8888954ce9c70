"""The whole repository is decidable: every package of the snapshot as a single root, under both rules.

Each is solved with its optimum proved, or shown to be unsolvable. Every solution is replayed and certified;
after that, every failure is explained.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

from bench.snapshot import (
    BUILD,
    WITH_DUNE,
    WITHOUT_DUNE,
    Rule,
    Snapshot,
    digest_of,
    opam_repository,
    single_root,
    violations,
)
from solver.optimise import solve
from solver.package import Package
from solver.replay import replay
from solver.solution import Solution
from solver.story import explain
from solver.universe import PackageIndex, build_universe
from tests.support.places import SHARED

T = TypeVar("T")

Work: TypeAlias = Callable[[PackageIndex, str, Rule], T]
"""What is done for one root."""

PROCESSORS = os.cpu_count() or 1

LIMIT = 360.0
"""Seconds for one rule where the processors have nothing else to do."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one root.

    Args:
        packages: how many were chosen; 0 where there is no answer.
        digest: of the chosen versions.
        seconds: wall time of universe and solution; ``processor`` the processor's time for the same.
        checking: the processor's time to replay and certify a solution.
    """

    root: str
    packages: int
    digest: str
    seconds: float
    processor: float
    checking: float


def main() -> bool:
    """Print the summaries and write the tables; whether all went as it must."""
    if not SHARED.is_dir():
        print("repository: ../shared, with the snapshots of real repositories, is absent; nothing to measure")
        return True
    started = time.perf_counter()
    index = Snapshot(opam_repository())
    print(f"read {len(index.names())} packages in {time.perf_counter() - started:.1f} s")
    good = True
    for rule in (WITH_DUNE, WITHOUT_DUNE):
        started = time.perf_counter()
        verdicts = shared(decide, index, index.names(), rule)
        wall = time.perf_counter() - started
        print_summary(verdicts, rule, wall)
        good = good and processor_time(verdicts) < LIMIT * PROCESSORS
        started = time.perf_counter()
        unsolved = [verdict.root for verdict in verdicts if not verdict.packages]
        reasons = dict(zip(unsolved, shared(reason, index, unsolved, rule), strict=True))
        write_table(verdicts, reasons, rule)
        print_reasons(reasons, time.perf_counter() - started)
    return good


def shared(work: Work[T], index: PackageIndex, names: Sequence[str], rule: Rule) -> list[T]:
    """What ``work`` yields for each name, in their order; shared among the processors there are.

    The processes are forks, which see the packages that were read before they were made.
    """
    gc.collect()
    gc.freeze()  # what was read stays: looking for cycles among it would be the greater part of the work
    with multiprocessing.get_context("fork").Pool(PROCESSORS, _take, (index, rule)) as pool:
        return pool.map(partial(_here, work), names, chunksize=8)


def reason(index: PackageIndex, name: str, rule: Rule) -> str:
    """The class of the reason why one root has no answer."""
    return str(explain(single_root(name, rule), index).cause.value)


def decide(index: PackageIndex, name: str, rule: Rule) -> Verdict:
    """Solve one root, and check the answer.

    Raises:
        ReplayError: the answer does not stand on its own.
        AssertionError: the answer is not certified.
    """
    started, processor = time.perf_counter(), time.process_time()
    request = single_root(name, rule)
    universe = build_universe(request, index)
    solution = solve(universe)
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    checked = time.process_time()
    chosen: list[Package] = []
    if isinstance(solution, Solution):
        replay(universe, solution)
        chosen = [choice.candidate.package for choice in solution.choices]
        broken = violations(request, chosen)
        if broken:
            raise AssertionError(f"{name} {rule.name}: {'; '.join(map(str, broken))}")
    checking = time.process_time() - checked
    digest = digest_of(package.identity for package in chosen)
    return Verdict(name, len(chosen), digest, seconds, processor, checking)


def write_table(verdicts: Sequence[Verdict], reasons: Mapping[str, str], rule: Rule) -> None:
    """One line for each root, below build/."""
    path = BUILD / f"repository-{rule.name.replace(' ', '-')}.tsv"
    path.parent.mkdir(exist_ok=True)
    lines = ["root\tpackages\treason\tdigest\tseconds\tprocessor\tchecking"]
    lines += [
        f"{v.root}\t{v.packages}\t{reasons.get(v.root, '')}\t{v.digest}\t"
        f"{v.seconds:.4f}\t{v.processor:.4f}\t{v.checking:.4f}"
        for v in verdicts
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def print_summary(verdicts: Sequence[Verdict], rule: Rule, wall: float) -> None:
    """What a reader wants to know of the table."""
    solved = sum(bool(verdict.packages) for verdict in verdicts)
    unsolvable = len(verdicts) - solved
    print(
        f"repository, {rule.name}: {len(verdicts)} roots, {solved} solved, {unsolvable} unsolvable; "
        f"{wall:.0f} s, {len(verdicts) / wall:.1f} roots/s"
    )
    alone = processor_time(verdicts) / PROCESSORS
    print(
        f"  alone on {PROCESSORS} processors {alone:.0f} s, {alone / LIMIT:.2f} x the limit of {LIMIT:.0f} s"
    )
    print(f"  {'seconds':<34}{'median':>8}{'p95':>8}{'p99':>8}{'max':>8}")
    for title, times in (
        ("universe and solution", [verdict.seconds for verdict in verdicts]),
        ("the same, processor time", [verdict.processor for verdict in verdicts]),
        ("replay and certificate", [verdict.checking for verdict in verdicts]),
    ):
        figures = "".join(f"{quantile(times, part):>8.3f}" for part in (0.5, 0.95, 0.99, 1))
        print(f"  {title:<34}{figures}")
    slowest = sorted(verdicts, key=lambda verdict: -verdict.processor)[:10]
    print(f"  slowest: {', '.join(f'{verdict.root} {verdict.processor:.2f}' for verdict in slowest)}")


def processor_time(verdicts: Sequence[Verdict]) -> float:
    """Seconds, of all processors together."""
    return sum(verdict.processor + verdict.checking for verdict in verdicts)


def print_reasons(reasons: Mapping[str, str], wall: float) -> None:
    """How many roots have no answer for which class of reason."""
    print(f"  {len(reasons)} without an answer, explained in {wall:.0f} s")
    for cause, number in Counter(reasons.values()).most_common():
        print(f"  {number:>6}  {cause}")


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least ``part`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-part * len(ordered) // 1) - 1)]


_index: PackageIndex
_rule: Rule


def _take(index: PackageIndex, rule: Rule) -> None:
    global _index, _rule
    _index, _rule = index, rule


def _here(work: Work[T], name: str) -> T:
    return work(_index, name, _rule)
