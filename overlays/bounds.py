"""Changing what an opam file says of one package, and nothing else of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import count

from overlays.formulas import condition_of
from overlays.notation import write_for_opam
from overlays.opam_file import OpamFile
from overlays.syntax.parser import parse_value
from overlays.syntax.tree import Group, Joined, List, Option, String, Value, first_token, print_value
from solver.edit import eased
from solver.version import Version


def with_eased_dependency(file: OpamFile, name: str, versions: Collection[Version]) -> OpamFile:
    """``file`` with every bound on ``name`` in ``depends`` changed by `solver.edit.eased`.

    A mention in a choice, which nothing forces to hold, stays; so do comments and blanks, but for
    those between the parts of a condition that changes.
    """
    return _with_dependency(file, name, lambda mention: _eased(mention, versions), choices=False)


def with_renamed_dependency(file: OpamFile, name: str, other: str) -> OpamFile:
    """``file`` with ``other`` wherever ``depends`` names ``name``."""
    return _with_dependency(file, name, lambda mention: _renamed(mention, other), choices=True)


def without_conflict(file: OpamFile, number: int) -> OpamFile:
    """``file`` without one of the packages that ``conflicts`` lists, counted from 0 as they are written."""
    value = file.field("conflicts")
    left = None if value is None else _without(value, number, count())
    return (
        file.without_field("conflicts")
        if left is None
        else file.with_field("conflicts", print_value(left).strip())
    )


def _without(value: Value, number: int, counted: Iterator[int]) -> Value | None:
    """What is left of ``value`` without the package of that number; None for nothing."""
    match value:
        case List(_, values) | Group(_, values):
            left = [part for part in (_without(each, number, counted) for each in values) if part is not None]
            if not left:
                return None
            blanks = first_token(values[0]).before
            return replace(value, values=(_after(blanks, left[0]), *left[1:]))
        case Joined(parts, signs):
            left = [part for part in (_without(each, number, counted) for each in parts) if part is not None]
            if len(left) < 2:
                return left[0] if left else None
            return replace(value, parts=tuple(left), signs=signs[: len(left) - 1])
        case _:
            return None if next(counted) == number else value


def _after(blanks: str, value: Value) -> Value:
    """``value`` behind these blanks, and comments, instead of its own blanks."""
    return parse_value(blanks + print_value(value).lstrip())


def _eased(mention: String | Option, versions: Collection[Version]) -> Value:
    if isinstance(mention, String):
        return mention
    condition = condition_of(mention.values, mention)
    left = None if condition is None else eased(condition, versions)
    if left == condition:
        return mention
    if left is None:
        return mention.value
    before = first_token(mention.values[0]).before
    return replace(mention, values=(parse_value(before + write_for_opam(left)),))


def _renamed(mention: String | Option, other: str) -> Value:
    if isinstance(mention, String):
        return String(mention.token._replace(text=f'"{other}"'))
    assert isinstance(mention.value, String)
    return replace(mention, value=_renamed(mention.value, other))


def _with_dependency(
    file: OpamFile, name: str, change: Callable[[String | Option], Value], *, choices: bool
) -> OpamFile:
    """``file`` with each mention of ``name`` put through ``change``; those in ``choices`` only if so told."""

    def changed(value: Value) -> Value:
        match value:
            case String() | Option(String()):
                named = value if isinstance(value, String) else value.value
                return change(value) if isinstance(named, String) and named.text == name else value
            case List(_, values) | Group(_, values):
                return replace(value, values=tuple(map(changed, values)))
            case Joined(parts, signs) if choices or signs[0].text == "&":
                return replace(value, parts=tuple(map(changed, parts)))
            case _:
                return value

    value = file.field("depends")
    if value is None:
        return file
    old, new = print_value(value), print_value(changed(value))
    return file if old == new else file.with_field("depends", new.strip())
