"""Edits of a request: the lines of its own that a user may change, and what is asked once they are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from solver.formula import ALWAYS, AllOf, AnyOf, Bound, Condition, Constraint, Dependency, Formula, Text
from solver.package import Package
from solver.reduction import ANY_VERSION, Bounds, EveryBound, SomeBound
from solver.request import Request
from solver.universe import PackageIndex, Unreadable
from solver.version import Key, Version


class Kind(Enum):
    """What an edit does."""

    RENAME = "rename"
    BOUND = "bound"
    DEPENDENCY = "dependency"
    PROVIDED = "provided"
    PORT = "port"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to what is asked.

    Args:
        name: the package that it is about; of a `TARGET`, the targets, joined by commas.
        version: of a bound, the version that it comes to admit; of a port, the version to port.
        root: whose opam file it changes; empty where it changes none.
        bound: which of the request's restrictions it changes; None for none.
        platform: which platform of the request a `TARGET` drops; None for none.
        before, after: what the line says in opam's syntax; ``after`` is empty where nothing is left.
        place: file and line of it; empty where it is not known or new.
        serves: of what is provided or ported, the packages that need it.
    """

    kind: Kind
    name: str
    version: Version | None = None
    root: str = ""
    bound: int | None = None
    platform: int | None = None
    before: str = ""
    after: str = ""
    place: str = ""
    serves: tuple[str, ...] = ()


def edited(request: Request, index: PackageIndex, edits: Sequence[Edit]) -> tuple[Request, PackageIndex]:
    """What is asked of which packages once ``edits`` are made."""
    for edit in edits:
        request, index = _edited(request, index, edit)
    without = {edit.platform for edit in edits if edit.kind is Kind.TARGET}
    platforms = tuple(platform for n, platform in enumerate(request.platforms) if n not in without)
    return replace(request, platforms=platforms), index


def _edited(request: Request, index: PackageIndex, edit: Edit) -> tuple[Request, PackageIndex]:
    match edit.kind:
        case Kind.RENAME | Kind.DEPENDENCY:
            roots = tuple(
                replace(root, depends=_with_edit(root.depends, edit)) if root.name == edit.root else root
                for root in request.roots
            )
            return replace(request, roots=roots), index
        case Kind.BOUND:
            assert edit.bound is not None and edit.version is not None
            restrictions = list(request.restrictions)
            old = restrictions[edit.bound]
            condition = eased(old.condition, edit.version) or ALWAYS
            restrictions[edit.bound] = replace(old, condition=condition, text=edit.after)
            return replace(request, restrictions=tuple(restrictions)), index
        case Kind.PROVIDED:
            return replace(request, provided=request.provided | {edit.name}), index
        case Kind.PORT:
            return request, _Ported(index, edit)
        case _:
            return request, index


def _with_edit(formula: Formula, edit: Edit) -> Formula:
    match formula:
        case Dependency(name, condition) if name == edit.before and edit.kind is Kind.RENAME:
            return Dependency(edit.name, condition)
        case Dependency(name, condition) if name == edit.name and edit.kind is Kind.DEPENDENCY:
            assert edit.version is not None
            return formula if condition is None else Dependency(name, eased(condition, edit.version))
        case AllOf(parts):
            return AllOf(tuple(_with_edit(part, edit) for part in parts))  # type: ignore[arg-type]
        case AnyOf(parts) if edit.kind is Kind.RENAME:
            return AnyOf(tuple(_with_edit(part, edit) for part in parts))  # type: ignore[arg-type]
        case _:
            return formula


class _Ported:
    """An index in which one package is ported to dune, in the version of the edit and no other."""

    def __init__(self, index: PackageIndex, edit: Edit) -> None:
        self.index = index
        self.edit = edit

    def packages(self, name: str) -> Sequence[Package | Unreadable]:
        found = self.index.packages(name)
        if name != self.edit.name:
            return found
        return [
            replace(package, depends=AllOf((package.depends, Dependency("dune"))))
            if isinstance(package, Package) and package.version == self.edit.version
            else package
            for package in found
        ]


def can_be_eased(condition: Condition) -> bool:
    """Whether `eased` can be asked of it: bounds and filters that must all hold, or bounds alone."""
    if bounds_alone(condition):
        return True
    parts = condition.parts if isinstance(condition, AllOf) else (condition,)
    return all(bounds_alone(part) or not _has_bounds(part) for part in parts)


def eased(condition: Condition, version: Version) -> Condition | None:
    """``condition`` as little changed as lets it admit ``version``; None where nothing is left of it.

    A bound that refuses the version is set to it; a choice of bounds that does is dropped.
    """
    match condition:
        case Constraint(relation, Text(text)) if "%{" not in text:
            if Bound(relation, Version.parse(text)).admits(version):
                return condition
            if relation == "!=":
                return None
            inclusive = {"<": "<=", ">": ">="}.get(relation, relation)
            return Constraint(inclusive, Text(version.text))  # type: ignore[arg-type]
        case AllOf(parts):
            left = tuple(part for part in (eased(part, version) for part in parts) if part is not None)
            return left[0] if len(left) == 1 else AllOf(left) if left else None
        case AnyOf() | Constraint() if bounds_alone(condition):
            return condition if _admits(condition, version) else None
        case _:
            return condition


def _admits(condition: Condition, version: Version) -> bool:
    match condition:
        case Constraint(relation, Text(text)) if "%{" not in text:
            return Bound(relation, Version.parse(text)).admits(version)
        case AllOf(parts):
            return all(_admits(part, version) for part in parts)
        case AnyOf(parts):
            return any(_admits(part, version) for part in parts)
        case _:
            return False


def bounds_alone(condition: Condition) -> bool:
    """Whether there are no filters in a condition."""
    match condition:
        case Constraint():
            return True
        case AllOf(parts) | AnyOf(parts):
            return bool(parts) and all(map(bounds_alone, parts))
        case _:
            return False


def _has_bounds(condition: Condition) -> bool:
    match condition:
        case Constraint():
            return True
        case AllOf(parts) | AnyOf(parts):
            return any(map(_has_bounds, parts))
        case _:
            return False


def eased_bounds(bounds: Bounds, version: Version) -> Bounds:
    """What `eased` leaves of a condition whose filters are decided."""
    match bounds:
        case Bound(relation) if not bounds.admits(version):
            if relation == "!=":
                return ANY_VERSION
            return Bound({"<": "<=", ">": ">="}.get(relation, relation), version)  # type: ignore[arg-type]
        case EveryBound(parts):
            left = tuple(b for b in (eased_bounds(part, version) for part in parts) if b != ANY_VERSION)
            return left[0] if len(left) == 1 else EveryBound(left) if left else ANY_VERSION
        case SomeBound() if not bounds.admits(version):
            return ANY_VERSION
        case _:
            return bounds


def distance(bounds: Bounds, version: Version, keys: Sequence[Key]) -> int:
    """How far ``bounds`` must move to admit ``version``, in ``keys``: the versions there are, ascending."""
    match bounds:
        case Bound(relation, limit) if not bounds.admits(version):
            if relation == "!=":
                return 1
            here, there = bisect_left(keys, version.key), bisect_left(keys, limit.key)
            return 2 * abs(here - there) + (1 if here < there else 2)  # of two as near, the newer
        case EveryBound(parts):
            return sum(distance(part, version, keys) for part in parts)
        case SomeBound(parts):
            return min(distance(part, version, keys) for part in parts)
        case _:
            return 0
