"""What a context states of the packages that were locked for its target: a builder certifies it."""

from __future__ import annotations

from collections.abc import Iterator

from builder.certificate import Need as StatedNeed
from builder.certificate import Package, Source
from monorepo.duniverse import DUNIVERSE
from monorepo.lock.itself import asked_for, package_of, platform_of
from monorepo.lock.model import Kind, Lock, LockedPackage, LockedSource
from monorepo.targets.definition import Target
from solver.reduction import (
    NOTHING,
    AnyVersion,
    Bounds,
    Every,
    EveryBound,
    Need,
    Reduction,
    SomeBound,
    Wanted,
    conjuncts,
)
from solver.request import package_variables
from solver.version import Version


def state_packages(lock: Lock, target: Target) -> tuple[tuple[Package, ...], tuple[StatedNeed, ...]]:
    """The packages of ``lock`` for ``target``, filters decided, and what was asked for beside the roots."""
    platform = platform_of(target)
    reductions = {own: Reduction(package_variables(platform, own=own)) for own in (True, False)}
    sources = {
        (name, source.directory): _source(source) for source in lock.sources for name in source.packages
    }
    packages = tuple(
        _state(
            locked,
            reductions[locked.kind is Kind.ROOT or locked.repository is None],
            sources.get((locked.name, locked.directory or "")),
        )
        for locked in lock.packages
        if target.name in locked.used_for
    )
    asked = (
        wanted
        for dependency in (*asked_for(lock), *platform.requires)
        if (wanted := reductions[False].wanted(dependency, "", Version.parse(""))) is not None
    )
    return packages, tuple(map(_stated_need, asked))


def _source(source: LockedSource) -> Source:
    return Source(place_in_duniverse(source.directory), source.url, source.checksums, source.commit)


def place_in_duniverse(directory: str) -> str:
    """Where dune sees a directory of duniverse/: the first dot of one that it passes over is taken away."""
    return f"{DUNIVERSE}/{directory.removeprefix('.')}"


def _state(locked: LockedPackage, reduction: Reduction, source: Source | None) -> Package:
    package = package_of(locked)
    need = reduction.need(package.depends, package.name, package.version)
    refused = (reduction.wanted(conflict, package.name, package.version) for conflict in package.conflicts)
    return Package(
        name=locked.name,
        version=locked.version,
        needs=tuple(map(_stated_need, () if need == NOTHING else conjuncts(need))),
        refuses=tuple(_stated_need(wanted) for wanted in refused if wanted is not None),
        classes=locked.conflict_class,
        repository=locked.repository,
        port_of=locked.port_of,
        licences=locked.licences,
        source=source,
    )


def _stated_need(need: Need) -> StatedNeed:
    if isinstance(need, Wanted):
        return {"package": need.name, **dict(_stated_version(need.bounds))}
    return {"all" if isinstance(need, Every) else "any": [_stated_need(part) for part in need.parts]}


def _stated_version(bounds: Bounds) -> Iterator[tuple[str, object]]:
    if not isinstance(bounds, AnyVersion):
        yield "version", _stated_bound(bounds)


def _stated_bound(bounds: Bounds) -> object:
    match bounds:
        case EveryBound(parts):
            return {"all": [_stated_bound(part) for part in parts]}
        case SomeBound(parts):
            return {"any": [_stated_bound(part) for part in parts]}
        case AnyVersion():
            return {"all": []}
    return [bounds.relation, bounds.version.text]
