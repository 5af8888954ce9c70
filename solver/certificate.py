"""A second opinion: the answer is checked against the formulas as written in the opam files.

Nothing here is shared with the way the answer was found: no reduction, no universe, no encoding. The
formulas are walked as they stand, with the chosen versions in hand; what is shared is the language itself
(the value of a filter, the order of versions).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from solver.formula import (
    AllOf,
    AnyOf,
    Bound,
    Condition,
    Constraint,
    Dependency,
    Value,
    Variables,
    as_text,
    dependencies_in,
    evaluate,
    holds,
)
from solver.package import Package
from solver.request import Request, package_variables
from solver.values import dataclass
from solver.version import Version


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of the answer as its opam file has it, and the names of the targets that use it."""

    package: Package
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """Something the answer breaks: in which package, on which target, and what."""

    package: str
    target: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.package} on {self.target}: {self.reason}"
            if self.target
            else f"{self.package}: {self.reason}"
        )


def certify(request: Request, answer: Sequence[Locked]) -> tuple[Violation, ...]:
    """Every way in which ``answer`` is not one to ``request``; none where it is certified."""
    return tuple(_violations(request, answer))


def _violations(request: Request, answer: Sequence[Locked]) -> Iterator[Violation]:
    yield from _twice_chosen(answer)
    for platform in request.platforms:
        for target in platform.targets:
            here = {locked.package.name: locked.package for locked in answer if target in locked.targets}
            yield from _Target(request, target, platform.variables, platform.requires, here).violations()


def _twice_chosen(answer: Sequence[Locked]) -> Iterator[Violation]:
    """Packages of which one target uses several versions."""
    chosen = Counter((locked.package.name, target) for locked in answer for target in locked.targets)
    for (name, target), count in sorted(chosen.items()):
        if count > 1:
            yield Violation(name, target, f"is chosen in {count} versions")


class _Target:
    """The answer seen from one target."""

    def __init__(
        self,
        request: Request,
        target: str,
        variables: Variables,
        requires: Sequence[Dependency],
        here: Mapping[str, Package],
    ) -> None:
        self.request = request
        self.target = target
        self.variables = variables
        self.asked = (*request.requires, *requires)
        self.here = here
        self.roots = {root.name for root in request.roots}
        platform = next(p for p in request.platforms if target in p.targets)
        self.environment = {own: package_variables(platform, own=own) for own in (True, False)}

    def violations(self) -> Iterator[Violation]:
        for root in sorted(self.roots - set(self.here)):
            yield self._violation(root, "is a root and not in the answer")
        for dependency in self.asked:
            if self._met(dependency, self.environment[False]) is False:
                yield self._violation(dependency.name, "is asked for and not in the answer")
        for package in self.here.values():
            yield from self._package(package)
        yield from self._classes()
        yield from self._superfluous()

    def _package(self, package: Package) -> Iterator[Violation]:
        variables = self._variables(package)
        for part in package.depends.parts if isinstance(package.depends, AllOf) else (package.depends,):
            if self._met(part, variables) is False:
                names = " or ".join(sorted({d.name for d in dependencies_in(part)}))
                yield self._violation(package.identity, f"its dependency on {names} is not met")
        for conflict in package.conflicts:
            other = self.here.get(conflict.name)
            if other is not None and other is not package and self._met(conflict, variables) is True:
                yield self._violation(package.identity, f"conflicts with {other.identity}")
        if not holds(package.available, self.variables):
            yield self._violation(package.identity, "is not available here")
        for restriction in self.request.restrictions:
            dependency = Dependency(restriction.name, restriction.condition)
            if restriction.name == package.name and self._met(dependency, self.environment[False]) is False:
                yield self._violation(
                    package.identity, f"is outside {restriction.text} ({restriction.place})"
                )

    def _classes(self) -> Iterator[Violation]:
        holders: dict[str, Package] = {}
        for package in self.here.values():
            for name in package.conflict_class:
                other = holders.setdefault(name, package)
                if other is not package:
                    yield self._violation(
                        package.identity, f"shares conflict class {name} with {other.identity}"
                    )

    def _superfluous(self) -> Iterator[Violation]:
        """Packages that no chain of dependencies reaches from the roots."""
        reached: set[str] = set()
        waiting = [*self.roots, *(dependency.name for dependency in self.asked)]
        while waiting:
            package = self.here.get(waiting.pop())
            if package is not None and package.name not in reached:
                reached.add(package.name)
                variables = self._variables(package)
                waiting.extend(
                    dependency.name
                    for dependency in dependencies_in(package.depends)
                    if self._met(dependency, variables) is True
                )
        for name in sorted(set(self.here) - reached):
            yield self._violation(self.here[name].identity, "nobody needs it")

    def _variables(self, package: Package) -> dict[str, Value]:
        own: dict[str, Value] = {}
        for prefix in ("", "_:"):
            own[f"{prefix}name"] = package.name
            own[f"{prefix}version"] = package.version.text
        return {**self.environment[package.name in self.roots | self.request.pinned], **own}

    def _violation(self, package: str, reason: str) -> Violation:
        return Violation(package, self.target, reason)

    def _met(self, formula: Condition, variables: Variables) -> bool | None:
        """Whether a formula of packages holds; None where its filters leave nothing of it."""
        match formula:
            case Dependency(name, condition):
                package = self.here.get(name)
                version = None if package is None else package.version
                if condition is None:
                    return version is not None
                return _admits(condition, version, variables)
            case AllOf(parts):
                return _combine([self._met(part, variables) for part in parts], every=True)
            case AnyOf(parts):
                return _combine([self._met(part, variables) for part in parts], every=False)
        raise TypeError(f"not a formula of packages: {formula!r}")


def _admits(condition: Condition, version: Version | None, variables: Variables) -> bool | None:
    """Whether the braces of a dependency admit ``version`` (None: not installed); None where erased."""
    match condition:
        case Constraint(relation, operand):
            bound = evaluate(operand, variables)
            if version is None or bound is None:
                return version is not None
            return Bound(relation, Version.parse(as_text(bound))).admits(version)
        case AllOf(parts):
            verdicts = [_admits(part, version, variables) for part in parts]
            return None if None in verdicts else all(verdicts) and version is not None
        case AnyOf(parts):
            return _combine([_admits(part, version, variables) for part in parts], every=False)
        case _:
            return (version is not None) if holds(condition, variables) else None


def _combine(verdicts: Sequence[bool | None], *, every: bool) -> bool | None:
    """Verdicts of what is left; what was erased does not count."""
    left = [verdict for verdict in verdicts if verdict is not None]
    if not left:
        return None
    return all(left) if every else any(left)
