"""What is left of formulas once their filters are decided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.formula import AllOf, AnyOf, Bound, Constraint, Dependency, Formula, Not, Text, Variable
from solver.reduction import (
    ANY_VERSION,
    NOTHING,
    Bounds,
    Every,
    EveryBound,
    Reduction,
    SomeBound,
    Wanted,
    all_of,
    leaves,
    simplest,
)
from solver.version import Version
from tests.solver.worlds import dependency

ONE = Version.parse("1")
A, B, C = dependency("a >= 1"), dependency("b"), dependency("c >= 1 & < 2 | = 3")
TEST = Dependency("t", Variable("with-test"))
NO_TEST = Dependency("t", Not(Variable("with-test")))
SAME = Dependency("s", Constraint("=", Variable("version")))
UNDEFINED = Dependency("u", Constraint("<", Variable("unheard-of")))

REDUCED = {
    "nothing": (AllOf(()), ""),
    "side by side": (AllOf((A, B)), 'a {>= "1"} & b'),
    "a choice": (AllOf((AnyOf((A, B)), C)), '(a {>= "1"} | b) & c {>= "1" & < "2" | = "3"}'),
    "groups in one another": (AllOf((AllOf((A, AllOf((B,)))), C)), 'a {>= "1"} & b & c {>= "1" & < "2" | = "3"}'),
    "a false filter": (AllOf((TEST, B)), "b"),
    "a false filter in a choice": (AnyOf((TEST, B)), "b"),
    "a true filter": (AllOf((NO_TEST, B)), "t & b"),
    "only false filters": (AllOf((TEST, AnyOf((TEST, TEST)))), ""),
    "its own version": (AllOf((SAME, B)), 's {= "1"} & b'),
    "an undefined bound": (UNDEFINED, "u"),
    "one twice": (AllOf((A, B, A)), 'a {>= "1"} & b'),
    "one twice in a choice": (AnyOf((A, B, A)), 'a {>= "1"} | b'),
    "one alone, many times": (AllOf((B, B, AnyOf((B, B)))), "b"),
    "one twice, in groups": (AllOf((AllOf((A, B)), AllOf((B, A)))), 'a {>= "1"} & b'),
    "its own version twice": (AllOf((SAME, SAME)), 's {= "1"}'),
}  # fmt: skip


@pytest.mark.parametrize("case", REDUCED)
def test_what_is_left(case: str) -> None:
    formula, expected = REDUCED[case]
    assert str(Reduction({"with-test": False}).need(formula, "p", ONE)) == expected


def test_repetitions_are_kept_once() -> None:
    for many in ((A, B, SAME) * 20_000, tuple(AllOf((A, B)) for _ in range(20_000))):
        need = Reduction({}).need(AllOf((*many, SAME)), "p", ONE)
        assert str(need) == 'a {>= "1"} & b & s {= "1"}'


def test_only_what_speaks_of_the_package_itself_is_decided_for_each() -> None:
    reduction = Reduction({})
    formula: Formula = AllOf((A, SAME))
    one, two = (reduction.need(formula, "p", Version.parse(version)) for version in "12")
    assert isinstance(one, Every) and isinstance(two, Every)
    assert one.parts[0] is two.parts[0]
    assert [str(need.parts[1]) for need in (one, two)] == ['s {= "1"}', 's {= "2"}']


def test_plain_results() -> None:
    reduction = Reduction({})
    assert reduction.need(AllOf(()), "p", ONE) is NOTHING
    assert reduction.need(B, "p", ONE) == Wanted("b", ANY_VERSION)
    assert reduction.need(A, "p", ONE) == Wanted("a", Bound(">=", ONE))


def test_a_bound_is_not_negated_as_filters_are() -> None:
    """Whoever writes formulas turns the relation, as the reader of opam files does."""
    with pytest.raises(TypeError, match="not a filter"):
        Reduction({}).need(Dependency("a", Not(Constraint("=", Text("1")))), "p", ONE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "simple"),
    [
        (">= 5 & <= 5", "= 5"),
        (">= 5.0 & <= 5.00", "= 5.0"),
        (">= 3 & > 4 & < 7 & <= 6", "> 4 & <= 6"),
        (">= 4 | >= 3", ">= 3"),
        ("= 3 | > 3 & < 5", ">= 3 & < 5"),
        ("< 3 | > 3", "!= 3"),
        ("< 3 | > 3 & < 5", "< 5 & != 3"),
        (">= 3 | < 3", ""),
        ("< 6 & >= 3", "< 6 & >= 3"),
        ("= 1 | = 2", "= 1 | = 2"),
        ("= 1 | = 1 | = 2", "= 1 | = 2"),
        (">= 6 & < 5", ">= 6 & < 5"),
    ],
)
def test_bounds_are_spelled_in_as_few_words_as_will_do(written: str, simple: str) -> None:
    bounds = dependency(f"p {written}")
    told = dependency(f"p {simple}".strip())
    assert str(Reduction({}).wanted(bounds, "q", ONE)) == str(Reduction({}).wanted(told, "q", ONE))


PLAIN = st.builds(
    Bound, st.sampled_from(("=", "!=", "<", "<=", ">", ">=")), st.sampled_from("2468").map(Version.parse)
)
BOUNDS: st.SearchStrategy[Bounds] = st.recursive(
    PLAIN | st.just(ANY_VERSION),
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda parts: st.sampled_from((EveryBound(tuple(parts)), SomeBound(tuple(parts))))
    ),
)


@given(BOUNDS)
def test_the_simplest_bounds_admit_the_same(bounds: Bounds) -> None:
    simple = simplest(bounds)
    for version in map(Version.parse, "123456789"):
        assert simple.admits(version) is bounds.admits(version)
    assert len(list(leaves(simple))) <= len(list(leaves(bounds)))
    assert simplest(simple) == simple


def test_bounds_on_one_package_are_joined_and_on_others_are_not() -> None:
    needs = [Reduction({}).need(dependency(text), "q", ONE) for text in ("a >= 1", "a <= 1", "b")]
    assert str(all_of(needs[:2])) == 'a {= "1"}'
    assert str(all_of(needs[:3])) == 'a {>= "1"} & a {<= "1"} & b'
    assert str(all_of(needs[2:3])) == "b"
