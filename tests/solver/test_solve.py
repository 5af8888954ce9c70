"""Scenarios of the solver, and agreement with brute force on random small universes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.certificate import Locked, certify
from solver.explanation import Relation, explain
from solver.formula import AllOf, AnyOf, Comparison, Dependency, Text, Variable
from solver.nature import Nature
from solver.optimise import Uses, solve
from solver.package import Package, Source
from solver.replay import ReplayError, replay
from solver.request import Platform, Request, Restriction
from solver.solution import Solution, Unsolvable
from solver.universe import Universe, build_universe
from tests.solver.worlds import DUNE, World, bound, checksum, dependency, package, request, root


def answer(asked: Request, world: World) -> dict[str, str] | None:
    """Name to version, checked by replay and certificate; None where there is none."""
    universe = build_universe(asked, world)
    solution = solve(universe)
    if isinstance(solution, Unsolvable):
        assert explain(universe).steps
        return None
    assert certify(asked, locked(universe, solution)) == ()
    return {choice.candidate.name: str(choice.candidate.version) for choice in solution.choices}


def locked(universe: Universe, solution: Solution) -> list[Locked]:
    """The answer as the certificate takes it; raises `ReplayError` where it does not stand on its own."""
    inside = replay(universe, solution).inside
    return [
        Locked(
            choice.candidate.package,
            tuple(t for number in choice.platforms for t in universe.request.platforms[number].targets),
            choice.candidate.nature is Nature.DUNE and choice.candidate.name in inside,
        )
        for choice in solution.choices
    ]


def certified(universe: Universe, solution: Solution) -> bool:
    try:
        return not certify(universe.request, locked(universe, solution))
    except ReplayError:
        return False


@dataclass(frozen=True)
class Scenario:
    name: str
    world: Sequence[Package]
    expected: dict[str, str] | None
    depends: Sequence[str] = ("lib",)
    options: dict[str, object] = field(default_factory=dict)


FOREIGN = package("make-lib.1", dune=False)
SHARED = Source("https://example.org/mono.tbz", checksums=(checksum("mono2"),))
SHARED_OLD = Source("https://example.org/mono-1.tbz", checksums=(checksum("mono1"),))
REPO = "git+https://example.org/mono.git"

SCENARIOS = [
    Scenario("newest", [package("lib.1"), package("lib.2")], {"lib": "2"}),
    Scenario("newest that fits", [package("lib.1"), package("lib.2", "nowhere")], {"lib": "1"}),
    Scenario("avoided only where it must be",
             [package("lib.1"), package("lib.2", flags=frozenset({"avoid-version"}))], {"lib": "1"}),
    Scenario("deprecated counts as avoided",
             [package("lib.1"), package("lib.2", flags=frozenset({"deprecated"}))], {"lib": "1"}),
    Scenario("avoided where there is no other",
             [package("lib.2", flags=frozenset({"avoid-version"}))], {"lib": "2"}),
    Scenario("not built with dune", [package("lib.1"), package("lib.2", dune=False)], {"lib": "1"}),
    Scenario("nothing builds with dune", [package("lib.2", dune=False)], None),
    Scenario("no such package", [], None),
    Scenario("declared conflict",
             [package("lib.1"), package("lib.2", conflicts=(dependency("other >= 1"),)), package("other.1")],
             {"lib": "1", "other": "1"}, ("lib", "other")),
    Scenario("a package does not conflict with itself",
             [package("lib.2", conflicts=(dependency("lib < 3"),))], {"lib": "2"}),
    Scenario("conflict class",
             [package("lib.1", conflict_class=("c",)), package("other.1", conflict_class=("c",))],
             None, ("lib", "other")),
    Scenario("direct dependencies before the rest",
             [package("lib.1", "deep"), package("lib.2", "deep < 2"), package("deep.1"), package("deep.2")],
             {"lib": "2", "deep": "1"}),
    Scenario("the choice with fewer packages",
             [package("lib.1", "big or small"), package("big.1", "extra"), package("extra.1"), package("small.1")],
             {"lib": "1", "small": "1"}),
    Scenario("the canonical choice among equals",
             [package("lib.1", "one or two"), package("one.1"), package("two.1")], {"lib": "1", "two": "1"}),
    Scenario("provided packages may be foreign, and so may what they need",
             [package("lib.1", "tool"), package("tool.1", "make-lib", dune=False), FOREIGN],
             {"lib": "1", "tool": "1", "make-lib": "1"}, options={"provided": frozenset({"tool"})}),
    Scenario("foreign through a provided package does not help others",
             [package("lib.1", "tool", "make-lib"), package("tool.1", "make-lib", dune=False), FOREIGN],
             None, options={"provided": frozenset({"tool"})}),
    Scenario("any build system will do where nothing is built with dune",
             [package("lib.2", "make-lib", dune=False), package("lib.1"), FOREIGN],
             {"lib": "2", "make-lib": "1"}, options={"any_build_system": True}),
    Scenario("without dune, two archives of a dev-repo and a source without checksum do no harm",
             [package("a.2", source=SHARED_OLD, dev_repo=REPO), package("b.2", source=SHARED, dev_repo=REPO),
              package("c.1", source=Source("https://example.org/c.tbz"))],
             {"a": "2", "b": "2", "c": "1"}, ("a", "b", "c"), {"any_build_system": True}),
    Scenario("one archive of a dev-repo",
             [package("a.1", source=SHARED_OLD, dev_repo=REPO), package("a.2", source=SHARED, dev_repo=REPO),
              package("b.1", source=SHARED_OLD, dev_repo=REPO + "/")],
             {"a": "1", "b": "1"}, ("a", "b")),
    Scenario("another archive of a dev-repo may be installed outside",
             [package("tool.1", "a", dune=False), package("a.1", source=SHARED_OLD, dev_repo=REPO),
              package("b.2", source=SHARED, dev_repo=REPO)],
             {"a": "1", "b": "2", "tool": "1"}, ("tool", "b"), {"provided": frozenset({"tool"})}),
    Scenario("a restriction of the user's",
             [package("lib.1"), package("lib.2")], {"lib": "1"},
             options={"restrictions": (Restriction("lib", bound("< 2"), "lib {< 2}", "mono.toml:3"),)}),
    Scenario("not available", [package("lib.1"), package("lib.2", available=Comparison(Variable("os"), "=", Text("macos")))], {"lib": "1"}),
]  # fmt: skip


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    world = World([*(p for p in scenario.world), DUNE])
    found = answer(request(root(*scenario.depends), **scenario.options), world)
    expected = scenario.expected and {**scenario.expected, "app": "dev", "dune": "3.17"}
    assert found == expected


def test_per_platform_membership_and_one_version() -> None:

    only_macos = Dependency("mac", Comparison(Variable("os"), "=", Text("macos")))
    app = Package("app", DUNE.version, AllOf((only_macos, Dependency("lib"), Dependency("dune"))))
    platforms = (Platform(("host",), {"os": "linux"}), Platform(("mac",), {"os": "macos"}))
    world = World([package("mac.1", "lib < 2"), package("lib.1"), package("lib.2"), DUNE])
    universe = build_universe(request(app, platforms=platforms), world)
    solution = solve(universe)
    assert isinstance(solution, Solution)
    found = {c.candidate.name: (str(c.candidate.version), c.platforms) for c in solution.choices}
    assert found["lib"] == ("1", (0, 1))
    assert found["mac"] == ("1", (1,))
    assert certify(universe.request, locked(universe, solution)) == ()


def test_explanation_names_only_the_clash() -> None:
    world = World(
        [
            package("lib.1", "ocaml < 5", "fine"),
            package("fine.1"),
            package("ocaml.4"),
            package("ocaml.5"),
            DUNE,
        ]
    )
    universe = build_universe(request(root("lib", "ocaml >= 5", "fine")), world)
    assert isinstance(solve(universe), Unsolvable)
    told = explain(universe)
    reasons = {(step.reason.who, step.reason.relation, step.reason.whom) for step in told.steps}
    assert reasons == {
        ("", Relation.ASKED, ("app",)),
        ("app", Relation.NEEDS, ("lib",)),
        ("app", Relation.NEEDS, ("ocaml",)),
        ("lib", Relation.NEEDS, ("ocaml",)),
    }
    assert [missing.name for missing in told.missing] == ["ocaml"]


def test_used_nowhere_without_need() -> None:
    """A package that one platform needs is not used on another for nothing, however many answers tie."""
    on_mac = Dependency("mac", Comparison(Variable("os"), "=", Text("macos")))
    app = Package("app", DUNE.version, AllOf((on_mac, Dependency("lib"), Dependency("dune"))))
    platforms = tuple(
        Platform((name,), {"os": os}) for name, os in (("a", "linux"), ("b", "macos"), ("c", "bsd"))
    )
    world = World(
        [package("mac.1", "one or two"), package("lib.1"), package("one.1"), package("two.1"), DUNE]
    )
    universe = build_universe(request(app, platforms=platforms), world)
    solution = solve(universe)
    assert isinstance(solution, Solution)
    found = {c.candidate.name: c.platforms for c in solution.choices}
    assert found == {"app": (0, 1, 2), "dune": (0, 1, 2), "lib": (0, 1, 2), "mac": (1,), "two": (1,)}
    replay(universe, solution)


def test_a_cross_compiler_gets_what_is_built_and_the_host_what_is_there() -> None:
    """zarith needs ("gmp" | "conf-gmp"): Solo5 cannot link the host's library, the host needs no second one."""
    world = World(
        [
            package("zarith.1", "gmp or conf-gmp"),
            package("gmp.6", "conf-m4"),
            package("conf-gmp.5", dune=False, source=None, flags=frozenset({"conf"})),
            package("conf-m4.1", dune=False, source=None, flags=frozenset({"conf"})),
            DUNE,
        ]
    )
    for cross, expected in ((False, {"conf-gmp"}), (True, {"gmp", "conf-m4"})):
        platform = Platform(("target",), {"os": "linux"}, cross=cross)
        solution = solve(build_universe(request(root("zarith"), platforms=(platform,)), world))
        assert isinstance(solution, Solution)
        assert {c.candidate.name for c in solution.choices} == {"app", "dune", "zarith", *expected}


def test_restrictions_are_judged_on_each_platform() -> None:
    on_linux = AllOf((bound("< 2"), Comparison(Variable("os"), "=", Text("linux"))))
    platforms = (Platform(("one",), {"os": "linux"}), Platform(("two",), {"os": "macos"}))
    world = World([package("lib.1"), package("lib.2"), DUNE])
    asked = request(
        root("lib"),
        platforms=platforms,
        restrictions=(Restriction("lib", on_linux, "lib {< 2 & os = linux}", "mono.toml:1"),),
    )
    assert answer(asked, world) == {"app": "dev", "dune": "3.17", "lib": "1"}


def test_a_restriction_on_a_root_is_told() -> None:
    asked = request(root(), restrictions=(Restriction("app", bound("< 2"), "app {< 2}", "mono.toml:1"),))
    assert answer(asked, World([DUNE])) is None


def test_where_a_package_is_not_available_is_told() -> None:
    on_linux = Comparison(Variable("os"), "=", Text("linux"))
    platforms = (Platform(("one",), {"os": "linux"}), Platform(("two",), {"os": "macos"}))
    world = World([package("lib.1", available=on_linux), DUNE])
    universe = build_universe(request(root("lib"), platforms=platforms), world)
    assert isinstance(solve(universe), Unsolvable)
    steps = [(s.reason.who, s.reason.relation, s.reason.whom) for s in explain(universe).steps]
    assert ("lib", Relation.UNAVAILABLE, ("two",)) in steps


class Remembered:
    """A memory in a dictionary."""

    def __init__(self) -> None:
        self.answers: dict[str, Uses] = {}

    def recall(self, problem: str) -> Uses | None:
        return self.answers.get(problem)

    def remember(self, problem: str, uses: Uses) -> None:
        self.answers[problem] = uses


def test_a_problem_is_solved_once_and_another_is_another() -> None:
    memory = Remembered()
    world = World([package("lib.1"), package("lib.2"), DUNE])
    first = solve(build_universe(request(root("lib")), world), memory)
    assert solve(build_universe(request(root("lib")), world), memory) == first
    assert len(memory.answers) == 1
    assert solve(build_universe(request(root("lib < 2")), world), memory) != first
    assert len(memory.answers) == 2


# Brute force on random universes.

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
                    flags=frozenset({"avoid-version"}) if draw(st.integers(0, 5)) == 0 else frozenset(),
                    source=Source(
                        "https://example.org/x", checksums=(checksum(str(draw(st.integers(0, 2)))),)
                    ),
                    dev_repo=draw(st.sampled_from((None, REPO))),
                )
            )
    provided = frozenset(draw(st.lists(st.sampled_from(NAMES), max_size=1)))
    asked = request(root(*draw(st.lists(choices, max_size=3, unique=True))), provided=provided)
    return asked, World([*packages, DUNE])


def brute_force(asked: Request, world: World) -> tuple[tuple[int, ...], dict[str, str]] | None:
    """The best of all subsets that the certificate accepts, and its costs."""
    universe = build_universe(asked, world)
    best: tuple[tuple[object, ...], tuple[int, ...], dict[str, str]] | None = None
    for chosen in _subsets(universe):
        if not certified(universe, chosen) or not _dune_rule(universe, chosen):
            continue
        costs = _costs(universe, chosen)
        names = {c.candidate.name: c.candidate for c in chosen.choices}
        order = tuple(
            0 if name not in names else 1 + universe.candidates[name].index(names[name])
            for name in sorted(universe.candidates)
        )
        if best is None or (costs, order) < (best[1], best[0]):
            best = (order, costs, {name: str(c.version) for name, c in names.items()})
    return None if best is None else (best[1], best[2])


def _subsets(universe: Universe) -> Iterator[Solution]:
    from solver.solution import Choice

    for combination in itertools.product(*((None, *versions) for versions in universe.candidates.values())):
        yield Solution(tuple(Choice(c, (0,)) for c in combination if c is not None), ())


def _dune_rule(universe: Universe, chosen: Solution) -> bool:
    """What does not build with dune is needed only from outside."""
    graph = replay(universe, chosen)
    return not any(c.candidate.outsider and c.candidate.name in graph.inside for c in chosen.choices)


def _costs(universe: Universe, chosen: Solution) -> tuple[int, ...]:
    candidates = [choice.candidate for choice in chosen.choices]
    age = {c.name: universe.candidates[c.name].index(c) for c in candidates}
    direct = universe.request.direct
    return (
        sum(c.avoided for c in candidates),
        0,
        sum(age[c.name] for c in candidates if c.name in direct),
        sum(age[c.name] for c in candidates if c.name not in direct),
        len(candidates),
    )


@settings(max_examples=400, deadline=None)
@given(worlds())
def test_agrees_with_brute_force(drawn: tuple[Request, World]) -> None:
    asked, world = drawn
    universe = build_universe(asked, world)
    solution = solve(universe)
    expected = brute_force(asked, world)
    if expected is None:
        assert isinstance(solution, Unsolvable)
        assert explain(universe).steps
        return
    assert isinstance(solution, Solution)
    replay(universe, solution)
    assert certify(asked, locked(universe, solution)) == ()
    assert solution.costs == expected[0]
    assert {c.candidate.name: str(c.candidate.version) for c in solution.choices} == expected[1]


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

    def depends(most: int) -> AllOf:
        return AllOf((*draw(st.lists(choices, max_size=most)), Dependency("dune")))

    packages = [
        package(
            f"{name}.{version}",
            depends=depends(1),
            conflicts=(dependency(draw(st.sampled_from(names))),) if draw(st.integers(0, 4)) == 0 else (),
            available=draw(st.sampled_from((None, None, *SOMEWHERE))),
        )
        for name in names
        for version in range(1, draw(st.integers(0, 2)) + 1)
    ]
    app = Package("app", DUNE.version, depends(2))
    return request(app, platforms=TWO), World([*packages, DUNE])


def memberships(universe: Universe) -> Iterator[Solution]:
    from solver.solution import Choice

    places = ((0,), (1,), (0, 1))
    options: list[list[Choice | None]] = []
    for name, candidates in universe.candidates.items():
        if name in ("app", "dune"):
            options.append([Choice(candidates[0], (0, 1))])
        else:
            options.append([None, *(Choice(c, where) for c in candidates for where in places)])
    for combination in itertools.product(*options):
        yield Solution(tuple(choice for choice in combination if choice is not None), ())


def preference(universe: Universe, chosen: Solution) -> tuple[object, ...]:
    """Costs, then the canonical order: versions by name, then uses by name, version and platform."""
    by_name = {choice.candidate.name: choice for choice in chosen.choices}
    versions: list[int] = []
    uses: list[bool] = []
    for name in sorted(universe.candidates):
        choice = by_name.get(name)
        candidates = universe.candidates[name]
        versions.append(0 if choice is None else 1 + candidates.index(choice.candidate))
        uses.extend(
            choice is not None and choice.candidate is candidate and platform in choice.platforms
            for candidate in candidates
            for platform in (0, 1)
        )
    number_of_uses = sum(len(choice.platforms) for choice in chosen.choices)
    return (*_costs(universe, chosen), number_of_uses, versions, uses)


@settings(max_examples=150, deadline=None)
@given(worlds_of_two_platforms())
def test_agrees_with_brute_force_on_two_platforms(drawn: tuple[Request, World]) -> None:
    asked, world = drawn
    universe = build_universe(asked, world)
    solution = solve(universe)
    good = [chosen for chosen in memberships(universe) if certified(universe, chosen)]
    if not good:
        assert isinstance(solution, Unsolvable)
        return
    best = min(good, key=lambda chosen: preference(universe, chosen))
    assert isinstance(solution, Solution)
    assert {(c.candidate.package.identity, c.platforms) for c in solution.choices} == {
        (c.candidate.package.identity, c.platforms) for c in best.choices
    }
    replay(universe, solution)
