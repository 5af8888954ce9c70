"""What changed from one lock to the next."""

from __future__ import annotations

from dataclasses import dataclass

from monorepo.lock.model import Lock, LockedPackage, LockedRepository


@dataclass(frozen=True, slots=True)
class Difference:
    """Packages and repositories by what became of them, sorted by name.

    ``updated`` pairs a package before and after where its version changed, ``recorded`` where only something
    else did.
    """

    added: tuple[LockedPackage, ...]
    removed: tuple[LockedPackage, ...]
    updated: tuple[tuple[LockedPackage, LockedPackage], ...]
    recorded: tuple[tuple[LockedPackage, LockedPackage], ...]
    repositories: tuple[tuple[LockedRepository | None, LockedRepository], ...]


def difference(before: Lock | None, after: Lock) -> Difference:
    """What changed; with no lock before, everything is added."""
    old = {package.name: package for package in before.packages} if before else {}
    new = {package.name: package for package in after.packages}
    repositories = {repository.name: repository for repository in before.repositories} if before else {}
    both = [(old[name], new[name]) for name in sorted(old.keys() & new.keys())]
    return Difference(
        added=tuple(new[name] for name in sorted(new.keys() - old.keys())),
        removed=tuple(old[name] for name in sorted(old.keys() - new.keys())),
        updated=tuple((was, now) for was, now in both if was.version != now.version),
        recorded=tuple((was, now) for was, now in both if was != now and was.version == now.version),
        repositories=tuple(
            (repositories.get(repository.name), repository)
            for repository in after.repositories
            if repositories.get(repository.name) != repository
        ),
    )
