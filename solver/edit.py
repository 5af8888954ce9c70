"""Edits of a request: the lines of its own that a user may change, and what is asked once they are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from solver.formula import ALWAYS, AllOf, AnyOf, Bound, Condition, Constraint, Dependency, Formula, Text
from solver.package import Package
from solver.reduction import Bounds, EveryBound, SomeBound
from solver.request import Request
from solver.universe import PackageIndex, Unreadable
from solver.version import Key, Version


class Kind(Enum):
    """What an edit does."""

    RENAME = "rename"
    BOUND = "bound"
    DEPENDENCY = "dependency"
    CONFLICT = "conflict"
    AVAILABLE = "available"
    PROVIDED = "provided"
    PORT = "port"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change to what is asked.

    Args:
        name: the package that it is about, the root itself where it is `AVAILABLE`; of a `TARGET`, the
            targets, joined by commas.
        versions: of a bound, those that it comes to admit; of a port, those to port; targets may differ.
        root: whose opam file it changes; empty where it changes none.
        number: which of the request's restrictions it changes, or of the root's conflicts; None for none.
        platform: which platform of the request a `TARGET` drops; None for none.
        before, after: what the line says in opam's syntax; ``after`` is empty where nothing is left.
        place: file and line of it; empty where it is not known or new.
        serves: of what is provided or ported, the packages that need it.
    """

    kind: Kind
    name: str
    versions: tuple[Version, ...] = ()
    root: str = ""
    number: int | None = None
    platform: int | None = None
    before: str = ""
    after: str = ""
    place: str = ""
    serves: tuple[str, ...] = ()


def edited(request: Request, index: PackageIndex, edits: Sequence[Edit]) -> tuple[Request, PackageIndex]:
    """What is asked of which packages once ``edits`` are made."""
    for edit in last_first(edits):
        request, index = _edited(request, index, edit)
    without = {edit.platform for edit in edits if edit.kind is Kind.TARGET}
    platforms = tuple(platform for n, platform in enumerate(request.platforms) if n not in without)
    return replace(request, platforms=platforms), index


def last_first(edits: Sequence[Edit]) -> list[Edit]:
    """``edits`` in an order in which none of those that have a number moves what another is about."""
    return sorted(edits, key=lambda edit: -1 if edit.number is None else -edit.number)


def _edited(request: Request, index: PackageIndex, edit: Edit) -> tuple[Request, PackageIndex]:
    match edit.kind:
        case Kind.RENAME | Kind.DEPENDENCY | Kind.CONFLICT | Kind.AVAILABLE:
            roots = tuple(_root(root, edit) if root.name == edit.root else root for root in request.roots)
            return replace(request, roots=roots), index
        case Kind.BOUND:
            assert edit.number is not None
            restrictions = list(request.restrictions)
            old = restrictions[edit.number]
            condition = eased(old.condition, edit.versions) or ALWAYS
            restrictions[edit.number] = replace(old, condition=condition, text=edit.after)
            return replace(request, restrictions=tuple(restrictions)), index
        case Kind.PROVIDED:
            return replace(request, provided=request.provided | {edit.name}), index
        case Kind.PORT:
            return request, _Ported(index, edit)
        case _:
            return request, index


def _root(root: Package, edit: Edit) -> Package:
    match edit.kind:
        case Kind.AVAILABLE:
            return replace(root, available=None)
        case Kind.CONFLICT:
            left = (each for number, each in enumerate(root.conflicts) if number != edit.number)
            return replace(root, conflicts=tuple(left))
        case _:
            return replace(root, depends=_with_edit(root.depends, edit))


def _with_edit(formula: Formula, edit: Edit) -> Formula:
    match formula:
        case Dependency(name, condition) if name == edit.before and edit.kind is Kind.RENAME:
            return Dependency(edit.name, condition)
        case Dependency(name, condition) if name == edit.name and edit.kind is Kind.DEPENDENCY:
            return formula if condition is None else Dependency(name, eased(condition, edit.versions))
        case AllOf(parts):
            return AllOf(tuple(_with_edit(part, edit) for part in parts))  # type: ignore[arg-type]
        case AnyOf(parts) if edit.kind is Kind.RENAME:
            return AnyOf(tuple(_with_edit(part, edit) for part in parts))  # type: ignore[arg-type]
        case _:
            return formula


class _Ported:
    """An index in which one package is ported to dune, in the versions of the edit and no other."""

    def __init__(self, index: PackageIndex, edit: Edit) -> None:
        self.index = index
        self.edit = edit

    def packages(self, name: str) -> Sequence[Package | Unreadable]:
        found = self.index.packages(name)
        if name != self.edit.name:
            return found
        return [
            replace(package, depends=AllOf((package.depends, Dependency("dune"))))
            if isinstance(package, Package) and package.version in self.edit.versions
            else package
            for package in found
        ]


def can_be_eased(condition: Condition) -> bool:
    """Whether `eased` can be asked of it: bounds and filters that must all hold, or bounds alone."""
    if bounds_alone(condition):
        return True
    parts = condition.parts if isinstance(condition, AllOf) else (condition,)
    return all(bounds_alone(part) or not _has_bounds(part) for part in parts)


def eased(condition: Condition, versions: Collection[Version]) -> Condition | None:
    """``condition`` as little changed as lets it admit all ``versions``; None where nothing is left of it.

    A bound that refuses one is set to the farthest of them; two that leave one version become ``=``. Dropped
    are a choice of bounds that refuses one, a bound that cannot admit several, and one whose version is a
    variable.
    """
    match condition:
        case Constraint(relation, Text(text)) if "%{" not in text:
            bound = Bound(relation, Version.parse(text))
            refused = sorted((v for v in versions if not bound.admits(v)), key=lambda version: version.key)
            if not refused:
                return condition
            if relation == "!=" or (relation == "=" and len(versions) > 1):
                return None
            if relation == "=":
                return Constraint("=", Text(refused[0].text))
            upper = relation.startswith("<")
            return Constraint("<=" if upper else ">=", Text(refused[-1 if upper else 0].text))
        case AllOf(parts):
            left = _exact([part for part in (eased(part, versions) for part in parts) if part is not None])
            return left[0] if len(left) == 1 else AllOf(tuple(left)) if left else None
        case AnyOf() | Constraint() if bounds_alone(condition):
            return condition if all(_admits(condition, version) for version in versions) else None
        case _:
            return condition


def _exact(parts: Sequence[Condition]) -> list[Condition]:
    """``parts`` with ``=`` for a bound from below and one from above by the same version."""
    exact: list[Condition] = []
    for part in parts:
        match part:
            case Constraint(">=", limit) if Constraint("<=", limit) in parts:
                exact.append(Constraint("=", limit))
            case Constraint("<=", limit) if Constraint(">=", limit) in parts:
                continue
            case _:
                exact.append(part)
    return exact


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
