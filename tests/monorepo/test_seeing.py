"""Graphs, paths and trees of locks, against what a reader of the lock would find by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monorepo.errors import LockError, TargetError
from monorepo.lock.graph import NeedGraph, Source
from monorepo.lock.model import Kind, Lock, LockedPackage
from monorepo.lock.paths import paths
from monorepo.lock.tree import tree
from monorepo.targets.definition import Target


def locked(
    identity: str, *depends: str, targets: Sequence[str] = ("host",), **fields: object
) -> LockedPackage:
    """A package whose dependencies are the names in its formulas."""
    name, _, version = identity.partition(".")
    names = {word for part in depends for word in part.replace("|", " ").split()}
    return LockedPackage(
        name,
        version or "1",
        fields.pop("kind", Kind.VIRTUAL),  # type: ignore[arg-type]
        "because",
        tuple(targets),
        dependencies=tuple(fields.pop("dependencies", sorted(n for n in names if n[0].isalpha()))),  # type: ignore[arg-type]
        repository=fields.pop("repository", "test"),  # type: ignore[arg-type]
        depends=depends,
        **fields,  # type: ignore[arg-type]
    )


def root(*depends: str, name: str = "app", **fields: object) -> LockedPackage:
    return locked(f"{name}.dev", *depends, kind=Kind.ROOT, repository=None, **fields)


def target(name: str, **fields: object) -> Target:
    variables = {"os": "macos" if name == "mac" else "linux"}
    return Target(name, "", tuple(variables.items()), "default", None, **fields)  # type: ignore[arg-type]


def lock_with(
    *packages: LockedPackage, targets: Sequence[Target] = (target("host"),), **fields: object
) -> Lock:
    roots = tuple(package.name for package in packages if package.kind is Kind.ROOT)
    return Lock("p", "sha256:", roots, (), (), tuple(targets), packages, (), **fields)  # type: ignore[arg-type]


def told(lock: Lock, name: str, *targets: str) -> list[str]:
    graph = NeedGraph(lock, targets)
    return [
        " > ".join(f"{need.whom.identity} {need.wording}".rstrip() for need in path)
        for goal in graph.find(name, "")
        for path in paths(graph, goal)
    ]


def test_a_path_tells_the_conditions_as_written() -> None:
    lock = lock_with(
        root(
            "lib {>= 1 & < 6}",
            "tool {build}",
            "ocaml {>= 4} ",
            "ocaml {< 6}",
            dependencies=["lib", "ocaml", "tool"],
        ),
        locked("lib.5", 'ocaml {os = "linux"}', 'none {os = "macos"}', dependencies=["ocaml"]),
        locked("tool.1", "lib"),
        locked("ocaml.5"),
    )
    assert told(lock, "ocaml") == [
        "app.dev > ocaml.5 {>= 4} {< 6}",
        'app.dev > lib.5 {>= 1 & < 6} > ocaml.5 {os = "linux"}',
        'app.dev > tool.1 {build} > lib.5 > ocaml.5 {os = "linux"}',
    ]
    assert told(lock, "app") == ["app.dev"]


def test_a_choice_is_followed_where_it_was_met() -> None:
    lock = lock_with(root("a {>= 2} | b"), locked("a.1"), locked("b.1"))
    assert told(lock, "a") == []
    assert told(lock, "b") == ["app.dev > b.1"]


def test_each_version_has_the_paths_of_its_targets() -> None:
    both = ("host", "mac")
    lock = lock_with(
        root("lib", "deep", targets=both),
        locked("lib.1", "deep {>= 1}", targets=("host",)),
        locked("lib.2", "deep {>= 2}", targets=("mac",)),
        locked("deep.1", targets=("host",)),
        locked("deep.2", targets=("mac",)),
        targets=(target("host"), target("mac", requires=("lib {>= 2}",))),
        asked=("deep",),
    )
    assert told(lock, "deep.1") == ["deep.1", "app.dev > deep.1", "app.dev > lib.1 > deep.1 {>= 1}"]
    assert told(lock, "deep.2") == [
        "deep.2",
        "app.dev > deep.2",
        "lib.2 {>= 2} > deep.2 {>= 2}",
        "app.dev > lib.2 > deep.2 {>= 2}",
    ]
    assert told(lock, "lib", "host") == ["app.dev > lib.1"]
    sources = [need.source for need in NeedGraph(lock).entries]
    assert sources == [Source.ROOT, Source.ASKED, Source.ASKED, Source.TARGET]
    with pytest.raises(TargetError, match='the lock has no target "mack"') as caught:
        NeedGraph(lock, ["mack"])
    assert caught.value.hint == 'did you mean "mac"?'


def test_what_is_not_there_has_a_nearest_name() -> None:
    graph = NeedGraph(lock_with(root("lib"), locked("lib.1")))
    with pytest.raises(LockError, match=r"lob\.2 is not in the lock") as caught:
        graph.find("lob.2", "look elsewhere")
    assert caught.value.hint == 'did you mean "lib"?'
    with pytest.raises(LockError) as caught:
        graph.find("zarith", "look elsewhere")
    assert caught.value.hint == "look elsewhere"
    with pytest.raises(LockError, match=r"expected|closed|brace"):
        NeedGraph(lock_with(root("lib {", dependencies=["lib"]), locked("lib.1")))


NAMES = "abcdef"


@st.composite
def random_locks(draw: st.DrawFn) -> Lock:
    """Up to seven packages that need one another any way, in circles too."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    edges = {n: draw(st.lists(st.sampled_from(names), unique=True, max_size=4)) for n in ("app", *names)}
    return lock_with(root(*edges["app"]), *(locked(f"{n}.1", *edges[n]) for n in names))


@settings(max_examples=300)
@given(random_locks())
def test_paths_are_all_the_simple_ones_shortest_first(lock: Lock) -> None:
    needs = {package.name: package.dependencies for package in lock.packages}
    graph = NeedGraph(lock)
    for goal in lock.packages:
        found = [tuple(need.whom.name for need in path) for path in paths(graph, goal)]
        others = [name for name in needs if name not in ("app", goal.name)]
        ends = ("app", goal.name) if goal.name != "app" else ("app",)
        every = [
            (ends[0], *between, *ends[1:])
            for count in range(len(others) + 1 if len(ends) == 2 else 1)
            for between in itertools.permutations(others, count)
        ]
        expected = [p for p in every if all(b in needs[a] for a, b in itertools.pairwise(p))]
        assert found == sorted(expected, key=lambda path: (len(path), path))


@settings(max_examples=200)
@given(random_locks(), st.booleans(), st.none() | st.integers(0, 3))
def test_a_tree_shows_each_need_below_its_package_once(lock: Lock, inverted: bool, depth: int | None) -> None:
    graph = NeedGraph(lock)
    branches = list(tree(graph, graph.packages[:1], inverted=inverted, depth=depth))
    opened: dict[str, list[str]] = {}
    above: list[str] = []
    for branch in branches:
        del above[branch.depth :]
        if above:
            opened[above[-1]].append(branch.package.name)
        above.append(branch.package.name)
        assert len(branch.last) == branch.depth and (depth is None or branch.depth <= depth)
        if not branch.repeated and branch.depth != depth:
            assert depth is not None or not opened.get(branch.package.name)
            opened[branch.package.name] = []
    for name, below in opened.items():
        package = next(package for package in lock.packages if package.name == name)
        if inverted:
            assert below == [n.who.name for n in graph.needed_by(package) if n.who]
        else:
            assert below == sorted(package.dependencies)
    if depth is None:
        assert len({b.package.name for b in branches}) == len(opened)


@settings(max_examples=200)
@given(random_locks(), st.booleans(), st.integers(0, 4))
def test_a_tree_shows_all_that_is_within_its_depth(lock: Lock, inverted: bool, depth: int) -> None:
    graph = NeedGraph(lock)
    start = graph.packages[0]
    within = {start.name}
    for _ in range(depth):
        for package in [p for p in graph.packages if p.name in within]:
            if inverted:
                within |= {n.who.name for n in graph.needed_by(package) if n.who}
            else:
                within |= {*package.dependencies}
    assert {b.package.name for b in tree(graph, [start], inverted=inverted, depth=depth)} == within


def test_what_the_depth_cut_short_is_shown_again_where_more_of_it_fits() -> None:
    lock = lock_with(
        root("a", "b"), locked("a.1", "b"), locked("b.1", "c"), locked("c.1", "d"), locked("d.1")
    )
    graph = NeedGraph(lock)
    for depth, lines in {
        2: ["app", " a", "  b", " b", "  c"],
        3: ["app", " a", "  b", "   c", " b", "  c", "   d"],
        4: ["app", " a", "  b", "   c", "    d", " b*"],
    }.items():
        told = tree(graph, graph.find("app", ""), depth=depth)
        assert [f"{' ' * b.depth}{b.package.name}{'*' * b.repeated}" for b in told] == lines


def test_paths_are_found_as_they_are_asked_for() -> None:
    """A ladder of 60 rungs has more paths than could ever be counted."""
    names = [f"{side}{rung:02}" for rung in range(60) for side in "xy"]
    rungs = [names[i : i + 2] for i in range(0, len(names), 2)]
    packages = [
        locked(f"{n}.1", *below)
        for this, below in zip(rungs, [*rungs[1:], ["end"]], strict=True)
        for n in this
    ]
    graph = NeedGraph(lock_with(root(*rungs[0]), *packages, locked("end.1")))
    some = list(itertools.islice(paths(graph, graph.find("end", "")[0]), 1000))
    assert len(set(some)) == 1000
    assert len(list(tree(graph, graph.packages[:1]))) < 250
