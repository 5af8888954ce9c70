"""The certificate of a context catches whatever does not go together; its order of versions is opam's."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.certificate import Need, Package, refuse_uncertified
from builder.context import parse, render
from builder.errors import ContextError
from builder.versions import compare
from solver.version import Version
from tests.builder.projects import make_context, write_project
from tests.solver.test_version import ASCENDING

APP = Package("app", "dev", ({"package": "lib", "version": [">=", "2"]},))
LIB = Package(
    "lib",
    "2.1",
    ({"any": [{"package": "spare"}, {"all": [{"package": "deep"}, {"package": "dune"}]}]},),
    refuses=({"package": "lib"}, {"package": "deep", "version": ["<", "1.0"]}),
    classes=("k",),
)
DEEP = Package("deep", "1.0")
DUNE = Package("dune", "3.17", classes=("other",))
GOOD = (APP, LIB, DEEP, DUNE)


def refused(packages: tuple[Package, ...], asked: tuple[Need, ...] = ()) -> tuple[str, ...]:
    with pytest.raises(ContextError) as caught:
        refuse_uncertified(packages, ("app",), asked)
    return caught.value.details


def test_what_goes_together_is_certified() -> None:
    refuse_uncertified(GOOD, ("app",), ({"package": "dune", "version": {"any": [["=", "1"], [">", "3"]]}},))


BROKEN: dict[str, tuple[tuple[Package, ...], str]] = {
    "an older version": (
        (APP, Package("lib", "1.9", LIB.needs), DEEP, DUNE),
        "app.dev needs lib {>= 2}, which is not there so",
    ),
    "a missing package": ((APP, LIB, DUNE), "lib.2.1 needs spare or deep and dune, which is not there so"),
    "a missing root": ((LIB, DEEP, DUNE), "app is a root, but not among the packages"),
    "a conflict": ((APP, LIB, Package("deep", "0.9"), DUNE), "lib.2.1 conflicts with deep {< 1.0}"),
    "a class": ((APP, LIB, Package("deep", "1.0", classes=("k",)), DUNE), "deep and lib are both of the conflict class k"),
    "a package nobody needs": ((*GOOD, Package("lone", "1")), "nobody needs lone.1"),
    "a package twice": ((*GOOD, Package("deep", "2")), "a package is there twice"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_does_not_is_refused(case: str) -> None:
    packages, reason = BROKEN[case]
    assert reason in refused(packages)


def test_what_is_asked_for_must_be_there() -> None:
    assert refused(GOOD, ({"package": "ocaml"},)) == ("ocaml is asked for, but not there",)


@pytest.mark.parametrize(
    "need", [{}, {"package": 1}, {"package": "deep", "version": ["~", "1"]}, {"all": "x"}]
)
def test_a_need_that_cannot_be_read_is_refused(need: Need) -> None:
    with pytest.raises(ContextError, match="cannot be read"):
        refuse_uncertified((Package("app", "dev", (need,)), DEEP), ("app",), ())


VERSIONS = st.one_of(
    st.text("0123456789.~-+vab", max_size=8), st.sampled_from(ASCENDING), st.text("09", max_size=30)
)


@given(VERSIONS, VERSIONS)
def test_both_orders_of_versions_are_one(one: str, other: str) -> None:
    expected = (Version.parse(one) > Version.parse(other)) - (Version.parse(one) < Version.parse(other))
    found = compare(one, other)
    assert (found > 0) - (found < 0) == expected


def test_needs_that_nest_absurdly_are_refused_where_they_are_read(tmp_path: Path) -> None:
    write_project(tmp_path)
    text = render(make_context(tmp_path)).replace(
        '"needs": []', '"needs": [' + '{"all": [' * 240 + "]}" * 240 + "]"
    )
    with pytest.raises(ContextError, match="nests too deep"):
        parse(text)
