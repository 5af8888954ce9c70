"""A lock is held against the opam files that it names: what it chose, and what it says of each package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from monorepo.lock.model import Kind, Lock, LockedPackage, LockedSource
from monorepo.lock.sources import Metadata
from monorepo.pins import PinnedPackage
from monorepo.project import Project
from overlays.errors import PackageUnreadable
from overlays.notation import write, write_needs
from overlays.stack import RepositoryStack
from solver.certificate import Locked, Violation, certify
from solver.formula import dependencies_in
from solver.nature import Nature, nature_of
from solver.package import Package
from solver.version import Version


def certify_lock(
    lock: Lock, project: Project, pins: Mapping[str, PinnedPackage], stack: RepositoryStack
) -> tuple[Violation, ...]:
    """Everything in which ``lock`` breaks the raw formulas, or tells another story than the opam files."""
    known = {root.name: root for root in project.roots} | {name: pin.package for name, pin in pins.items()}
    packages: dict[str, Package] = {}
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
        violations.extend(Violation(locked.name, "", reason) for reason in _discrepancies(locked, package))
        packages[locked.identity] = package
        answer.append(Locked(package, locked.used_for))
    violations.extend(_wrong_kinds(lock, packages, project))
    metadata = Metadata(project.root_files, pins, stack)
    for source in lock.sources:
        carried = [p for p in lock.packages if p.directory == source.directory and p.identity in packages]
        if carried:
            reasons = [*_wrong_source(source, [packages[p.identity] for p in carried], metadata)]
            if source.unverified and not project.request.unverified.issuperset(source.packages):
                reasons.append("its source has no checksum, and the project does not allow that")
            violations.extend(Violation(carried[0].name, "", reason) for reason in reasons)
    return (*violations, *certify(project.request, answer))


def _discrepancies(locked: LockedPackage, package: Package) -> Iterator[str]:
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
    if locked.kind is Kind.VENDORED and "dune" not in named:
        yield "it is vendored, but does not build with dune"


def _wrong_kinds(lock: Lock, packages: Mapping[str, Package], project: Project) -> Iterator[Violation]:
    """Packages of another kind than their opam files and the project make them (by ``name.version``)."""
    inside = {
        name
        for locked in lock.packages
        if locked.kind in (Kind.ROOT, Kind.VENDORED)
        for name in locked.dependencies
    }
    for locked in lock.packages:
        package = packages.get(locked.identity)
        if package is None or locked.kind is Kind.ROOT:
            continue
        provided = locked.name in project.request.provided
        expected = _KINDS[nature_of(package, needs_dune="dune" in locked.dependencies, provided=provided)]
        outside = locked.kind is Kind.PROVIDED and locked.name not in inside
        if locked.kind is not expected and not (expected is Kind.VENDORED and outside):
            yield Violation(locked.name, "", f"it is said to be {locked.kind}, and is {expected}")


_KINDS = {
    Nature.ROOT: Kind.ROOT,
    Nature.COMPILER: Kind.COMPILER,
    Nature.BUILD_TOOL: Kind.PROVIDED,
    Nature.PROVIDED: Kind.PROVIDED,
    Nature.VIRTUAL: Kind.VIRTUAL,
    Nature.DUNE: Kind.VENDORED,
    Nature.FOREIGN: Kind.PROVIDED,
}


def _wrong_source(source: LockedSource, packages: Sequence[Package], metadata: Metadata) -> Iterator[str]:
    """In what the lock tells another story of a source than the opam files of its packages."""
    origins = [package.source for package in packages if package.source is not None]
    places = {place for origin in origins for place in (origin.url, *origin.mirrors)}
    if not origins or {source.url, *source.mirrors} != places or (source.commit and len(places) > 1):
        yield f"its source is at {' or '.join(sorted(places)) or 'no place'}"
    if source.commit is None and set(source.checksums) != {c for o in origins for c in o.checksums}:
        yield "its source has other checksums"
    if any(origin.subpath != source.subpath for origin in origins):
        yield f"its source is the folder {origins[0].subpath} of its archive"
    preparations = [(package, metadata.preparation(package)) for package in packages]
    extra = {(name, e.url, e.checksums) for _, p in preparations for name, e in p.extra_sources}
    if extra != {(e.file, e.url, e.checksums) for e in source.extra_sources}:
        yield "its extra sources are others"
    files = {
        (name, metadata.extra_file(package, name)) for package, p in preparations for name, _ in p.extra_files
    }
    if {(name, hashlib.sha256(content).hexdigest()) for name, content in files} != {
        (file.file, file.sha256) for file in source.extra_files
    }:
        yield "the files that its repository carries for it are others"
    always = {name for _, p in preparations for name, condition in p.patches if condition is None}
    some = {name for _, p in preparations for name, _ in p.patches}
    if not always <= set(source.patches) <= some:
        yield "its patches are others"
    if {name for _, p in preparations for name in p.substs} != {s.file for s in source.substitutions}:
        yield "its substitutions are others"
