"""A lock is held against the opam files that it names: what it chose, and what it says of each package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monorepo.lock.model import Kind, Lock, LockedPackage, LockedSource
from monorepo.pins import PinnedPackage
from monorepo.project import Project
from overlays.errors import PackageUnreadable
from overlays.notation import write, write_needs
from overlays.stack import RepositoryStack
from solver.certificate import Locked, Violation, certify
from solver.formula import dependencies_in
from solver.nature import is_virtual
from solver.package import Package
from solver.version import Version


def certify_lock(
    lock: Lock, project: Project, pins: Mapping[str, PinnedPackage], stack: RepositoryStack
) -> tuple[Violation, ...]:
    """Everything in which ``lock`` breaks the raw formulas, or tells another story than the opam files."""
    known = {root.name: root for root in project.roots} | {name: pin.package for name, pin in pins.items()}
    sources = {source.directory: source for source in lock.sources}
    answer: list[Locked] = []
    violations: list[Violation] = []
    for locked in lock.packages:
        package = known.get(locked.name)
        if package is None:
            try:
                package = stack.package(locked.name, Version.parse(locked.version))
            except PackageUnreadable as error:
                violations.append(Violation(locked.name, "", f"cannot be read again: {error.reason}"))
                continue
        source = sources.get(locked.directory or "")
        violations.extend(
            Violation(locked.name, "", reason) for reason in _discrepancies(locked, package, source)
        )
        answer.append(Locked(package, locked.used_for))
    return (*violations, *certify(project.request, answer))


def _discrepancies(locked: LockedPackage, package: Package, source: LockedSource | None) -> Iterator[str]:
    """In what the lock tells another story of one package than its opam file."""
    if package.metadata_hash != locked.metadata:
        yield "its opam file has changed"
    if package.version.text != locked.version:
        yield f"its version is written {package.version}"
    if package.repository != locked.repository:
        yield f"it comes from {package.repository}, not from {locked.repository}"
    if tuple(sorted(package.flags)) != locked.flags:
        yield "its flags are others"
    recorded = (locked.depends, locked.conflicts, locked.conflict_class, locked.available)
    available = "" if package.available is None else write(package.available)
    conflicts = tuple(map(write, package.conflicts))
    if recorded != (write_needs(package.depends), conflicts, package.conflict_class, available):
        yield "its formulas are others"
    named = {dependency.name for dependency in dependencies_in(package.depends)}
    if not named.issuperset(locked.dependencies):
        yield f"it does not need {', '.join(sorted(set(locked.dependencies) - named))}"
    if locked.kind is Kind.VIRTUAL and not is_virtual(package):
        yield "it has a source, but is said to have none"
    if locked.kind is not Kind.VENDORED:
        return
    if "dune" not in named:
        yield "it is vendored, but does not build with dune"
    if source is None or package.source is None:
        yield "it is vendored, but has no source"
        return
    if package.source.url not in (source.url, *source.mirrors):
        yield f"its source is at {package.source.url}"
    if source.commit is None and not set(package.source.checksums) <= set(source.checksums):
        yield "its source has other checksums"
    if package.source.subpath != source.subpath:
        yield f"its source is the folder {package.source.subpath} of its archive"
