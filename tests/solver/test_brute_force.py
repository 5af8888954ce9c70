"""Agreement with brute force on random small universes: the same answer, or none.

`make test` takes the same few thousand each time, `make nightly` 100,000 others every time.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.wishes import Staying, costs
from solver.certificate import certify
from solver.formula import AllOf, AnyOf, Comparison, Dependency, Text, Variable
from solver.optimise import solve
from solver.package import Package, Source
from solver.replay import replay
from solver.request import Platform, Preferences, Request
from solver.solution import Choice, Solution, Unsolvable
from solver.story import explain
from solver.universe import Candidate, Universe, build_universe
from solver.version import Version
from tests.solver.test_solve import REPO, locked
from tests.solver.worlds import DUNE, World, checksum, dependency, package, request, root

EXAMPLES = int(os.environ.get("MONO_EXAMPLES", "0"))
"""How many universes a nightly run takes for each test, in parts that the processors there are share."""

PART = 1000

PARTS = pytest.mark.parametrize("part", range(max(1, EXAMPLES // PART)))


def examples(usual: int) -> settings:
    return settings(max_examples=PART if EXAMPLES else usual, derandomize=not EXAMPLES)


NAMES = ("a", "b", "c", "d")
RELATIONS = ("", " >= 2", " < 2", " = 1", " != 2")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Request, World]:
    packages: list[Package] = []
    atoms = st.builds("{}{}".format, st.sampled_from(NAMES), st.sampled_from(RELATIONS))
    choices = st.lists(atoms, min_size=1, max_size=2, unique=True).map(" or ".join)
    for name in NAMES:
        for version in range(1, draw(st.integers(0, 3)) + 1):
            others = st.lists(choices, max_size=2, unique=True)
            depends = [d for d in draw(others) if f"{name} " not in f"{d} "]
            packages.append(
                package(
                    f"{name}.{version}",
                    *depends,
                    dune=draw(st.integers(0, 9)) > 0,
                    conflicts=tuple(dependency(a) for a in draw(st.lists(atoms, max_size=1))),
                    conflict_class=("k",) if draw(st.integers(0, 7)) == 0 else (),
                    flags=frozenset(
                        (
                            *(("avoid-version",) if draw(st.integers(0, 5)) == 0 else ()),
                            *(("compiler",) if name == "d" else ()),
                        )
                    ),
                    source=Source(
                        "https://example.org/x", checksums=(checksum(str(draw(st.integers(0, 2)))),)
                    ),
                    dev_repo=draw(st.sampled_from((None, REPO))),
                )
            )
    preferences = Preferences(
        {
            name: frozenset({Version.parse(str(draw(st.integers(1, 3))))})
            for name in draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
        },
        frozenset(draw(st.lists(st.sampled_from(NAMES), max_size=1))),
        draw(st.integers(0, 3)) == 0,
    )
    provided = frozenset(draw(st.lists(st.sampled_from(NAMES), max_size=1)))
    asked = request(
        root(*draw(st.lists(choices, max_size=3, unique=True))),
        provided=provided,
        preferences=preferences,
        any_build_system=draw(st.integers(0, 5)) == 0,
    )
    return asked, World([*packages, DUNE])


def brute_force(asked: Request, world: World) -> dict[str, str] | None:
    """The best of all subsets that the certificate accepts."""
    universe = build_universe(asked, world)
    best: tuple[tuple[object, ...], tuple[int, ...], dict[str, str]] | None = None
    answers = [chosen for chosen in _subsets(universe) if _acceptable(universe, chosen)]
    staying = stay(asked, answers)
    for chosen in answers:
        cost = tuple(costs(universe, chosen, staying).values())
        names = {c.candidate.name: c.candidate for c in chosen.choices}
        order = tuple(
            0 if name not in names else 1 + versions(universe, name).index(names[name])
            for name in sorted(universe.candidates)
        )
        if best is None or (cost, order) < (best[1], best[0]):
            best = (order, cost, {name: str(c.version) for name, c in names.items()})
    return None if best is None else best[2]


def versions(universe: Universe, name: str) -> Sequence[Candidate]:
    """The best first."""
    candidates = universe.candidates[name]
    return candidates[::-1] if universe.request.preferences.lowest else candidates


def _subsets(universe: Universe) -> Iterator[Solution]:
    """Every way to choose a version of each package or none; there is always the root, which needs dune."""
    options = [
        candidates if name in ("app", "dune") else (None, *candidates)
        for name, candidates in universe.candidates.items()
    ]
    for combination in itertools.product(*options):
        yield Solution(tuple(Choice(c, (0,)) for c in combination if c is not None))


def _acceptable(universe: Universe, chosen: Solution) -> bool:
    """Whether the certificate accepts it, and what does not build with dune is needed only from outside."""
    if certify(universe.request, locked(universe, chosen)):
        return False
    inside = replay(universe, chosen).inside
    return not any(c.candidate.outsider and c.candidate.package.identity in inside for c in chosen.choices)


def stay(asked: Request, answers: Sequence[Solution]) -> Staying:
    """The versions of the old lock that some answer has."""
    had = {
        (choice.candidate.name, choice.candidate.version) for chosen in answers for choice in chosen.choices
    }
    return {
        name: frozenset(version for version in versions if (name, version) in had)
        for name, versions in asked.preferences.kept.items()
    }


@PARTS
@examples(1500)
@given(drawn=worlds())
def test_agrees_with_brute_force(drawn: tuple[Request, World], part: int) -> None:
    asked, world = drawn
    universe = build_universe(asked, world)
    solution = solve(universe)
    expected = brute_force(asked, world)
    if expected is None:
        assert isinstance(solution, Unsolvable)
        assert explain(asked, world).steps
        return
    assert isinstance(solution, Solution)
    replay(universe, solution)
    assert certify(asked, locked(universe, solution)) == ()
    assert {c.candidate.name: str(c.candidate.version) for c in solution.choices} == expected


# The same on two platforms, where membership is chosen too.

SOMEWHERE = (
    None,
    Comparison(Variable("os"), "=", Text("linux")),
    Comparison(Variable("os"), "=", Text("macos")),
)
TWO = (Platform(("one",), {"os": "linux"}), Platform(("two",), {"os": "macos"}))


@st.composite
def worlds_of_two_platforms(draw: st.DrawFn) -> tuple[Request, World]:
    names = NAMES[:3]
    needs = st.builds(Dependency, st.sampled_from(names), st.sampled_from(SOMEWHERE))
    choices = st.lists(needs, min_size=1, max_size=2, unique=True).map(lambda parts: AnyOf(tuple(parts)))

    def depends(most: int, *, dune: bool) -> AllOf:
        needs = draw(st.lists(choices, max_size=most))
        return AllOf((*needs, Dependency("dune")) if dune else tuple(needs))

    packages = [
        package(
            f"{name}.{version}",
            depends=depends(1, dune=draw(st.integers(0, 7)) > 0),
            conflicts=(dependency(draw(st.sampled_from(names))),) if draw(st.integers(0, 4)) == 0 else (),
            available=draw(st.sampled_from((None, None, *SOMEWHERE))),
            conflict_class=("k",) if draw(st.integers(0, 7)) == 0 else (),
            flags=frozenset({"avoid-version"}) if draw(st.integers(0, 5)) == 0 else frozenset(),
        )
        for name in names
        for version in range(1, draw(st.integers(0, 2)) + 1)
    ]
    app = Package("app", DUNE.version, depends(2, dune=True))
    provided = frozenset(draw(st.lists(st.sampled_from(names), max_size=1)))
    return request(app, platforms=TWO, provided=provided), World([*packages, DUNE])


def memberships(universe: Universe) -> Iterator[Solution]:
    """Every way to choose, on each of two platforms, a version of each package or none."""
    options: list[list[tuple[Candidate | None, Candidate | None]]] = []
    for name, candidates in universe.candidates.items():
        if name in ("app", "dune"):
            options.append([(candidates[0], candidates[0])])
        else:
            options.append(list(itertools.product((None, *candidates), repeat=2)))
    for combination in itertools.product(*options):
        choices: list[Choice] = []
        for one, other in combination:
            if one is other:
                choices += [Choice(one, (0, 1))] if one else []
            else:
                choices += [Choice(c, (place,)) for place, c in enumerate((one, other)) if c is not None]
        yield Solution(tuple(choices))


def preference(universe: Universe, chosen: Solution) -> tuple[object, ...]:
    """Costs, then the canonical order: versions by name, then uses by name, version and platform."""
    used = {(c.candidate.name, c.candidate.version, p) for c in chosen.choices for p in c.platforms}
    left_out: list[bool] = []
    rank: list[tuple[bool, ...]] = []
    uses: list[bool] = []
    for name in sorted(universe.candidates):
        candidates = universe.candidates[name]
        chosen_here = tuple(any((name, c.version, p) in used for p in (0, 1)) for c in candidates)
        # left out, or else the newest version chosen, or else …
        left_out.append(any(chosen_here))
        rank.append(tuple(not is_chosen for is_chosen in chosen_here) if any(chosen_here) else ())
        uses.extend((name, c.version, p) in used for c in candidates for p in (0, 1))
    number_of_uses = sum(len(choice.platforms) for choice in chosen.choices)
    interleaved = [key for pair in zip(left_out, rank, strict=True) for key in pair]
    return (*costs(universe, chosen, {}).values(), number_of_uses, interleaved, uses)


@PARTS
@examples(1000)
@given(drawn=worlds_of_two_platforms())
def test_agrees_with_brute_force_on_two_platforms(drawn: tuple[Request, World], part: int) -> None:
    asked, world = drawn
    universe = build_universe(asked, world)
    solution = solve(universe)
    good = [chosen for chosen in memberships(universe) if _acceptable(universe, chosen)]
    if not good:
        assert isinstance(solution, Unsolvable)
        assert explain(asked, world).steps
        return
    best = min(good, key=lambda chosen: preference(universe, chosen))
    assert isinstance(solution, Solution)
    assert {(c.candidate.package.identity, c.platforms) for c in solution.choices} == {
        (c.candidate.package.identity, c.platforms) for c in best.choices
    }
    replay(universe, solution)
