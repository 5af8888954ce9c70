"""A lock is held against the formulas that it records itself."""

from __future__ import annotations

from collections.abc import Sequence

from monorepo.errors import LockError
from monorepo.lock.format import FILE
from monorepo.lock.model import Kind, Lock, LockedPackage
from monorepo.targets.definition import Target
from overlays.errors import OpamSyntaxError
from overlays.notation import read_condition, read_need, read_needs
from solver.certificate import Locked, Violation, certify
from solver.formula import Dependency
from solver.package import Package
from solver.request import Platform, Request, Restriction
from solver.version import Version


def certify_itself(lock: Lock) -> tuple[Violation, ...]:
    """Everything in which ``lock`` breaks the formulas that it records of its own packages.

    It needs no repository: `mono pull` asks it of whatever lock it is given.

    Raises:
        LockError: a formula in it cannot be read.
    """
    try:
        answer = [Locked(package_of(locked), locked.used_for) for locked in lock.packages]
        return certify(_request(lock, answer), answer)
    except OpamSyntaxError as error:
        raise LockError(error.reason, error.place, "run mono lock, which keeps what can stay") from error


def refuse_uncertified(lock: Lock) -> None:
    """Raises LockError where ``lock`` does not certify itself."""
    violations = certify_itself(lock)
    if violations:
        raise LockError(
            "the lock breaks what it says of its own packages",
            FILE,
            "run mono lock, which keeps what can stay",
            tuple(str(violation) for violation in violations),
        )


def package_of(locked: LockedPackage) -> Package:
    """What the lock itself says of a package; raises `OpamSyntaxError` where that cannot be read."""
    place = f"{FILE}, package {locked.identity}"
    return Package(
        locked.name,
        Version.parse(locked.version),
        read_needs(locked.depends, place),
        tuple(_dependency(text, place) for text in locked.conflicts),
        locked.conflict_class,
        read_condition(locked.available, place) if locked.available else None,
        frozenset(locked.flags),
        repository=locked.repository,
        metadata_hash=locked.metadata,
    )


def platform_of(target: Target) -> Platform:
    """A target of a lock as the solver sees it."""
    place = f"{FILE}, target {target.name}"
    requires = tuple(_dependency(text, place) for text in target.requires)
    return Platform((target.name,), dict(target.variables), requires)


def asked_for(lock: Lock) -> tuple[Dependency, ...]:
    """What was asked for beside the roots, on every target."""
    return tuple(_dependency(text, FILE) for text in lock.asked)


def _request(lock: Lock, answer: Sequence[Locked]) -> Request:
    """What was asked for, as the lock records it: each target for itself."""
    packages = {locked.package.name: locked.package for locked in answer}
    return Request(
        roots=tuple(packages[name] for name in lock.roots),
        platforms=tuple(map(platform_of, lock.targets)),
        requires=asked_for(lock),
        restrictions=tuple(map(_restriction, lock.constraints)),
        pinned=frozenset(p.name for p in lock.packages if p.repository is None and p.kind is not Kind.ROOT),
    )


def _dependency(text: str, place: str) -> Dependency:
    found = read_need(text, place)
    if not isinstance(found, Dependency):
        raise OpamSyntaxError("expected one package, with its condition in braces", place, 1, 1, text)
    return found


def _restriction(text: str) -> Restriction:
    dependency = _dependency(text, FILE)
    if dependency.condition is None:
        raise OpamSyntaxError("this constraint bounds nothing", FILE, 1, 1, text)
    return Restriction(dependency.name, dependency.condition, text, FILE)
