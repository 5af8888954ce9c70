"""Several demands in the few words that tell them from what others leave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.reduction import Bounds, Reduction, Wanted
from solver.version import Version
from solver.weakest import weakest
from tests.solver.worlds import dependency

KNOWN = tuple(Version.parse(str(number)) for number in range(9, 0, -1))


def bounds(text: str) -> Bounds:
    wanted = Reduction({}).wanted(dependency(f"p {text}"), "q", KNOWN[0])
    assert isinstance(wanted, Wanted)
    return wanted.bounds


def among(*demanded: Bounds) -> frozenset[Version]:
    return frozenset(version for version in KNOWN if any(each.admits(version) for each in demanded))


@pytest.mark.parametrize(
    ("demanded", "rest", "expected"),
    [
        ((">= 5", ">= 7"), "< 5", '>= "5"'),
        (("> 4", ">= 5"), "< 5", '> "4"'),
        (("< 3", "< 5", "= 1"), ">= 5", '< "5"'),
        (("= 2", "= 3"), "> 3", '<= "3"'),
        (("= 2", "= 4"), "= 3", None),
        (("= 2", "= 4"), "> 8", '<= "4"'),
        ((">= 2 & < 4", ">= 4 & < 6"), None, '>= "2" & < "6"'),
        (("= 3",), None, '= "3"'),
        ((">= 1", "< 3"), None, ""),
        (("> 9",), "= 1", None),
    ],
)
def test_wording(demanded: tuple[str, ...], rest: str | None, expected: str | None) -> None:
    parts = [bounds(text) for text in demanded]
    others = among(bounds(rest)) if rest else frozenset[Version]()
    told = weakest(among(*parts), parts, KNOWN, others)
    assert (None if told is None else str(told)) == expected


VERSIONS = st.frozensets(st.sampled_from(KNOWN))


@given(VERSIONS, VERSIONS)
def test_what_is_told_lets_all_through_and_nothing_of_the_rest(
    admitted: frozenset[Version], rest: frozenset[Version]
) -> None:
    rest -= admitted
    told = weakest(admitted, (), KNOWN, rest)
    if told is not None:
        assert admitted <= among(told)
        assert rest.isdisjoint(among(told))
