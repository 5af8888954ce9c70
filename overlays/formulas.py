"""Formulas and filters as fields write them (opam manual, "Package Formulas" and "Filters").

Each reader takes the text of a value and raises `Malformed`. The opam files of a repository write the same
dependencies and conditions over and over: equal texts are read once, and share one value.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeAlias, cast

from overlays.syntax.parser import parse_value
from overlays.syntax.tokens import BLANK, WORD, Malformed
from overlays.syntax.tree import (
    Boolean,
    Comparison,
    Group,
    Identifier,
    Integer,
    Joined,
    List,
    Option,
    Prefixed,
    String,
    Value,
)
from overlays.values import malformed, parts_of
from solver import formula
from solver.formula import (
    AllOf,
    AnyOf,
    Condition,
    Constraint,
    Defined,
    Dependency,
    Filter,
    Formula,
    Not,
    Relation,
    Text,
    Truth,
    Variable,
)

Listed: TypeAlias = tuple[tuple[str, str], ...]
"""Of each package its name in quotes and its condition in braces, empty where it has none, as written."""

_CONDITION = r'\{(?:[^{}"#(]++|\((?!\*)|"(?!"")[^"\\]*+")*\}'
_PIECE = re.compile(rf'{BLANK}(?:("[^"\\]++"(?!")){BLANK}({_CONDITION}|)|(.?))', re.DOTALL)
"""A package with its condition, or a sign between packages. Whatever else there is the parser reads."""

_OPPOSITES: Mapping[Relation, Relation] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

_MOST_GROUPS = 40
"""More than these could nest too deeply; the parser counts depth."""

_RELATION = r"[<>]=?+|!?="
_VERSION = r'"(?!"")[^"\\]*+"'
_WORD = rf"{WORD}(?![+:])"
_TERM = re.compile(rf"({_RELATION})[ \t\n]*+({_VERSION})|({_WORD})")
_ANY_TERM = rf"(?:(?:{_RELATION})[ \t\n]*+{_VERSION}|{_WORD})[ \t\n]*+"
_TERMS = re.compile(rf"\{{[ \t\n]*+{_ANY_TERM}(?:&[ \t\n]*+{_ANY_TERM})*\}}")
"""A condition of bounds and variables, all of which must hold. Any other is left to the parser."""


@cache
def read_formula(text: str) -> Formula:
    """A formula of packages as ``depends`` holds one: what stands side by side must all hold."""
    return _plain_formula(text, AllOf) or formula_by_tree(text, AllOf)


def listed(text: str) -> Listed | None:
    """What a formula consists of that only lists packages, as most do; None for any other text.

    A cache can keep that, so that `read_listed` need not look for it in the text again.
    """
    pieces = _pieces(text)
    if "".join([sign for _, _, sign in pieces]) != "[]":
        return None
    return tuple([(sys.intern(name), sys.intern(braces)) for name, braces, _ in pieces if name])


@cache
def read_listed(packages: Listed) -> Formula:
    """`read_formula` of a text that `listed` took apart."""
    return AllOf(tuple([_dependency(name, braces) for name, braces in packages]))


@cache
def read_conflicts(text: str) -> tuple[Dependency, ...]:
    """The packages of ``conflicts``, any of which is one; ``&`` between packages has no meaning there."""
    found: list[Dependency] = []
    rest: list[Condition] = [_plain_formula(text, AnyOf) or formula_by_tree(text, AnyOf)]
    while rest:
        match rest.pop():
            case Dependency() as dependency:
                found.append(dependency)
            case AnyOf(parts):
                rest.extend(reversed(parts))
            case AllOf():
                raise Malformed("conflicts are packages side by side or joined by |", 0)
    return tuple(found)


def formula_by_tree(text: str, beside: type[AllOf | AnyOf]) -> Formula:
    """Any formula of packages; what stands side by side is joined by ``beside``: `AnyOf` in ``conflicts``."""
    value = parse_value(text)
    if isinstance(value, List):
        return beside(tuple(_formula(part, value, beside) for part in value.values))
    return _formula(value, value, beside)


@cache
def read_filter(text: str) -> Filter:
    """A filter as ``available`` holds one: an expression over variables, without constraints on versions."""
    value = parse_value(text)
    return filter_of(parts_of(value), value)


def condition_of(values: tuple[Value, ...], whole: Value) -> Condition | None:
    """The condition that ``values``, all that stands in the braces behind a package, write."""
    if not values:
        return None
    return _joined(values, lambda value: _part(value, whole, bounds=True), AllOf)


def filter_of(values: tuple[Value, ...], whole: Value) -> Filter:
    """The filter that ``values``, a part of ``whole``, write; what stands side by side must all hold."""
    return cast(Filter, _joined(values, lambda value: _part(value, whole, bounds=False), AllOf))


def _plain_formula(text: str, beside: type[AllOf | AnyOf]) -> Formula | None:
    """A list of packages with conditions, signs and groups; None for any other text, or a malformed one."""
    pieces = _pieces(text)
    if not pieces:
        return None
    signs = "".join([sign for _, _, sign in pieces])
    try:
        if signs == "[]":
            return beside(tuple([_dependency(name, braces) for name, braces, _ in pieces if name]))
        values, end = _plain_values(pieces, 1, "]", beside)
    except Malformed:
        return None  # reading the whole tells where
    return None if any(map(any, pieces[end:])) else beside(values)


def _pieces(text: str) -> list[tuple[str, str, str]]:
    """The packages with their conditions and the signs of a list; empty where the parser has to read it."""
    if not text.startswith("[") or not text.endswith("]") or text.count("(") > _MOST_GROUPS:
        return []
    return _PIECE.findall(text)


def _plain_values(
    pieces: list[tuple[str, str, str]], position: int, closing: str, beside: type[AllOf | AnyOf]
) -> tuple[tuple[Formula, ...], int]:
    """The values from ``position`` to the bracket that closes them, and the position after that."""
    values: list[Formula] = []
    alternatives: list[Formula] = []
    together: list[Formula] = []
    if pieces[position][2] == closing:
        return (), position + 1
    while True:
        name, braces, sign = pieces[position]
        position += 1
        if name:
            together.append(_dependency(name, braces))
        elif sign == "(":
            group, position = _plain_values(pieces, position, ")", beside)
            together.append(group[0] if len(group) == 1 else beside(group))
        else:
            raise Malformed("expected a package or a group", 0)
        sign = pieces[position][2]
        if sign == "&":
            position += 1
            continue
        alternatives.append(together[0] if len(together) == 1 else AllOf(tuple(together)))
        together.clear()
        if sign == "|":
            position += 1
            continue
        values.append(alternatives[0] if len(alternatives) == 1 else AnyOf(tuple(alternatives)))
        alternatives.clear()
        if sign == closing:
            return tuple(values), position + 1


@cache
def _dependency(name: str, braces: str) -> Dependency:
    return Dependency(name[1:-1], _condition(braces) if braces else None)


@cache
def _condition(braces: str) -> Condition | None:
    if _TERMS.fullmatch(braces):
        terms = tuple(_term(*found) for found in _TERM.findall(braces))
        return terms[0] if len(terms) == 1 else AllOf(terms)
    value = parse_value(f'"" {braces}')
    assert isinstance(value, Option)
    return condition_of(value.values, value)


@cache
def _term(relation: str, version: str, word: str) -> Condition:
    if relation:
        return Constraint(cast(Relation, relation), Text(version[1:-1]))
    return Truth(word == "true") if word in ("true", "false") else Variable(word)


def _formula(value: Value, whole: Value, beside: type[AllOf | AnyOf]) -> Formula:
    match value:
        case String() | Option(String()):
            return _package(value, whole)
        case Group(_, values, _) | List(_, values, _):
            return cast(Formula, _joined(values, lambda part: _formula(part, whole, beside), beside))
        case Joined(parts, signs):
            form = AllOf if signs[0].text == "&" else AnyOf
            return form(tuple(_formula(part, whole, beside) for part in parts))
    raise malformed("expected the name of a package, in quotes", value, whole)


def _package(value: String | Option, whole: Value) -> Dependency:
    name = value if isinstance(value, String) else value.value
    assert isinstance(name, String)
    if not name.text:
        raise malformed("a package has a name", name, whole)
    return Dependency(name.text, condition_of(value.values, whole) if isinstance(value, Option) else None)


def _joined(
    values: tuple[Value, ...], read: Callable[[Value], Condition], form: type[AllOf | AnyOf]
) -> Condition:
    return read(values[0]) if len(values) == 1 else form(tuple(map(read, values)))


def _part(value: Value, whole: Value, *, bounds: bool) -> Condition:
    """One part of a filter; ``bounds`` tells whether constraints may stand in it, as they may in braces."""

    def read(part: Value) -> Condition:
        return _part(part, whole, bounds=bounds)

    match value:
        case String() | Integer():
            return Text(value.text)
        case Boolean():
            return Truth(value.truth)
        case Identifier():
            return Variable(value.name)
        case Comparison(None, _, right) if bounds:
            return Constraint(_relation(value), cast(Filter, read(right)))
        case Comparison(left, _, right) if left is not None:
            return formula.Comparison(cast(Filter, read(left)), _relation(value), cast(Filter, read(right)))
        case Prefixed(sign, operand):
            if sign.text == "!":
                return _opposite(read(operand)) if bounds else Not(cast(Filter, read(operand)))
            return Defined(cast(Filter, _part(operand, whole, bounds=False)))
        case Group(_, values, _) | List(_, values, _):
            return _joined(values, read, AllOf)
        case Joined(parts, signs):
            form = AllOf if signs[0].text == "&" else AnyOf
            return form(tuple(map(read, parts)))
        case Comparison():
            raise malformed("a bound on a version has no meaning here", value, whole)
    raise malformed("expected a condition", value, whole)


def _opposite(condition: Condition) -> Condition:
    """``!`` before a condition in braces: opam brings it to each bound and filter as it reads the braces."""
    match condition:
        case Constraint(relation, operand):
            return Constraint(_OPPOSITES[relation], operand)
        case AllOf(()):
            return condition  # opam keeps an empty group out of the negation
        case AllOf(parts):
            return AnyOf(tuple(map(_opposite, parts)))
        case AnyOf(parts):
            return AllOf(tuple(map(_opposite, parts)))
        case Not(part):
            return part
        case _:
            return Not(cast(Filter, condition))


def _relation(comparison: Comparison) -> Relation:
    sign = comparison.relation.text
    return cast(Relation, ">=" if sign == "~" else sign)
