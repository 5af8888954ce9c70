"""What holds of every text: it comes back as it was, both readers of it agree, and nothing breaks them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overlays.errors import OpamSyntaxError
from overlays.fields import Fields
from overlays.formulas import (
    formula_by_tree,
    read_conflicts,
    read_filter,
    read_formula,
)
from overlays.notation import read_need
from overlays.opam_file import OpamFile, read_package, read_preparation
from overlays.syntax.outline import split_items
from overlays.syntax.parser import parse_items, parse_value
from overlays.syntax.tokens import Malformed
from overlays.syntax.tree import canonical, print_value
from overlays.values import lists_a_command, read_string, read_strings, read_words
from solver.formula import AllOf, Dependency, Variables, dependencies_in
from solver.reduction import Reduction
from solver.version import Version
from tests.overlays import texts

READERS = [
    read_conflicts,
    read_filter,
    read_formula,
    lists_a_command,
    read_string,
    read_strings,
    read_words,
]


@given(texts.VALUES)
def test_values_print_back(text: str) -> None:
    assert print_value(parse_value(text)) == text


@given(texts.VALUES)
def test_the_canonical_text_means_the_same(text: str) -> None:
    value = parse_value(text)
    once = canonical((value,))
    assert canonical((parse_value(once),)) == once


@given(texts.FILES)
def test_files_print_back_and_the_outline_is_what_the_parser_finds(text: str) -> None:
    assert split_items(text) == parse_items(text)
    assert str(Fields(text, "")) == text


@given(texts.FILES, texts.MUTATIONS)
def test_the_outline_agrees_with_the_parser_on_whatever_both_take(
    text: str, mutations: list[tuple[int, str]]
) -> None:
    text = texts.mutated(text, mutations)
    try:
        exact = parse_items(text)
    except Malformed:
        return
    assert split_items(text) == exact


@given(texts.FORMULAS)
def test_formulas_mean_what_the_parser_says(text: str) -> None:
    formula = formula_by_tree(text, AllOf)
    assert read_formula(text) == formula
    if "&" not in text:
        assert read_conflicts(text) == tuple(dependencies_in(formula))


ENVIRONMENTS = st.fixed_dictionaries(
    {"with-test": st.booleans(), "build": st.booleans(), "os": st.sampled_from(["true", "false"])}
)


@given(texts.CONDITIONS, ENVIRONMENTS, st.sampled_from(["0", "1.0", "2", "v0.9~x", "v1"]))
def test_a_negated_condition_admits_what_the_condition_does_not(
    text: str, variables: Variables, version: str
) -> None:
    """Where all is defined; what is not takes its dependency away on both sides."""

    def admits(condition: str) -> bool:
        dependency = read_need(f"a {{{condition}}}", "")
        assert isinstance(dependency, Dependency)
        wanted = Reduction(variables).wanted(dependency, "b", Version.parse("1.0"))
        return wanted is not None and wanted.bounds.admits(Version.parse(version))

    assert admits(f"!({text})") is not admits(text)
    assert admits(f"!(!({text}))") is admits(text)


@given(texts.FORMULAS, texts.MUTATIONS)
def test_formulas_are_refused_where_the_parser_refuses(text: str, mutations: list[tuple[int, str]]) -> None:
    text = texts.mutated(text, mutations)
    try:
        exact = formula_by_tree(text, AllOf)
    except Malformed as problem:
        with pytest.raises(Malformed) as caught:
            read_formula(text)
        assert caught.value == problem
    else:
        assert read_formula(text) == exact


@settings(max_examples=300)
@given(st.one_of(texts.FILES, st.text(max_size=80)), texts.MUTATIONS)
def test_malformed_files_are_refused_as_such(text: str, mutations: list[tuple[int, str]]) -> None:
    text = texts.mutated(text, mutations)
    try:
        file = OpamFile.parse(text, "opam")
        file.check()
        read_package(file, "p", "1")
        read_preparation(file)
    except OpamSyntaxError as error:
        assert 1 <= error.line <= text.count("\n") + 1
        assert 1 <= error.column <= len(error.source_line) + 2
    else:
        assert str(file) == text


@settings(max_examples=200)
@given(st.one_of(texts.VALUES, texts.FORMULAS, st.text(max_size=60)), texts.MUTATIONS)
@pytest.mark.parametrize("reader", READERS)
def test_malformed_values_are_refused_as_such(
    reader: object, text: str, mutations: list[tuple[int, str]]
) -> None:
    text = texts.mutated(text, mutations)
    try:
        reader(text)  # type: ignore[operator]
    except Malformed as problem:
        assert 0 <= problem.offset <= len(text)
