"""Agreement with opam's own solver, on a sample of the snapshot, by opam's rules alone (no dune rule).

Both must agree on what can be installed at all. Where it can, opam has other wishes than mono: so its choice
and mono's are certified by the same formulas, and mono's must cost no more by mono's wishes.
"""

from __future__ import annotations

import os
import queue
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bench.opam import Answer, Opam
from bench.snapshot import BUILD, WITHOUT_DUNE, Snapshot, opam_repository, single_root, violations
from bench.wishes import costs
from solver.formula import Value
from solver.optimise import solve
from solver.package import Package
from solver.replay import replay
from solver.solution import Choice, Solution, Unsolvable
from solver.universe import PackageIndex, Universe, build_universe
from solver.version import Version
from tests.support.places import SHARED, kept_folder

SAMPLE, SEED = 205, 2026

SUPERFLUOUS = "nobody needs it"

Costs = tuple[int, ...]
"""By `bench.wishes.WISHES`."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One root, as opam and mono answer it.

    Args:
        agreed: whether both, or neither, can install it.
        same_root: whether both take one version of the root; ``same`` the part of packages that are equal.
        costs, opams: what mono's choice and opam's cost by mono's wishes.
        broken: what opam's choice breaks by the certificate, apart from packages that nobody needs.
        superfluous: how many packages of opam's nobody needs.
        hasty: whether opam found no best answer in its time, and was asked for any; ``undecided`` whether it
            did not find that either, and so nothing could be compared.
    """

    root: str
    solvable: bool
    agreed: bool
    reason: str = ""
    same_root: bool = False
    same: float = 0.0
    costs: Costs = ()
    opams: Costs = ()
    broken: tuple[str, ...] = ()
    superfluous: int = 0
    hasty: bool = False
    undecided: bool = False

    @property
    def good(self) -> bool:
        return self.agreed and not self.broken and self.costs <= self.opams


def main() -> bool:
    """Print the agreement and write the table; whether there is nothing but agreement."""
    if not SHARED.is_dir():
        print("agreement: ../shared, with the snapshots of real repositories, is absent; nothing to compare")
        return True
    if shutil.which("opam") is None:
        print("agreement: opam is not on PATH; nothing to compare")
        return True
    folder = opam_repository()
    index = Snapshot(folder)
    switches = os.cpu_count() or 1
    opam = Opam(kept_folder() / "opam", folder, switches)
    names = random.Random(SEED).sample(index.names(), SAMPLE)
    answers = ask_all(opam, names, switches)
    compared = [compare(index, name, answers[name], opam.variables) for name in sorted(names)]
    write_table(compared)
    print_summary(compared, opam)
    return all(comparison.good for comparison in compared)


def ask_all(opam: Opam, names: Sequence[str], switches: int) -> dict[str, Answer]:
    """opam's answer for each name; as many at once as there are switches, each of which opam locks."""
    free: queue.SimpleQueue[int] = queue.SimpleQueue()
    for switch in range(switches):
        free.put(switch)

    def ask(name: str) -> Answer:
        switch = free.get()
        try:
            return opam.install(name, switch)
        finally:
            free.put(switch)

    with ThreadPoolExecutor(switches) as pool:
        return dict(zip(names, pool.map(ask, names), strict=True))


def compare(index: PackageIndex, name: str, answer: Answer, variables: Mapping[str, Value]) -> Comparison:
    """mono's answer beside opam's."""
    request = single_root(name, WITHOUT_DUNE, variables)
    universe = build_universe(request, index)
    solution = solve(universe)
    if isinstance(solution, Unsolvable) or answer.packages is None:
        solvable = not isinstance(solution, Unsolvable)
        agreed = answer.undecided or solvable == (answer.packages is not None)
        return Comparison(name, solvable, agreed, answer.reason, undecided=answer.undecided)
    replay(universe, solution)
    ours = [choice.candidate.package for choice in solution.choices]
    own = violations(request, ours)
    if own:
        raise AssertionError(f"{name}: {'; '.join(map(str, own))}")
    theirs = [*request.roots, *packages_of(index, answer.packages)]
    found = violations(request, theirs)
    broken = tuple(str(violation) for violation in found if violation.reason != SUPERFLUOUS)
    version = {package.name: package.version.text for package in ours if package not in request.roots}
    equal = len(version.items() & answer.packages.items())
    return Comparison(
        name,
        solvable=True,
        agreed=True,
        same_root=version[name] == answer.packages[name],
        same=equal / len(version.keys() | answer.packages.keys()),
        costs=costs_of(universe, ours),
        opams=costs_of(universe, theirs),
        broken=broken,
        superfluous=len(found) - len(broken),
        hasty=answer.hasty,
    )


def packages_of(index: PackageIndex, versions: Mapping[str, str]) -> list[Package]:
    """The packages of these versions.

    Raises:
        KeyError: the index does not have one of them, or cannot read it.
    """
    found: list[Package] = []
    for name, text in versions.items():
        by_version = {p.version: p for p in index.packages(name) if isinstance(p, Package)}
        found.append(by_version[Version.parse(text)])
    return found


def costs_of(universe: Universe, packages: Iterable[Package]) -> Costs:
    """What a choice costs by the wishes of mono, most important first.

    Raises:
        KeyError: a package is no candidate of the universe.
    """
    candidates = {
        candidate.package.identity: candidate
        for candidates in universe.candidates.values()
        for candidate in candidates
    }
    choices = (Choice(candidates[package.identity], (0,)) for package in packages)
    return tuple(costs(universe, Solution(tuple(choices)), {}).values())


def beside(costs: Costs, others: Costs) -> str:
    """How costs stand to others."""
    return "equal" if costs == others else "less" if costs < others else "MORE"


def write_table(compared: Sequence[Comparison]) -> None:
    """One line for each root, below build/."""
    path = BUILD / "agreement-with-opam.tsv"
    path.parent.mkdir(exist_ok=True)
    lines = ["root\tsolvable\tagreed\tsame_root\tsame\tcosts\topams\tsuperfluous\tbroken\treason"]
    lines += [
        f"{c.root}\t{c.solvable}\t{c.agreed}\t{c.same_root}\t{c.same:.2f}\t{' '.join(map(str, c.costs))}\t"
        f"{' '.join(map(str, c.opams))}\t{c.superfluous}\t{'; '.join(c.broken)}\t{c.reason}"
        for c in compared
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def print_summary(compared: Sequence[Comparison], opam: Opam) -> None:
    """The figures, and by name whatever is not agreement."""
    decided = [c for c in compared if not c.undecided]
    solved = [c for c in decided if c.agreed and c.solvable]
    neither = sum(c.agreed and not c.solvable for c in decided)
    print(
        f"agreement with opam {opam.variables['opam-version']} on {len(compared)} random roots: "
        f"{sum(c.agreed for c in decided)} agree ({len(solved)} solved, {neither} impossible), "
        f"{len(decided) - len(solved) - neither} disagree; "
        f"opam came to no end on {len(compared) - len(decided)}"
    )
    if solved:
        same = sum(c.same for c in solved) / len(solved)
        print(
            f"  same version of the root {sum(c.same_root for c in solved)} of {len(solved)}; "
            f"the same packages throughout {sum(c.same == 1 for c in solved)}; "
            f"{same:.0%} of an answer's packages are equal"
        )
        print(
            f"  {sum(c.hasty for c in solved)} times opam found no best answer in time, and was asked for any"
        )
        order = Counter(
            "equal" if c.costs == c.opams else "less" if c.costs < c.opams else "MORE" for c in solved
        )
        print(
            f"  opam's choice certified {sum(not c.broken for c in solved)}; by mono's wishes mono's costs "
            + ", ".join(f"{word} in {number}" for word, number in sorted(order.items()))
        )
    for c in compared:
        if not c.agreed:
            print(f"  {c.root}: {'mono' if c.solvable else 'opam'} alone can install it {c.reason}")
        elif not c.good:
            print(f"  {c.root}: opam's breaks {c.broken}; costs {c.costs}, opam's {c.opams}")
