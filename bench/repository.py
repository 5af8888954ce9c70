"""The whole repository is decidable: every package of the snapshot as a single root, under both rules.

Each is solved with its optimum proved, or shown to be unsolvable. Every solution is replayed and certified,
every failure explained.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

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
from solver.explanation import explain
from solver.optimise import solve
from solver.package import Package
from solver.replay import replay
from solver.solution import Unsolvable
from solver.universe import PackageIndex, build_universe
from tests.support.places import SHARED

LIMIT = 360.0
"""Seconds of wall time for one rule on two cores."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one root.

    Args:
        packages: how many were chosen; 0 where there is no answer.
        why: the class of the reason where there is none, else empty.
        digest: of the chosen versions.
        seconds: wall time of universe and solution; ``processor`` the processor's time for the same.
        checking: the processor's time to replay and certify a solution, or to explain that there is none.
    """

    root: str
    packages: int
    why: str
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
        verdicts = decide_all(index, index.names(), rule)
        wall = time.perf_counter() - started
        write_table(verdicts, rule)
        print_summary(verdicts, rule, wall)
        good = good and wall < LIMIT
    return good


def decide_all(index: PackageIndex, names: Sequence[str], rule: Rule) -> list[Verdict]:
    """The verdict on each root, sorted; the work is shared among the processors there are.

    The processes are forks, which see the packages that were read before they were made.
    """
    gc.collect()
    gc.freeze()  # what was read stays: looking for cycles among it would be the greater part of the work
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), _take, (index, rule)) as pool:
        return sorted(pool.imap_unordered(_decide_here, names, chunksize=8), key=lambda verdict: verdict.root)


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
    why, chosen = "", list[Package]()
    if isinstance(solution, Unsolvable):
        why = explain(request, index).cause.value
    else:
        replay(universe, solution)
        chosen = [choice.candidate.package for choice in solution.choices]
        broken = violations(request, chosen)
        if broken:
            raise AssertionError(f"{name} {rule.name}: {'; '.join(map(str, broken))}")
    checking = time.process_time() - checked
    digest = digest_of(package.identity for package in chosen)
    return Verdict(name, len(chosen), why, digest, seconds, processor, checking)


def write_table(verdicts: Sequence[Verdict], rule: Rule) -> None:
    """One line for each root, below build/."""
    path = BUILD / f"repository-{rule.name.replace(' ', '-')}.tsv"
    path.parent.mkdir(exist_ok=True)
    lines = ["root\tpackages\twhy\tdigest\tseconds\tprocessor\tchecking"]
    lines += [
        f"{v.root}\t{v.packages}\t{v.why}\t{v.digest}\t{v.seconds:.4f}\t{v.processor:.4f}\t{v.checking:.4f}"
        for v in verdicts
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def print_summary(verdicts: Sequence[Verdict], rule: Rule, wall: float) -> None:
    """What a reader wants to know of the table."""
    unsolvable = Counter(verdict.why for verdict in verdicts if verdict.why)
    print(
        f"repository, {rule.name}: {len(verdicts)} roots, {len(verdicts) - unsolvable.total()} solved, "
        f"{unsolvable.total()} unsolvable; {wall:.0f} s, {len(verdicts) / wall:.1f} roots/s, "
        f"{wall / LIMIT:.2f} x the limit of {LIMIT:.0f} s"
    )
    processor = sum(verdict.processor + verdict.checking for verdict in verdicts)
    print(f"  {processor:.0f} s of processor time, on {os.cpu_count()} processors")
    print(f"  {'seconds':<34}{'median':>8}{'p95':>8}{'p99':>8}{'max':>8}")
    for title, times in (
        ("universe and solution", [verdict.seconds for verdict in verdicts]),
        ("the same, processor time", [verdict.processor for verdict in verdicts]),
        ("certified or explained, processor", [verdict.checking for verdict in verdicts]),
    ):
        figures = "".join(f"{quantile(times, part):>8.3f}" for part in (0.5, 0.95, 0.99, 1))
        print(f"  {title:<34}{figures}")
    for why, number in unsolvable.most_common():
        print(f"  {number:>6}  {why}")
    slowest = sorted(verdicts, key=lambda verdict: -verdict.processor)[:10]
    print(f"  slowest: {', '.join(f'{verdict.root} {verdict.processor:.2f}' for verdict in slowest)}")


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least ``part`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-part * len(ordered) // 1) - 1)]


_index: PackageIndex
_rule: Rule


def _take(index: PackageIndex, rule: Rule) -> None:
    global _index, _rule
    _index, _rule = index, rule


def _decide_here(name: str) -> Verdict:
    return decide(_index, name, _rule)
