"""Two answers are compared by one measure."""

from __future__ import annotations

from bench.agreement import beside, compare, packages_of
from bench.opam import Answer
from tests.solver.worlds import World, package

WORLD = World(
    [
        package("lib.1", "deep", dune=False),
        package("lib.2", "deep", dune=False),
        package("lib.3", "deep", dune=False, flags=frozenset({"avoid-version"})),
        package("deep.1", "other", dune=False),
        package("deep.2", dune=False),
        package("other.1", dune=False),
        package("broken.1", "nowhere", dune=False),
    ]
)


def test_the_same_answer() -> None:
    same = compare(WORLD, "lib", Answer({"lib": "2", "deep": "2"}), {"os": "linux"})
    assert same.good
    assert same.same_root
    assert same.same == 1
    assert beside(same.costs, same.opams) == "equal"


def test_a_worse_answer_costs_more() -> None:
    worse = compare(WORLD, "lib", Answer({"lib": "1", "deep": "2"}), {"os": "linux"})
    assert worse.good
    assert not worse.same_root
    assert worse.same == 0.5
    assert beside(worse.costs, worse.opams) == "less"
    assert beside(worse.opams, worse.costs) == "MORE"


def test_an_answer_to_be_avoided_costs_most() -> None:
    avoided = compare(WORLD, "lib", Answer({"lib": "3", "deep": "2"}), {"os": "linux"})
    assert avoided.costs < avoided.opams


def test_an_answer_that_breaks_something_is_told() -> None:
    broken = compare(WORLD, "lib", Answer({"lib": "1", "other": "1"}), {"os": "linux"})
    assert broken.broken == ("lib.1 on host: its dependency on deep is not met",)
    assert broken.superfluous == 1
    assert not broken.good


def test_disagreement_on_what_can_be_installed() -> None:
    assert compare(WORLD, "broken", Answer(None, "nowhere"), {"os": "linux"}).good
    for name, answer in (("broken", Answer({"broken": "1"})), ("lib", Answer(None, "why not"))):
        assert not compare(WORLD, name, answer, {"os": "linux"}).agreed


def test_a_version_is_found_however_it_is_written() -> None:
    assert [p.identity for p in packages_of(WORLD, {"lib": "02"})] == ["lib.2"]
