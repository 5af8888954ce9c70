"""Explanations and repairs of unsolvable requests: as short as can be, and true."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overlays.notation import write
from solver.conflict import smallest_clash
from solver.edit import Edit, Kind, eased, edited
from solver.explanation import Cause, End
from solver.formula import Comparison, Text, Variable
from solver.optimise import is_solvable, solve
from solver.package import Package
from solver.reason import Relation
from solver.relaxation import Relaxation
from solver.repair import MOST_REPAIRS, Repair, repairs
from solver.request import Platform, Request, Restriction
from solver.solution import Solution, Unsolvable
from solver.spelling import nearest
from solver.story import explain, explanation_of
from solver.universe import build_universe
from solver.version import Version
from tests.solver.worlds import DUNE, World, bound, dependency, package, request, root


def repaired(asked: Request, world: World, names: tuple[str, ...] = ()) -> tuple[Repair, ...]:
    relaxation = Relaxation(asked, world)
    return repairs(relaxation, world, explanation_of(relaxation), names)


def kinds(found: tuple[Repair, ...]) -> list[list[tuple[Kind, str, str]]]:
    return [
        [(edit.kind, edit.name, " and ".join(map(str, edit.versions))) for edit in repair.edits]
        for repair in found
    ]


def restriction(text: str, line: int = 1) -> Restriction:
    name, _, condition = text.partition(" ")
    return Restriction(name, bound(condition), text, f"mono.toml:{line}")


def test_own_bounds_before_provided_before_port() -> None:
    world = World([package("lib.2", dune=False), package("lib.1"), DUNE])
    assert kinds(repaired(request(root("lib >= 2")), world)) == [
        [(Kind.DEPENDENCY, "lib", "1")],
        [(Kind.PROVIDED, "lib", "")],
        [(Kind.PORT, "lib", "2")],
    ]


def test_the_newest_version_that_works_is_to_be_ported() -> None:
    world = World(
        [
            package("lib.3", "gone", dune=False),
            package("lib.2", dune=False),
            package("lib.1", dune=False),
            DUNE,
        ]
    )
    assert [(Kind.PORT, "lib", "2")] in kinds(repaired(request(root("lib")), world))


def test_what_is_provided_may_need_what_does_not_build_with_dune() -> None:
    world = World([package("top.1", "low", dune=False), package("low.1", dune=False), DUNE])
    found = kinds(repaired(request(root("top")), world))
    assert found[0] == [(Kind.PROVIDED, "top", "")]
    assert [(Kind.PORT, "low", "1"), (Kind.PORT, "top", "1")] in found


def test_a_bound_is_relaxed_as_little_as_will_do() -> None:
    world = World(
        [*(package(f"lib.{n}", "gone") for n in (5, 4)), *(package(f"lib.{n}") for n in (3, 2)), DUNE]
    )
    (repair,) = repaired(request(root("lib"), restrictions=(restriction("lib >= 9"),)), world)
    (edit,) = repair.edits
    assert (edit.before, edit.after, edit.place) == ('lib {>= "9"}', 'lib {>= "3"}', "mono.toml:1")


def test_a_mixed_repair_is_not_offered_where_either_way_will_do() -> None:
    world = World([package("a.1", dune=False), package("b.1", dune=False), DUNE])
    assert [{edit.kind for edit in repair.edits} for repair in repaired(request(root("a", "b")), world)] == [
        {Kind.PROVIDED},
        {Kind.PORT},
    ]


def test_a_target_is_given_up_last_and_never_the_only_one() -> None:
    on_linux = Comparison(Variable("os"), "=", Text("linux"))
    world = World([package("lib.1", available=on_linux), DUNE])
    linux, macos = Platform(("one",), {"os": "linux"}), Platform(("two",), {"os": "macos"})
    assert kinds(repaired(request(root("lib"), platforms=(linux, macos)), world)) == [
        [(Kind.TARGET, "two", "")]
    ]
    assert repaired(request(root("lib"), platforms=(macos,)), world) == ()


def test_misspelt_names_are_mended_at_once() -> None:
    world = World([package("lwt.1"), package("logs.1"), DUNE])
    (repair,) = repaired(request(root("lwtt", "loggs >= 1")), world, ("dune", "logs", "lwt"))
    assert [(edit.before, edit.after) for edit in repair.edits] == [("loggs", "logs"), ("lwtt", "lwt")]
    assert nearest("lwtt", ("dune", "logs", "lwt")) == ("lwt",)


def test_at_most_five_repairs() -> None:
    names = [f"p{n}" for n in range(9)]
    chain = [package(f"{a}.1", b, dune=False) for a, b in itertools.pairwise(names)]
    world = World([*chain, package("p8.1", dune=False), package("dune.1")])
    restrictions = tuple(restriction(f"p{n} < 1", n) for n in range(3))
    asked = request(root("p0"), restrictions=restrictions)
    assert len(repaired(asked, world)) <= MOST_REPAIRS


def test_a_solvable_request_has_nothing_to_explain() -> None:
    with pytest.raises(ValueError, match="there is an answer"):
        explain(request(root("lib")), World([package("lib.1"), DUNE]))


def test_a_bound_of_the_project_that_does_no_harm_is_not_told() -> None:
    world = World([package("lib.1", "gone"), package("lib.2"), DUNE])
    told = explain(request(root("lib < 2"), restrictions=(restriction("lib < 3"),)), world)
    assert Relation.BOUND not in {step.reason.relation for step in told.steps}
    assert told.cause is Cause.UNKNOWN
    assert [(missing.name, missing.end) for missing in told.missing] == [("gone", End.UNKNOWN)]


def test_versions_are_told_only_where_they_count() -> None:
    """Of what a package needs only that is told which clashes, by the versions that say it."""
    world = World(
        [package("lib.1", "x < 2"), package("lib.2", "x >= 2", "gone"), package("x.1"), package("x.2"), DUNE]
    )
    told = explain(request(root("lib", "x >= 2")), world)
    said = {
        (step.reason.who, step.reason.whom): [
            (tuple(map(str, demand.versions)), demand.wording) for demand in step.demands
        ]
        for step in told.steps
        if step.reason.who == "lib"
    }
    assert said == {("lib", ("gone",)): [(("2",), "gone")], ("lib", ("x",)): [(("1",), 'x {< "2"}')]}


@pytest.mark.parametrize(
    ("condition", "versions", "expected"),
    [
        (">= 9", "3", ">= 3"),
        ("> 3", "3", ">= 3"),
        (">= 1 & < 2", "2", ">= 1 & <= 2"),
        ("!= 3", "3", None),
        (">= 1 & != 3", "3", ">= 1"),
        ("= 1 | = 2", "3", None),
        ("= 1", "2", "= 2"),
        (">= 3", "2 1", ">= 1"),
        ("< 1", "3 2", "<= 3"),
        ("= 3", "2 1", None),
        ("= 1 | = 2", "2 1", "= 1 | = 2"),
        (">= 5 & < 4", "5", "= 5"),
        (">= 6 & != 5 & <= 5", "4 5", ">= 4 & <= 5"),
    ],
)
def test_easing(condition: str, versions: str, expected: str | None) -> None:
    left = eased(bound(condition), [Version.parse(version) for version in versions.split()])
    assert (left and write(left)) == expected


def test_a_bound_admits_all_versions_that_the_targets_need() -> None:
    """On one target the newer version is not available, on the other something else refuses the older."""
    on_linux = Comparison(Variable("os"), "=", Text("linux"))
    elsewhere = Comparison(Variable("os"), "!=", Text("linux"))
    world = World(
        [package("lib.1", available=elsewhere), package("lib.2", available=on_linux), package("dune.3.17")]
    )
    linux, macos = Platform(("one",), {"os": "linux"}), Platform(("two",), {"os": "macos"})
    found = repaired(request(root("lib >= 3"), platforms=(linux, macos)), world)
    assert kinds(found)[0] == [(Kind.DEPENDENCY, "lib", "2 and 1")]
    assert found[0].edits[0].after == 'lib {>= "1"}'


@given(st.lists(st.frozensets(st.integers(0, 9), min_size=1, max_size=4), min_size=1, max_size=4))
def test_the_smallest_clash(clashes: list[frozenset[int]]) -> None:
    found = smallest_clash(range(10), lambda items: any(clash <= set(items) for clash in clashes))
    assert frozenset(found) in clashes
    assert not any(clash < set(found) for clash in clashes)
    assert max(found) == min(map(max, clashes))


NAMES = ("a", "b", "c", "d")
ATOMS = st.builds(
    "{}{}".format, st.sampled_from((*NAMES, "gone")), st.sampled_from(("", " >= 2", " < 2", " = 1", " != 2"))
)
ON = {"one": "linux", "two": "macos"}


@st.composite
def requests(draw: st.DrawFn) -> tuple[Request, World]:
    """Small worlds with everything that can be in the way."""
    packages: list[Package] = []
    for name in NAMES:
        for version in range(1, draw(st.integers(0, 3)) + 1):
            depends = draw(st.lists(ATOMS, max_size=2, unique=True))
            system = draw(st.sampled_from((None, None, None, "linux", "macos")))
            packages.append(
                package(
                    f"{name}.{version}",
                    *(d for d in depends if f"{name} " not in f"{d} "),
                    dune=draw(st.integers(0, 4)) > 0,
                    conflicts=tuple(dependency(a) for a in draw(st.lists(ATOMS, max_size=1))),
                    conflict_class=("k",) if draw(st.integers(0, 7)) == 0 else (),
                    available=None if system is None else Comparison(Variable("os"), "=", Text(system)),
                )
            )
    bounds = draw(st.lists(ATOMS.filter(lambda atom: " " in atom), max_size=2, unique=True))
    platforms = tuple(
        Platform((name,), {"os": ON[name]}) for name in ("one", "two")[: draw(st.integers(1, 2))]
    )
    refused = draw(st.lists(ATOMS, max_size=2, unique=True)) if draw(st.booleans()) else []
    system = draw(st.sampled_from((None, None, None, "linux")))
    app = root(
        *draw(st.lists(ATOMS, min_size=1, max_size=3, unique=True)),
        conflicts=tuple(map(dependency, refused)),
        available=None if system is None else Comparison(Variable("os"), "=", Text(system)),
    )
    asked = request(
        app,
        platforms=platforms,
        restrictions=tuple(restriction(text, line) for line, text in enumerate(bounds, 1)),
        provided=frozenset(draw(st.lists(st.sampled_from(NAMES), max_size=1))),
    )
    return asked, World([*packages, DUNE])


def test_what_a_root_refuses_is_dropped_after_bounds_and_before_what_takes_work() -> None:
    world = World([package("lib.2", dune=False), package("lib.1"), DUNE])
    app = root("lib", conflicts=(dependency("lib > 1"), dependency("lib < 2")))
    assert kinds(repaired(request(app), world)) == [
        [(Kind.CONFLICT, "lib", "")],
        [(Kind.CONFLICT, "lib", ""), (Kind.PROVIDED, "lib", "")],
        [(Kind.CONFLICT, "lib", ""), (Kind.PORT, "lib", "2")],
    ]


@settings(max_examples=60)
@given(requests())
def test_explanations_and_repairs_are_true_and_minimal(drawn: tuple[Request, World]) -> None:
    asked, world = drawn
    universe = build_universe(asked, world)
    solvable = isinstance(solve(universe), Solution)
    assert is_solvable(universe) is solvable
    relaxation = Relaxation(asked, world)
    clash = relaxation.clash()
    assert (clash is None) is solvable
    if clash is None:
        return
    for reason in clash.reasons:
        assert not relaxation.clashes([r for r in clash.reasons if r != reason], clash.platform)
    told = explanation_of(relaxation)
    assert {step.reason for step in told.steps} == {*clash.reasons, *clash.others}
    offered = repairs(relaxation, world, told, (*NAMES, "dune"))
    assert offered == repairs(Relaxation(asked, world), world, told, (*NAMES, "dune"))
    assert [len(repair.edits) for repair in offered] == sorted(len(repair.edits) for repair in offered)
    for repair in offered:
        assert isinstance(solve(build_universe(*edited(asked, world, repair.edits))), Solution)
        for left_out in repair.edits:
            fewer = tuple(edit for edit in repair.edits if edit != left_out)
            assert isinstance(solve(build_universe(*edited(asked, world, fewer))), Unsolvable)
    if not any(len(repair.edits) == 1 for repair in offered):
        for edit in _single_edits(asked):
            assert not is_solvable(build_universe(*edited(asked, world, (edit,)))), edit


def _single_edits(asked: Request) -> Iterator[Edit]:
    """What a user could try without a solver: every bound of their own at every version, and every target."""
    for version in map(Version.parse, "123"):
        for number, bound_ in enumerate(asked.restrictions):
            yield Edit(Kind.BOUND, bound_.name, (version,), number=number, after="changed")
        for name in NAMES:
            yield Edit(Kind.DEPENDENCY, name, (version,), root="app")
    for number, refused in enumerate(asked.roots[0].conflicts):
        yield Edit(Kind.CONFLICT, refused.name, root="app", number=number)
    yield Edit(Kind.AVAILABLE, "app", root="app")
    yield from (Edit(Kind.PROVIDED, name) for name in NAMES)
    if len(asked.platforms) > 1:
        yield from (Edit(Kind.TARGET, str(n), platform=n) for n in range(2))
