"""What changed from one lock to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, zip_longest

from monorepo.lock.model import Lock, LockedPackage, LockedRepository
from monorepo.lock.trees import without_trees


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

    def packages_of(self, repository: str) -> tuple[str, ...]:
        """The names of packages whose opam file there came, went or changed, as far as they are locked."""
        changed = [pair for pair in self.recorded if pair[0].metadata != pair[1].metadata]
        found = [*self.added, *self.removed, *chain.from_iterable((*self.updated, *changed))]
        return tuple(sorted({package.name for package in found if package.repository == repository}))


_OTHERS = (
    *("project", "roots", "asked", "constraints", "variables", "targets"),
    *("archive_mirrors", "software_heritage", "system_packages", "inputs"),
)


def difference(before: Lock | None, after: Lock) -> Difference:
    """What changed; with no lock before, everything is added."""
    pairs = paired(before.packages if before else (), after.packages)
    both = [(was, now) for was, now in pairs if was is not None and now is not None]
    updated = tuple((was, now) for was, now in both if was.version != now.version)
    return Difference(
        added=tuple(now for was, now in pairs if was is None and now is not None),
        removed=tuple(was for was, now in pairs if was is not None and now is None),
        updated=updated,
        recorded=tuple((was, now) for was, now in both if was != now and was.version == now.version),
        repositories=_repositories(before, after),
        sources=_sources(before, after, {now.directory for _, now in updated}),
        others=tuple(part for part in _OTHERS if before and getattr(before, part) != getattr(after, part)),
    )


def paired(
    before: Iterable[LockedPackage], after: Iterable[LockedPackage]
) -> tuple[tuple[LockedPackage | None, LockedPackage | None], ...]:
    """Each package with what became of it, by name; None where there was none, or is none any more.

    Of several versions of a name those that stay are one pair each, and the others pair up in their order.
    """
    old, new = _by_name(before), _by_name(after)
    pairs: list[tuple[LockedPackage | None, LockedPackage | None]] = []
    for name in sorted({*old, *new}):
        was, now = old.get(name, {}), new.get(name, {})
        pairs += [(was[version], now[version]) for version in was if version in now]
        gone = [was[version] for version in was if version not in now]
        come = [now[version] for version in now if version not in was]
        pairs += zip_longest(gone, come)
    return tuple(pairs)


def _by_name(packages: Iterable[LockedPackage]) -> dict[str, dict[str, LockedPackage]]:
    found: dict[str, dict[str, LockedPackage]] = {}
    for package in packages:
        found.setdefault(package.name, {})[package.version] = package
    return found


def _repositories(
    before: Lock | None, after: Lock
) -> tuple[tuple[LockedRepository | None, LockedRepository | None], ...]:
    old = {repository.name: repository for repository in before.repositories} if before else {}
    new = {repository.name: repository for repository in after.repositories}
    names = dict.fromkeys((*new, *old))  # in the new order, then what is gone
    return tuple((old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))


def _sources(before: Lock | None, after: Lock, updated: set[str | None]) -> tuple[str, ...]:
    old = {source.directory: source for source in without_trees(before).sources} if before else {}
    return tuple(
        source.directory
        for source in without_trees(after).sources
        if source.directory not in updated and old.get(source.directory, source) != source
    )
