"""mono's own notation of opam's formulas, for mono.toml and mono.lock: opam's, with fewer quotes.

Names of packages may go without quotes, and so may versions behind a comparison: ``lwt {>= 5.6.1 & < 6}``.
What is written here always quotes a version that does not begin with a digit, for a bare word stands for a
variable: ``{= version}``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from overlays.errors import OpamSyntaxError
from overlays.formulas import condition_of, read_filter
from overlays.syntax.parser import parse_value
from overlays.syntax.tokens import Malformed
from overlays.syntax.tree import Group, Identifier, Joined, Option, String, Value
from overlays.values import malformed
from solver.formula import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Constraint,
    Defined,
    Dependency,
    Formula,
    Not,
    Text,
    Truth,
    Variable,
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+~_-]*")
_NUMBERED = re.compile(r'("(?:[^"\\]|\\.)*")|([<>]=?|!?=)(\s*)([0-9][0-9A-Za-z.+~_-]*)')
_WORDED = re.compile(r'("(?:[^"\\]|\\.)*")|([<>]=?|!?=)(\s*)([0-9A-Za-z][0-9A-Za-z.+~_-]*)')


def write_needs(formula: Formula) -> tuple[str, ...]:
    """Each part that must hold of a formula of packages, in its order."""
    return tuple(map(write, formula.parts)) if isinstance(formula, AllOf) else (write(formula),)


@cache
def write(condition: Condition) -> str:
    """A formula of packages, a filter or the condition in braces, on one line."""
    match condition:
        case Dependency(name, None):
            return _name(name)
        case Dependency(name, inner):
            assert inner is not None
            return f"{_name(name)} {{{write(inner)}}}"
        case Constraint(relation, Text(version)) if _VERSION.fullmatch(version):
            return f"{relation} {version}"
        case Constraint(relation, operand):
            return f"{relation} {write(operand)}"
        case Comparison(left, relation, right):
            return f"{write(left)} {relation} {write(right)}"
        case Text(text):
            return _quoted(text)
        case Truth(value):
            return "true" if value else "false"
        case Variable(name):
            return name
        case Not(part) | Defined(part):
            sign = "!" if isinstance(condition, Not) else "?"
            return sign + _within(part, AllOf, AnyOf, Comparison)
        case AllOf(()) | AnyOf(()):
            return "()"
        case AllOf(parts):
            return " & ".join(_within(part, AllOf, AnyOf) for part in parts)
        case AnyOf(parts):
            return " | ".join(_within(part, AnyOf) for part in parts)
    raise TypeError(f"not a formula: {condition!r}")


def write_for_opam(condition: Condition) -> str:
    """The condition in braces as opam files have it: every version in quotes."""
    return _NUMBERED.sub(_with_quotes, write(condition))


def read_needs(texts: Sequence[str], place: str) -> Formula:
    """What `write_needs` wrote.

    Raises:
        OpamSyntaxError: a text is no formula of packages.
    """
    return AllOf(tuple(read_need(text, place) for text in texts))


def read_need(text: str, place: str) -> Formula:
    """A formula of packages; raises `OpamSyntaxError` where it is none."""
    try:
        return _read_need(_NUMBERED.sub(_with_quotes, text))
    except Malformed as problem:
        raise _error(problem, text, place) from None


def read_condition(text: str, place: str) -> Condition:
    """A filter that `write` wrote; raises `OpamSyntaxError` where it is none."""
    try:
        return read_filter(text)
    except Malformed as problem:
        raise _error(problem, text, place) from None


def parse_dependency(text: str, place: str = "") -> Dependency:
    """One package with a condition in braces or without; a version may be any bare word.

    Raises:
        OpamSyntaxError: the text is anything else.
    """
    try:
        found = _read_need(_WORDED.sub(_with_quotes, text))
        if not isinstance(found, Dependency):
            raise Malformed("expected one package, with its condition in braces", 0)
        return found
    except Malformed as problem:
        raise _error(problem, text, place) from None


@cache
def _read_need(text: str) -> Formula:
    value = parse_value(text)
    return _formula(value, value)


def _formula(value: Value, whole: Value) -> Formula:
    match value:
        case Identifier() | String():
            return Dependency(_name_of(value, whole))
        case Option(Identifier() | String() as name, _, values, _):
            return Dependency(_name_of(name, whole), condition_of(values, whole))
        case Group(_, (inner,), _):
            return _formula(inner, whole)
        case Joined(parts, signs):
            form = AllOf if signs[0].text == "&" else AnyOf
            return form(tuple(_formula(part, whole) for part in parts))
    raise malformed("expected a package, with its condition in braces", value, whole)


def _name_of(name: Identifier | String, whole: Value) -> str:
    text = name.name if isinstance(name, Identifier) else name.text
    if not text:
        raise malformed("a package has a name", name, whole)
    return text


def _within(part: Condition, *looser: type[Condition]) -> str:
    """A part of a whole, in brackets where its signs bind no tighter than those of the whole."""
    text = write(part)
    return f"({text})" if isinstance(part, looser) and text != "()" else text


def _name(name: str) -> str:
    return name if _NAME.fullmatch(name) and name not in ("true", "false") else _quoted(name)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _with_quotes(found: re.Match[str]) -> str:
    return found[1] or f'{found[2]}{found[3]}"{found[4]}"'


def _error(problem: Malformed, text: str, place: str) -> OpamSyntaxError:
    line = text.count("\n", 0, problem.offset) + 1
    column = problem.offset - text.rfind("\n", 0, problem.offset)
    source_line = text.split("\n")[min(line, text.count("\n") + 1) - 1]
    return OpamSyntaxError(problem.reason, place, line, column, source_line)
