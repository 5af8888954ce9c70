"""What formulas, filters and plain values mean."""

from __future__ import annotations

import pytest

from overlays.formulas import (
    Listed,
    formula_by_tree,
    listed,
    read_conflicts,
    read_filter,
    read_formula,
    read_listed,
)
from overlays.notation import read_need
from overlays.syntax.tokens import Malformed
from overlays.values import lists_a_command, read_string, read_strings, read_words
from solver.formula import (
    ALWAYS,
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

A, B, C = Dependency("a"), Dependency("b"), Dependency("c")
TEST, WINDOWS = Variable("with-test"), Comparison(Variable("os"), "=", Text("win32"))


def at_least(version: str) -> Constraint:
    return Constraint(">=", Text(version))


CONDITIONS: dict[str, Condition | None] = {
    "": None,
    '>= "1"': at_least("1"),
    '>="1"&<"2"': AllOf((at_least("1"), Constraint("<", Text("2")))),
    '>= "1" & < "2" | with-test': AnyOf((AllOf((at_least("1"), Constraint("<", Text("2")))), TEST)),
    'with-test | >= "1" & < "2"': AnyOf((TEST, AllOf((at_least("1"), Constraint("<", Text("2")))))),
    "= version": Constraint("=", Variable("version")),
    "= _:version & with-test": AllOf((Constraint("=", Variable("_:version")), TEST)),
    '!= "1" & !with-test': AllOf((Constraint("!=", Text("1")), Not(TEST))),
    "?monorepo & build": AllOf((Defined(Variable("monorepo")), Variable("build"))),
    'os = "win32"': WINDOWS,
    '!(os = "win32")': Not(WINDOWS),
    '!os = "win32"': Not(WINDOWS),
    '!(>= "1")': Constraint("<", Text("1")),
    '!>= "1" & !~ "1"': AllOf((Constraint("<", Text("1")), Constraint("<", Text("1")))),
    '!(= "1" & with-test)': AnyOf((Constraint("!=", Text("1")), Not(TEST))),
    '!(= "1" with-test)': AnyOf((Constraint("!=", Text("1")), Not(TEST))),
    '!(!= "1" | !(< version & with-test))': AllOf(
        (Constraint("=", Text("1")), AllOf((Constraint("<", Variable("version")), TEST)))
    ),
    "!!with-test": TEST,
    "!?monorepo": Not(Defined(Variable("monorepo"))),
    "?(!with-test)": Defined(Not(TEST)),
    "!()": ALWAYS,
    '!(<= "1" | > "2")': AllOf((Constraint(">", Text("1")), Constraint("<=", Text("2")))),
    '(>= "1" | with-test) & post': AllOf((AnyOf((at_least("1"), TEST)), Variable("post"))),
    'with-test >= "1"': Comparison(TEST, ">=", Text("1")),
    'with-test (>= "1")': AllOf((TEST, at_least("1"))),
    "true": Truth(True),
    "false & post": AllOf((Truth(False), Variable("post"))),
    "arch = 64": Comparison(Variable("arch"), "=", Text("64")),
    "arch = -0_064": Comparison(Variable("arch"), "=", Text("-64")),
    "arch = -0_0": Comparison(Variable("arch"), "=", Text("0")),
    f"arch = {'9' * 5000}": Comparison(Variable("arch"), "=", Text("9" * 5000)),
    '~ "1"': at_least("1"),
    '= "\\"1\\"}"': Constraint("=", Text('"1"}')),
    '= """1"""': Constraint("=", Text("1")),
    '>= "1" # "2"}\n': at_least("1"),
    '>= "1" (* "2"} *)': at_least("1"),
}


@pytest.mark.parametrize("text", CONDITIONS, ids=lambda text: text[:40])
def test_conditions(text: str) -> None:
    expected = Dependency("a", CONDITIONS[text])
    assert read_formula(f'["a" {{{text}}}]') == AllOf((expected,))
    assert read_formula(f'"a" {{{text}}}') == expected
    assert read_need(f'"a" {{{text}}}', "") == read_need(f"a {{{text}}}", "") == expected


FORMULAS = {
    "[]": ALWAYS,
    "[ # none\n ]": ALWAYS,
    '"a"': A,
    '["a"]': AllOf((A,)),
    '["a" "b"]': AllOf((A, B)),
    '["a""b"]': AllOf((A, B)),
    '["a" & "b"]': AllOf((AllOf((A, B)),)),
    '["a" | "b" & "c"]': AllOf((AnyOf((A, AllOf((B, C)))),)),
    '[("a" | "b") "c"]': AllOf((AnyOf((A, B)), C)),
    '[("a" "b") | "c"]': AllOf((AnyOf((AllOf((A, B)), C)),)),
    '[("a")]': AllOf((A,)),
    "[()]": AllOf((ALWAYS,)),
    '[["a" "b"] "c"]': AllOf((AllOf((A, B)), C)),
    '["a" {with-test} | "b" # "c"\n]': AllOf((AnyOf((Dependency("a", TEST), B)),)),
}


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas(text: str) -> None:
    assert read_formula(text) == FORMULAS[text]


@pytest.mark.parametrize(
    ("text", "packages"),
    [
        (
            '["a" {>= "1" & build} "b"\n # why\n "c" { with-test } ]',
            (('"a"', '{>= "1" & build}'), ('"b"', ""), ('"c"', "{ with-test }")),
        ),
        ('["a"]', (('"a"', ""),)),
        ("[]", ()),
    ],
)
def test_lists_are_taken_apart(text: str, packages: Listed) -> None:
    assert listed(text) == packages
    assert read_listed(packages) == read_formula(text)


@pytest.mark.parametrize(
    "text", ['"a"', '["a" | "b"]', '["a" ("b")]', '["a" & "b"]', '["a" ["b"]]', '["a" }]']
)
def test_what_is_more_than_a_list_is_not_taken_apart(text: str) -> None:
    assert listed(text) is None


def test_equal_conditions_are_one_value() -> None:
    one, other = read_formula('["a" {>= "9.1"}]'), read_formula('["b" "a" {>= "9.1"}]')
    assert isinstance(one, AllOf) and isinstance(other, AllOf)
    assert one.parts[0] is other.parts[1]


def test_side_by_side_means_or_in_conflicts() -> None:
    assert formula_by_tree('["a" ("b" "c")]', AnyOf) == AnyOf((A, AnyOf((B, C))))
    assert read_conflicts('["a" ("b" "c")]') == (A, B, C)
    assert read_conflicts('["a" "b" | ("c")]') == (A, B, C)
    assert read_conflicts('"a"') == (A,)
    assert read_conflicts("[]") == read_conflicts("[()]") == ()


def test_filters() -> None:
    assert read_filter('os != "macos" & [arch = "arm64"]') == AllOf(
        (Comparison(Variable("os"), "!=", Text("macos")), Comparison(Variable("arch"), "=", Text("arm64")))
    )
    assert read_filter("[a b]") == AllOf((Variable("a"), Variable("b")))
    assert read_filter("false") == Truth(False)
    assert read_filter("!(a & !b)") == Not(AllOf((Variable("a"), Not(Variable("b")))))


def test_plain_values() -> None:
    assert read_string('"a\\n"') == "a\n"
    assert read_strings('"a"') == ("a",)
    assert read_strings('["a" """b"c""" # "d"\n "e"]') == ("a", 'b"c', "e")
    assert read_words('[conf "avoid-version"]') == ("conf", "avoid-version")
    assert read_words("compiler") == ("compiler",)


COMMANDS = {
    "[]": False,
    "[[]]": False,
    "[ # none\n ]": False,
    "[[] {os}]": False,
    '["a"]': True,
    '[["make"]]': True,
    "[make]": True,
    '[# one\n ["make"] ]': True,
    '[([["a"]])]': True,
    "make": True,
}


@pytest.mark.parametrize("text", COMMANDS)
def test_whether_there_is_a_command(text: str) -> None:
    assert lists_a_command(text) is COMMANDS[text]


REFUSED = [
    (read_formula, "[a]", 1, "expected the name of a package, in quotes"),
    (read_formula, '["a" 1]', 5, "expected the name of a package, in quotes"),
    (read_formula, '["a" "" ]', 5, "a package has a name"),
    (read_formula, '["a" {"b" {c}}]', 6, "expected a condition"),
    (read_formula, '["a" {?(>= "1")}]', 8, "a bound on a version has no meaning here"),
    (read_formula, '["a" {A += "1"}]', 6, "expected a condition"),
    (read_formula, '["a" !"b"]', 5, "expected the name of a package, in quotes"),
    (read_formula, '[("a" "b") {c}]', 1, "expected the name of a package, in quotes"),
    (read_formula, '["a" {>= }]', 9, "expected a value, found '}'"),
    (read_conflicts, '["a" & "b"]', 0, "conflicts are packages side by side or joined by |"),
    (read_filter, '>= "1"', 0, "a bound on a version has no meaning here"),
    (read_string, "[]", 0, "expected a string"),
    (read_strings, '["a" b]', 5, "expected a string"),
    (read_words, "[a 1]", 3, "expected a string"),
]


@pytest.mark.parametrize(("reader", "text", "offset", "reason"), REFUSED)
def test_other_types_are_refused(reader: object, text: str, offset: int, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        reader(text)  # type: ignore[operator]
    assert (caught.value.offset, caught.value.reason) == (offset, reason)
