"""Dependencies of the roots that no target wants, because a variable is set nowhere.

opam drops a dependency whose filter is undefined without a word. MirageOS writes ``{?monorepo}`` for what
only tools need that set that variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from solver.formula import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Constraint,
    Defined,
    Dependency,
    Not,
    Value,
    Variable,
    as_truth,
    dependencies_in,
    evaluate,
)
from solver.reduction import Reduction, own_variables, wanted_in
from solver.request import Request, package_variables
from solver.values import dataclass


@dataclass(frozen=True, slots=True)
class Vanished:
    """What one root would need, were ``variables`` set; ``place`` is the file and line of the first of it."""

    root: str
    variables: tuple[str, ...]
    names: tuple[str, ...]
    place: str


def vanished(request: Request) -> tuple[Vanished, ...]:
    """What the roots name and no platform wants, though it might with values for variables that have none."""
    environments = [package_variables(platform, own=True) for platform in request.platforms]
    reductions = [Reduction(environment) for environment in environments]
    places = request.root_places or {}
    found: list[Vanished] = []
    for root in request.roots:
        wanted = {
            each.name
            for reduction in reductions
            for each in wanted_in(reduction.need(root.depends, root.name, root.version))
        }
        own = [own_variables(environment, root.name, root.version) for environment in environments]
        groups: dict[tuple[str, ...], list[str]] = {}
        for dependency in dependencies_in(root.depends):
            unset = _unset(dependency, own) if dependency.name not in wanted else ()
            if unset:
                groups.setdefault(unset, []).append(dependency.name)
        for variables, names in groups.items():
            place = places.get((root.name, names[0]), "")
            found.append(Vanished(root.name, variables, tuple(dict.fromkeys(names)), place))
    return tuple(found)


def _unset(dependency: Dependency, environments: list[dict[str, Value]]) -> tuple[str, ...]:
    """Variables that might bring a dependency back, of which no environment has a value; sorted."""
    condition = dependency.condition
    if condition is None or not any(_outcomes(condition, each)[0] for each in environments):
        return ()
    named = set(_variables(condition))
    return tuple(sorted(name for name in named if not any(name in each for each in environments)))


def _outcomes(condition: Condition, variables: Mapping[str, Value]) -> tuple[bool, bool]:
    """Whether it can be true and whether it can be false, whatever value a variable without one gets."""
    match condition:
        case Constraint():
            return True, False
        case Variable() | Defined() | Comparison() if any(n not in variables for n in _variables(condition)):
            return True, True
        case Not(part):
            true, false = _outcomes(part, variables)
            return false, true
        case AllOf(parts) | AnyOf(parts):
            each = [_outcomes(part, variables) for part in parts]
            judge, other = (all, any) if isinstance(condition, AllOf) else (any, all)
            return judge(true for true, _ in each), other(false for _, false in each)
        case _:
            truth = as_truth(evaluate(condition, variables))
            return truth is True, truth is not True


def _variables(condition: Condition) -> Iterator[str]:
    """The variables that a filter names and that mono.toml can set."""
    match condition:
        case Variable(name) if ":" not in name:
            yield name
        case Not(operand) | Defined(operand):
            yield from _variables(operand)
        case Comparison(left, _, right):
            yield from _variables(left)
            yield from _variables(right)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _variables(part)
