"""What mono writes of formulas is read back as it was, and is what a person would write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overlays.errors import OpamSyntaxError
from overlays.formulas import read_filter, read_formula
from overlays.notation import (
    parse_dependency,
    read_condition,
    read_need,
    read_needs,
    write,
    write_for_opam,
    write_needs,
)
from solver.formula import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Constraint,
    Defined,
    Dependency,
    Not,
    Text,
    Truth,
    Variable,
)

WRITTEN = [
    ('["lwt"]', ("lwt",)),
    ('["lwt" {>= "5.6.1"} "dune" {>= "3.0" & build}]', ("lwt {>= 5.6.1}", "dune {>= 3.0 & build}")),
    ('["a" {= version} | "b" {= "v0.16"}]', ('a {= version} | b {= "v0.16"}',)),
    ('[("a" & "b") | "c"]', ("a & b | c",)),
    ('[("a" | "b") & "c"]', ("(a | b) & c",)),
    ('["a" {!(build | os = "x y")}]', ('a {!build & !(os = "x y")}',)),
    ('["a" {>= "1" & (< "2" | > "3~")}]', ("a {>= 1 & (< 2 | > 3~)}",)),
    ('["0install" "ocaml+x" "true" "a" {?monorepo}]', ('"0install"', '"ocaml+x"', '"true"', "a {?monorepo}")),
    ('["a" {= "a\\"b"}]', ('a {= "a\\"b"}',)),
    ("[]", ()),
]


@pytest.mark.parametrize(("opam", "expected"), WRITTEN)
def test_it_is_written_as_a_person_would(opam: str, expected: tuple[str, ...]) -> None:
    formula = read_formula(opam)
    assert write_needs(formula) == expected
    assert write_needs(read_needs(expected, "")) == expected


NAMES = st.sampled_from(["lwt", "0install", "ocaml+a", "true", "x-y_z", "_a"])
VERSIONS = st.sampled_from(["1", "5.6.1", "v0.1", "1.0~beta+dune-2", "dev", "a b", 'q"', "back\\slash"])
VARIABLES = st.sampled_from(["os", "with-test", "version", "_:version", "lwt:installed"]).map(Variable)
RELATIONS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


def joined(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(several.map(AllOf), several.map(AnyOf))


ATOMS = st.one_of(VARIABLES, st.builds(Comparison, VARIABLES, RELATIONS, VERSIONS.map(Text)))
NEGATED = st.one_of(ATOMS, ATOMS.map(Not), VARIABLES.map(Defined), st.booleans().map(Truth))
FILTERS = st.recursive(NEGATED, joined, max_leaves=6)
BOUNDS = st.builds(Constraint, RELATIONS, st.one_of(VERSIONS.map(Text), VARIABLES))
CONDITIONS = st.recursive(st.one_of(NEGATED, BOUNDS), joined, max_leaves=6)
DEPENDENCIES = st.builds(Dependency, NAMES, st.one_of(st.none(), CONDITIONS))
FORMULAS = st.recursive(DEPENDENCIES, joined, max_leaves=6)


@given(FORMULAS)
def test_formulas_come_back(formula: Condition) -> None:
    text = write(formula)
    assert "\n" not in text
    assert read_need(text, "") == formula


@given(CONDITIONS)
def test_conditions_come_back_from_opam_files(condition: Condition) -> None:
    formula = read_formula(f'["a" {{{write_for_opam(condition)}}}]')
    assert formula == AllOf((Dependency("a", condition),))


@given(st.recursive(NEGATED, lambda parts: st.one_of(joined(parts), joined(parts).map(Not)), max_leaves=6))
def test_filters_come_back(condition: Condition) -> None:
    assert read_condition(write(condition), "") == condition
    assert read_filter(write(condition)) == condition


@pytest.mark.parametrize("text", ["", "a b", "a |", "[a]", "1", "a {", "a {b} {c}", '""', "a {!}", "(a b)"])
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(OpamSyntaxError) as caught:
        read_need(text, "mono.lock:3")
    assert caught.value.place == "mono.lock:3"


@pytest.mark.parametrize("text", ["", "a b", '"a" & "b"', "[a]", "1", "a {", '"a" {b} {c}', '""'])
def test_a_single_dependency_is_nothing_else(text: str) -> None:
    with pytest.raises(OpamSyntaxError) as caught:
        parse_dependency(text, "mono.toml:3")
    assert (caught.value.place, caught.value.line) == ("mono.toml:3", 1)


def test_in_mono_toml_any_bare_word_behind_a_comparison_is_a_version() -> None:
    assert parse_dependency("lwt {= dev}") == Dependency("lwt", Constraint("=", Text("dev")))
