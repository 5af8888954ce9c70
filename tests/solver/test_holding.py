"""Why the best answer has not the newest version of a package."""

from __future__ import annotations

import pytest

from monorepo.cli.holding import holding_words
from solver.holding import Holdings
from solver.optimise import solve
from solver.package import Package
from solver.request import Platform, Restriction
from solver.solution import Solution
from solver.universe import build_universe
from tests.solver.worlds import DUNE, World, bound, dependency, package, request, root

PLACES = {("app", "lib"): "app.opam:5", ("app", "base"): "app.opam:7"}


def held(name: str, roots: tuple[Package, ...], *packages: Package, **fields: object) -> str | None:
    """What is said of the newest version of ``name``; None where the answer has it."""
    universe = build_universe(request(*roots, **fields), World((*packages, DUNE)))
    solution = solve(universe)
    assert isinstance(solution, Solution)
    taken = next(choice.candidate.version for choice in solution.choices if choice.candidate.name == name)
    newest = max(package.version for package in packages if package.name == name and not package.avoided)
    if newest == taken:
        return None
    told = [Holdings(universe, solution, n).of(name, newest) for n in range(len(universe.request.platforms))]
    return f"{newest}: {holding_words(told[-1], name, PLACES)}"


LIB = (package("lib.1"), package("lib.2"))

CASES = {
    "nothing": ((root("lib"),), LIB, None),
    "a root": ((root("lib < 2"),), LIB, "2: app needs lib < 2 (app.opam:5)"),
    "another package": (
        (root("lib", "other"),),
        (*LIB, package("other.1", "lib < 2"), package("other.0", "lib < 2")),
        "2: other 1 needs lib < 2",
    ),
    "another that would be older": (
        (root("lib", "other"),),
        (*LIB, package("other.3", "lib < 2"), package("other.2", "lib < 2"), package("other.1")),
        "2: other 3 needs lib < 2",
    ),
    "it needs a newer one": (
        (root("lib", "base < 5"),),
        (package("lib.1"), package("lib.2", "base >= 5"), package("base.4"), package("base.5")),
        "2: needs base >= 5, and app needs base < 5 (app.opam:7)",
    ),
    "it needs an older one": (
        (root("lib", "base"),),
        (package("lib.1"), package("lib.2", "base < 5"), package("base.4"), package("base.5")),
        "2: needs base < 5, not 5",
    ),
    "it needs one of several": (
        (root("lib", "base < 5"),),
        (package("lib.1"), package("lib.2", "base >= 5 or none"), package("base.4"), package("base.5")),
        "2: needs base >= 5 or the like, not 4",
    ),
    "it needs what does not build with dune": (
        (root("lib"),),
        (package("lib.1"), package("lib.2", "topkg"), package("topkg.1", dune=False)),
        "2: needs topkg, which does not build with dune",
    ),
    "it needs what nobody has": (
        (root("lib"),),
        (package("lib.1"), package("lib.2", "base >= 5"), package("base.4")),
        "2: needs base >= 5, and no such base can be had",
    ),
    "it does not build with dune": (
        (root("lib"),),
        (package("lib.1"), package("lib.2", dune=False)),
        "2: does not build with dune",
    ),
    "it is to be avoided": (
        (root("lib"),),
        (package("lib.1"), package("lib.2", flags=frozenset({"avoid-version"}))),
        None,
    ),
    "the newest is to be avoided, and another is held": (
        (root("lib < 2"),),
        (*LIB, package("lib.3", flags=frozenset({"deprecated"}))),
        "2: app needs lib < 2 (app.opam:5)",
    ),
    "it conflicts": (
        (root("lib", "other"),),
        (package("lib.1"), package("lib.2", conflicts=(dependency("other"),)), package("other.1")),
        "2: conflicts with other 1",
    ),
    "another conflicts with it": (
        (root("lib", "other"),),
        (*LIB, package("other.1", conflicts=(dependency("lib >= 2"),))),
        "2: conflicts with other 1",
    ),
    "a conflict class is taken": (
        (root("lib", "other"),),
        (
            package("lib.1"),
            package("lib.2", conflict_class=("one",)),
            package("other.1", conflict_class=("one",)),
        ),
        "2: conflicts with other 1",
    ),
    "what it would itself move is no reason": (
        (root("lib", "git"),),
        (
            *(package(f"lib.{n}", f"core = {n}") for n in (1, 2)),
            *(package(f"core.{n}", f"plugin = {n}") for n in (1, 2)),
            *(package(f"plugin.{n}", f"lib = {n}") for n in (1, 2)),
            package("git.3", "core < 2"),
        ),
        "2: needs core = 2, and git 3 needs core < 2",
    ),
    "its own older version is no reason": (
        (root("lib", "other"),),
        (
            *(package("lib.1", "base < 2"), package("lib.2", "base >= 2")),
            *(package("base.1"), package("base.2"), package("other.3", "base < 2")),
        ),
        "2: needs base >= 2, and other 3 needs base < 2",
    ),
    "a package that is held back itself": (
        (root("lib", "git"),),
        (
            *LIB,
            package("plugin.1", "lib < 2"),
            package("plugin.2", "core"),
            package("core.1"),
            package("git.3", "plugin < 2"),
        ),
        "2: plugin 1 needs lib < 2",
    ),
    "another moves along, and what it then needs is older": (
        (root("lib", "base", "mid"),),
        (
            package("lib.1"),
            package("lib.2", "mid >= 2"),
            package("mid.1"),
            package("mid.2", "base < 2"),
            package("base.1"),
            package("base.2"),
        ),
        None,
    ),
    "it goes with what would be older, by a long way": (
        (root("lib", "base"),),
        (
            package("lib.1"),
            package("lib.2", "mid"),
            package("mid.1", "base < 5"),
            package("base.4"),
            package("base.5"),
            package("base.6"),
        ),
        "2: does not go with base 6",
    ),
    "it goes only with what is to be avoided": (
        (root("lib"),),
        (
            *(package("lib.1"), package("lib.2", "mid"), package("mid.1", "new")),
            package("new.1", flags=frozenset({"deprecated"})),
        ),
        "2: goes only with new 1, flagged deprecated",
    ),
    "it needs what is to be avoided": (
        (root("lib"),),
        (package("lib.1"), package("lib.2", "new"), package("new.1", flags=frozenset({"avoid-version"}))),
        "2: needs new, flagged avoid-version",
    ),
    "it brings along what is not new": (
        (root("lib"),),
        (
            package("lib.1"),
            package("lib.2", "new < 2"),
            *(package(f"new.{n}") for n in (1, 2, 3)),
            package("lib.0"),
        ),
        None,
    ),
}


@pytest.mark.parametrize(("roots", "packages", "expected"), CASES.values(), ids=CASES)
def test_the_reason_is_told(
    roots: tuple[Package, ...], packages: tuple[Package, ...], expected: str | None
) -> None:
    assert held("lib", roots, *packages) == expected


def test_a_bound_of_the_project_is_told_with_its_line() -> None:
    restriction = Restriction("lib", bound("< 2"), "lib {< 2}", "mono.toml:4")
    assert held("lib", (root("lib"),), *LIB, restrictions=(restriction,)) == "2: lib < 2 (mono.toml:4)"


def test_a_bound_of_the_project_on_what_it_needs_is_told_with_its_line() -> None:
    restriction = Restriction("base", bound("< 2"), "base {< 2}", "mono.toml:4")
    packages = (package("lib.1"), package("lib.2", "base >= 2"), package("base.1"), package("base.2"))
    told = held("lib", (root("lib", "base"),), *packages, restrictions=(restriction,))
    assert told == "2: needs base >= 2, and the project allows only base < 2 (mono.toml:4)"


def test_one_target_may_hold_all_others_back() -> None:
    from solver.formula import Comparison, Text, Variable

    platforms = tuple(Platform((name,), {"os": name}) for name in ("linux", "mac"))
    linux = Comparison(Variable("os"), "=", Text("linux"))
    newer = package("lib.2", available=linux)
    assert (
        held("lib", (root("lib"),), package("lib.1"), newer, platforms=platforms) == "2: not available on mac"
    )


@pytest.mark.parametrize("others", ["abcde", "edcba", "cadbe"])
def test_of_several_reasons_the_first_by_name_is_told(others: str) -> None:
    """Whichever of them the solver comes upon."""
    told = held(
        "lib",
        (root("lib", *others),),
        *(package("lib.1"), package("lib.2", "mid"), package("mid.1", *(f"{name} < 2" for name in others))),
        *(package(f"{name}.{version}") for name in others for version in (1, 2)),
    )
    assert told == "2: does not go with a 2"
