"""What changed from one lock to the next."""

from __future__ import annotations

from dataclasses import dataclass

from monorepo.lock.model import Lock, LockedPackage, LockedRepository


@dataclass(frozen=True, slots=True)
class Difference:
    """Packages and repositories by what became of them, sorted by name.

    ``updated`` pairs a package before and after where its version changed, ``recorded`` where only something
    else did. ``sources`` are directories whose source changed though no version in them did, and ``others``
    the remaining parts of a lock that changed.
    """

    added: tuple[LockedPackage, ...]
    removed: tuple[LockedPackage, ...]
    updated: tuple[tuple[LockedPackage, LockedPackage], ...]
    recorded: tuple[tuple[LockedPackage, LockedPackage], ...]
    repositories: tuple[tuple[LockedRepository | None, LockedRepository | None], ...]
    sources: tuple[str, ...]
    others: tuple[str, ...]


_OTHERS = ("project", "roots", "variables", "targets", "archive_mirrors", "system_packages", "inputs")


def difference(before: Lock | None, after: Lock) -> Difference:
    """What changed; with no lock before, everything is added."""
    old = {package.name: package for package in before.packages} if before else {}
    new = {package.name: package for package in after.packages}
    both = [(old[name], new[name]) for name in sorted(old.keys() & new.keys())]
    updated = tuple((was, now) for was, now in both if was.version != now.version)
    return Difference(
        added=tuple(new[name] for name in sorted(new.keys() - old.keys())),
        removed=tuple(old[name] for name in sorted(old.keys() - new.keys())),
        updated=updated,
        recorded=tuple((was, now) for was, now in both if was != now and was.version == now.version),
        repositories=_repositories(before, after),
        sources=_sources(before, after, {now.directory for _, now in updated}),
        others=tuple(part for part in _OTHERS if before and getattr(before, part) != getattr(after, part)),
    )


def _repositories(
    before: Lock | None, after: Lock
) -> tuple[tuple[LockedRepository | None, LockedRepository | None], ...]:
    old = {repository.name: repository for repository in before.repositories} if before else {}
    new = {repository.name: repository for repository in after.repositories}
    names = dict.fromkeys((*new, *old))  # in the new order, then what is gone
    return tuple((old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))


def _sources(before: Lock | None, after: Lock, updated: set[str | None]) -> tuple[str, ...]:
    old = {source.directory: source for source in before.sources} if before else {}
    return tuple(
        source.directory
        for source in after.sources
        if source.directory not in updated and old.get(source.directory, source) != source
    )
