"""opam's formulas: what a package needs, and the conditions under which it needs it.

Two layers (opam manual, "Package Formulas" and "Filters"):

* a *filter* is a three-valued expression over variables: true, false or undefined;
* a *formula* is made of dependencies joined by ``&`` and ``|``; each dependency names a package and may
  carry a *condition* in braces, in which filters and version constraints are joined by ``&`` and ``|``.

`AllOf` and `AnyOf` serve in both, `Not` in filters alone: ``!`` before a constraint is one with the opposite
relation. All values are immutable and may be shared freely.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from solver.version import Version

Relation: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

Value: TypeAlias = "bool | str"
"""What a variable holds. opam's lists are joined by blanks, its numbers are written as text."""

Variables: TypeAlias = Mapping[str, Value]
"""An environment; a name that is not in it is undefined."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string, number or bare version in a filter; may hold ``%{variable}%``."""

    text: str


@dataclass(frozen=True, slots=True)
class Truth:
    """``true`` or ``false`` written in a filter."""

    value: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable, as written: ``os``, ``with-test``, ``lwt:installed``, ``_:version``."""

    name: str


@dataclass(frozen=True, slots=True)
class Defined:
    """``?x``: whether ``operand`` is defined; never undefined itself."""

    operand: Filter


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left relation right`` in a filter; ordered as versions are."""

    left: Filter
    relation: Relation
    right: Filter


@dataclass(frozen=True, slots=True)
class Constraint:
    """``relation operand`` in the braces of a dependency: a bound on the version of that package."""

    relation: Relation
    operand: Filter


@dataclass(frozen=True, slots=True)
class Not:
    part: Filter


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when every part is; an empty one is true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when some part is."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Dependency:
    """A package by name, with the condition in its braces or None."""

    name: str
    condition: Condition | None = None


Filter: TypeAlias = "Text | Truth | Variable | Defined | Comparison | Not | AllOf | AnyOf"
Condition: TypeAlias = "Filter | Constraint | Dependency"
"""Anything that may stand in a formula; `Dependency` only outside braces, `Constraint` only inside."""

Formula: TypeAlias = "AllOf | AnyOf | Dependency"

ALWAYS = AllOf(())


@dataclass(frozen=True, slots=True)
class Bound:
    """A constraint whose operand is known."""

    relation: Relation
    version: Version

    def admits(self, version: Version) -> bool:
        return HOLDS[self.relation](version.key, self.version.key)

    def __str__(self) -> str:
        return f'{self.relation} "{self.version}"'


HOLDS: Mapping[Relation, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""Whether a relation holds between what is ordered as versions are, say their keys."""


def evaluate(filter_: Condition, variables: Variables) -> Value | None:
    """The value of a filter, None where it is undefined.

    Three-valued as opam is (`OpamFilter.eval`): a comparison with an undefined side is undefined;
    ``false & x`` is false and ``true | x`` is true whatever x; ``!undefined`` is undefined.
    """
    match filter_:
        case Text(text):
            return interpolate(text, variables)
        case Truth(value):
            return value
        case Variable(name):
            return variables.get(name)
        case Defined(operand):
            return evaluate(operand, variables) is not None
        case Comparison(left, relation, right):
            one, other = evaluate(left, variables), evaluate(right, variables)
            if one is None or other is None:
                return None
            return Bound(relation, Version.parse(as_text(other))).admits(Version.parse(as_text(one)))
        case Not(part):
            value_of_part = as_truth(evaluate(part, variables))
            return None if value_of_part is None else not value_of_part
        case AllOf(parts):
            return _absorb((as_truth(evaluate(part, variables)) for part in parts), absorbing=False)
        case AnyOf(parts):
            return _absorb((as_truth(evaluate(part, variables)) for part in parts), absorbing=True)
    raise TypeError(f"not a filter: {filter_!r}")


def holds(filter_: Condition | None, variables: Variables) -> bool:
    """Whether a filter is true; undefined counts as false, an absent filter as true."""
    return filter_ is None or as_truth(evaluate(filter_, variables)) is True


def _absorb(values: Iterator[bool | None], *, absorbing: bool) -> bool | None:
    result: bool | None = not absorbing
    for value in values:
        if value is absorbing:
            return absorbing
        if value is None:
            result = None
    return result


def as_truth(value: Value | None) -> bool | None:
    """A value read as a truth value; text other than ``true`` and ``false`` has none."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value)
    return value


def as_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def interpolate(text: str, variables: Variables) -> str:
    """``text`` with every ``%{variable}%`` replaced; an undefined variable gives the empty string.

    ``%{variable?then:else}%`` chooses by the variable's truth, and ``%%`` stands for ``%``
    (opam manual, "Interpolation").
    """
    if "%" not in text:
        return text
    from solver.interpolation import replace_variables

    return replace_variables(text, variables)


def dependencies_in(formula: Condition) -> Iterator[Dependency]:
    """Every dependency written in a formula, in order, whatever its condition."""
    match formula:
        case Dependency():
            yield formula
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from dependencies_in(part)
        case _:
            raise TypeError(f"not a formula of packages: {formula!r}")
