"""The verdict on a root, and the figures over all verdicts."""

from __future__ import annotations

import pytest

from bench.repository import decide, quantile, reason, shared
from bench.snapshot import WITH_DUNE, WITHOUT_DUNE
from solver.formula import Comparison, Text, Variable
from tests.solver.worlds import DUNE, World, package

ELSEWHERE = Comparison(Variable("os"), "=", Text("macos"))

WORLD = World(
    [
        package("ocaml-base-compiler.5", dune=False, flags=frozenset({"compiler"}), conflict_class=("core",)),
        package("ocaml-variants.5", dune=False, flags=frozenset({"compiler"}), conflict_class=("core",)),
        package("lib.1"),
        package("make-lib.1", dune=False),
        package("mac.1", available=ELSEWHERE),
        package("lost.1", "nowhere"),
        package("narrow.1", "lib >= 2"),
        package("one.1", "lib", conflict_class=("k",)),
        package("two.1", "one", conflict_class=("k",)),
        DUNE,
    ]
)


@pytest.mark.parametrize(
    ("root", "with_dune", "without"),
    [
        ("lib", "", ""),
        ("make-lib", "does-not-build-with-dune", ""),
        ("ocaml-variants", "", ""),
        ("mac", "not-available-on-target", "not-available-on-target"),
        ("lost", "no-such-package", "no-such-package"),
        ("narrow", "no-version-in-range", "no-version-in-range"),
        ("two", "conflict", "conflict"),
    ],
)
def test_verdicts(root: str, with_dune: str, without: str) -> None:
    for rule, cause in ((WITH_DUNE, with_dune), (WITHOUT_DUNE, without)):
        assert bool(decide(WORLD, root, rule).packages) == (not cause)
        if cause:
            assert reason(WORLD, root, rule) == cause


def test_work_is_shared_in_order() -> None:
    names = ["make-lib", "lost", "lib"] * 9
    verdicts = shared(decide, WORLD, names, WITHOUT_DUNE)
    assert [(verdict.root, bool(verdict.packages)) for verdict in verdicts] == [
        (name, name != "lost") for name in names
    ]


def test_quantiles() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert [quantile(values, part) for part in (0.5, 0.95, 0.99, 1)] == [50, 95, 99, 100]
    assert quantile([7.0], 0.5) == quantile([7.0], 1) == 7
