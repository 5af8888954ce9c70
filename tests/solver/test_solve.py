"""Scenarios of the solver, and agreement with brute force on random small universes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from solver.certificate import Locked, certify
from solver.formula import AllOf, Comparison, Dependency, Text, Variable
from solver.optimise import Uses, solve
from solver.package import Package, Source
from solver.reason import Relation
from solver.replay import replay
from solver.request import Platform, Preferences, Request, Restriction
from solver.solution import Solution, Unsolvable
from solver.story import explain
from solver.universe import Universe, build_universe
from solver.version import Version
from tests.solver.worlds import DUNE, World, bound, checksum, dependency, package, request, root


def answer(asked: Request, world: World) -> dict[str, str] | None:
    """Name to version, checked by replay and certificate; None where there is none."""
    universe = build_universe(asked, world)
    solution = solve(universe)
    if isinstance(solution, Unsolvable):
        assert explain(asked, world).steps
        return None
    replay(universe, solution)
    assert certify(asked, locked(universe, solution)) == ()
    return {choice.candidate.name: str(choice.candidate.version) for choice in solution.choices}


def locked(universe: Universe, solution: Solution) -> list[Locked]:
    """The answer as the certificate takes it."""
    return [
        Locked(
            choice.candidate.package,
            tuple(t for number in choice.platforms for t in universe.request.platforms[number].targets),
        )
        for choice in solution.choices
    ]


@dataclass(frozen=True)
class Scenario:
    name: str
    world: Sequence[Package]
    expected: dict[str, str] | None
    depends: Sequence[str] = ("lib",)
    options: dict[str, object] = field(default_factory=dict)


def kept(*identities: str) -> dict[str, frozenset[Version]]:
    """What an old lock has, as `Preferences` takes it."""
    split = (identity.partition(".") for identity in identities)
    return {name: frozenset({Version.parse(version)}) for name, _, version in split}


COMPILER = frozenset({"compiler"})
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
    Scenario("what is not vendored needs no checksum",
             [package("lib.1", source=Source("https://example.org/lib.tbz"))], {"lib": "1"},
             options={"any_build_system": True}),
    Scenario("two archives of a dev-repo side by side",
             [package("a.1", source=SHARED_OLD, dev_repo=REPO), package("a.2", source=SHARED, dev_repo=REPO),
              package("b.1", source=SHARED_OLD, dev_repo=REPO + "/")],
             {"a": "2", "b": "1"}, ("a", "b")),
    Scenario("one archive rather than two, where nothing is older for it",
             [package("lib.1", "a", "b or c"), package("a.1", source=SHARED, dev_repo=REPO),
              package("b.1", source=SHARED_OLD, dev_repo=REPO), package("c.1", source=SHARED, dev_repo=REPO)],
             {"lib": "1", "a": "1", "c": "1"}),
    Scenario("what an old lock has stays",
             [package("lib.1"), package("lib.2")], {"lib": "1"},
             options={"preferences": Preferences(kept=kept("lib.1"))}),
    Scenario("what an old lock has moves where it must, the rest stays",
             [package("lib.1"), package("lib.2"), package("other.1"), package("other.2")],
             {"lib": "2", "other": "1"}, ("lib >= 2", "other"),
             {"preferences": Preferences(kept=kept("lib.1", "other.1"))}),
    Scenario("another compiler is one change, however many packages make it up",
             [package("ocaml.1", "core", flags=COMPILER), package("ocaml.2", "nowhere", flags=COMPILER),
              package("ocaml.3", "core < 2", flags=COMPILER), package("ocaml.4", "core", flags=COMPILER),
              package("core.1", flags=COMPILER), package("core.2", flags=COMPILER),
              package("lib.1"), package("lib.2", "ocaml < 4")],
             {"ocaml": "3", "core": "1", "lib": "2"}, ("ocaml", "lib"),
             {"preferences": Preferences(kept=kept("ocaml.4", "core.2", "lib.1"), sought=frozenset({"lib"}))}),
    Scenario("what of a compiler can stay stays, where the rest cannot",
             [package("ocaml.2", "core", flags=COMPILER), package("ocaml.3", "core", flags=COMPILER),
              package("core.2", flags=COMPILER), package("core.3", flags=COMPILER)],
             {"ocaml": "2", "core": "2"}, ("ocaml < 3",),
             {"preferences": Preferences(kept=kept("ocaml.3", "core.2"))}),
    Scenario("what is new to the lock is the newest that moves nothing",
             [package("lib.1"), package("lib.2"), package("new.1"), package("new.2", "lib >= 2")],
             {"lib": "1", "new": "1"}, ("lib", "new"),
             {"preferences": Preferences(kept=kept("lib.1"))}),
    Scenario("no package is added to a lock for one that is in it",
             [package("lib.1", "big or small"), package("big.1", "extra"), package("extra.1"), package("small.1")],
             {"lib": "1", "big": "1", "extra": "1"},
             options={"preferences": Preferences(kept=kept("lib.1", "big.1", "extra.1"))}),
    Scenario("where what an old lock has cannot stay, another version of it is no worse than none",
             [package("core.1"), package("core.2"), package("lib.1"), package("lib.2", "deep"),
              package("lib.3", "core >= 2"), package("deep.1"), package("deep.2", "core >= 2")],
             {"core": "1", "lib": "2", "deep": "1"}, ("core < 2", "lib"),
             {"preferences": Preferences(kept=kept("core.2", "lib.3", "deep.2"))}),
    Scenario("what an old lock has does not stay where nothing needs it",
             [package("a.1"), package("a.2", conflicts=(dependency("b"),)), package("b.2"), package("b.3")],
             {"b": "3"}, ("a != 2 or b != 2",), {"preferences": Preferences(kept=kept("a.2", "b.2"))}),
    Scenario("of what an old lock has and cannot stay together, one alone moves",
             [package("a.1", conflicts=(dependency("b = 1"),)), package("a.2"), package("b.1"), package("b.2")],
             {"a": "2", "b": "1"}, ("a", "b"), {"preferences": Preferences(kept=kept("a.1", "b.1"))}),
    Scenario("an update takes the newest, and moves what it must for that",
             [package("lib.1"), package("lib.2", "deep >= 2"), package("deep.1"), package("deep.2"),
              package("deep.3"), package("other.1"), package("other.2")],
             {"lib": "2", "deep": "3", "other": "1"}, ("lib", "deep", "other"),
             {"preferences": Preferences(kept=kept("lib.1", "deep.1", "other.1"), sought=frozenset({"lib"}))}),
    Scenario("an update does not take what is to be avoided",
             [package("lib.1"), package("lib.2", flags=frozenset({"avoid-version"}))], {"lib": "1"},
             options={"preferences": Preferences(kept=kept("lib.1"), sought=frozenset({"lib"}))}),
    Scenario("what is avoided stays once it is locked",
             [package("lib.1"), package("lib.2", flags=frozenset({"avoid-version"}))], {"lib": "2"},
             options={"preferences": Preferences(kept=kept("lib.2"))}),
    Scenario("the lowest versions",
             [package("lib.1"), package("lib.2", "deep"), package("lib.3"), package("deep.1"), package("deep.2")],
             {"lib": "2", "deep": "1"}, ("lib >= 2",), {"preferences": Preferences(lowest=True)}),
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
    asked = request(root("lib", "ocaml >= 5", "fine"))
    assert isinstance(solve(build_universe(asked, world)), Unsolvable)
    told = explain(asked, world)
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
    asked = request(root("lib"), platforms=platforms)
    assert isinstance(solve(build_universe(asked, world)), Unsolvable)
    steps = [(s.reason.who, s.reason.relation, s.reason.whom) for s in explain(asked, world).steps]
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
