"""Why a lock changed: causes of each difference, found from the two locks alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from monorepo.lock.difference import paired
from monorepo.lock.graph import NeedGraph, Source
from monorepo.lock.model import Kind, Lock, LockedPackage
from solver.values import dataclass
from solver.version import Version


class Because(Enum):
    """What brought a change about; in `Cause` the package that it speaks of and the text are told."""

    ASKED = "a root, the project or a target asks for it, which did not before"
    NEEDED = "a package needs it, which did not before"
    TARGET = "a target is new, or is gone"
    NOT_ASKED = "a root, the project or a target asks for it no more"
    NOT_NEEDED = "a package that needed it is gone, or needs it no more"
    REFUSED = "a package would not have the old version"
    UNFIT = "the old version would not have another package as it is now"
    UNAVAILABLE = "the old version is not available on a target"
    BOUND = "the project's own bound refuses the old version"
    FREED = "what refused the new version is gone, or does so no more"
    UNBOUND = "the project's own bound on the new version is gone"
    REPOSITORY = "the repository that the new version is from moved, or is new"
    NEWER = "a newer version was taken, with no need"
    OLDER = "an older version was taken, with no need"
    APART = "no one version of it does for all targets, or one does again"
    METADATA = "the same version has other metadata"
    ROLE = "it is needed for other targets, or of another kind"


_PROJECT = (Because.ASKED, Because.NOT_ASKED, Because.BOUND, Because.UNBOUND, Because.TARGET)


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause.

    Args:
        was: the package that it speaks of, in the old lock; None where it is not there.
        now: the same in the new lock.
        text: what it says (``needs lwt {>= "5"}``), or the name of a target or repository.
    """

    because: Because
    was: LockedPackage | None = None
    now: LockedPackage | None = None
    text: str = ""


class Causes:
    """The causes of what lies between two locks.

    Raises:
        LockError: a formula in one of them cannot be read.
    """

    def __init__(self, before: Lock, after: Lock) -> None:
        self.before = before
        self.after = after
        self.old, self.new = NeedGraph(before), NeedGraph(after)
        pairs = paired(before.packages, after.packages)
        self._now = {was.identity: now for was, now in pairs if was is not None}
        self._was = {now.identity: was for was, now in pairs if now is not None}

    def of_added(self, package: LockedPackage) -> tuple[Cause, ...]:
        """Why a package is there that was not."""
        if self.before.versions(package.name):
            return (Cause(Because.APART, None, package),)
        causes = [*_askers(self.new, self.old, package, Because.ASKED)]
        for need in self.new.needed_by(package):
            if need.who is None or need.who.kind is Kind.ROOT:
                continue  # told above
            causes.append(Cause(Because.NEEDED, self._was[need.who.identity], need.who, need.wording))
        new_targets = set(self.new.targets) - set(self.old.targets)
        if new_targets.issuperset(package.used_for):
            causes += [Cause(Because.TARGET, None, package, name) for name in sorted(package.used_for)]
        return _ranked(causes)

    def of_removed(self, package: LockedPackage) -> tuple[Cause, ...]:
        """Why a package is not there any more."""
        if self.after.versions(package.name):
            return (Cause(Because.APART, package, None),)
        causes = [*_askers(self.old, self.new, package, Because.NOT_ASKED)]
        for need in self.old.needed_by(package):
            if need.who is None or need.who.kind is Kind.ROOT:
                continue  # told above
            causes.append(Cause(Because.NOT_NEEDED, need.who, self._now[need.who.identity], need.wording))
        old_targets = set(self.old.targets) - set(self.new.targets)
        if old_targets.issuperset(package.used_for):
            causes += [Cause(Because.TARGET, package, None, name) for name in sorted(package.used_for)]
        return _ranked(causes)

    def of_updated(self, was: LockedPackage, now: LockedPackage) -> tuple[Cause, ...]:
        """Why a package has another version: what forced it, else what made it possible."""
        freed = tuple(dict.fromkeys(self._freed(was, now)))
        causes = [*self._forced(was, now), *filter(_is_of_the_project, freed)]
        if causes:
            return _ranked(causes)
        if freed or self._has_moved(now.repository):
            moved = Cause(Because.REPOSITORY, was, now, now.repository or "")
            return (*freed, moved) if self._has_moved(now.repository) else freed
        newer = Version.parse(now.version) > Version.parse(was.version)
        return (Cause(Because.NEWER if newer else Because.OLDER, was, now),)

    def of_recorded(self, was: LockedPackage, now: LockedPackage) -> tuple[Cause, ...]:
        """What else than its version changed of a package."""
        causes = []
        for field in ("depends", "conflicts"):
            old, new = getattr(was, field), getattr(now, field)
            lines = [f"- {part}" for part in old if part not in new]
            lines += [f"+ {part}" for part in new if part not in old]
            if lines:
                causes.append(Cause(Because.METADATA, was, now, f"{field}: {', '.join(lines)}"))
        if not causes and was.metadata != now.metadata:
            causes.append(Cause(Because.METADATA, was, now))
        roles = (was.kind, was.targets, was.host_for)
        if roles != (now.kind, now.targets, now.host_for):
            causes.append(Cause(Because.ROLE, was, now))
        return tuple(causes)

    def _forced(self, was: LockedPackage, now: LockedPackage) -> Iterator[Cause]:
        """What would be amiss in the new lock with the old version."""
        for target in now.used_for:
            for need in self.new.needed_by(now):
                assert need.who is not None  # entries are not among these
                if target in need.targets:
                    for text in self.new.unmet(need.who, target, was):
                        yield Cause(Because.REFUSED, self._was[need.who.identity], need.who, text)
            for text in self.new.unmet(was, target, was):
                yield Cause(Because.UNFIT, was, now, text)
            if not self.new.is_available(was, target):
                yield Cause(Because.UNAVAILABLE, was, now, target)
            for text in self.new.bounds_against(was, target):
                yield Cause(Because.BOUND, was, now, text)

    def _freed(self, was: LockedPackage, now: LockedPackage) -> Iterator[Cause]:
        """What would have been amiss in the old lock with the new version."""
        for target in was.used_for:
            for need in self.old.needed_by(was):
                assert need.who is not None  # entries are not among these
                if target in need.targets:
                    for text in self.old.unmet(need.who, target, now):
                        yield Cause(Because.FREED, need.who, self._now[need.who.identity], text)
            for text in self.old.bounds_against(now, target):
                yield Cause(Because.UNBOUND, was, now, text)

    def _has_moved(self, name: str | None) -> bool:
        states = [{r.name: r for r in lock.repositories} for lock in (self.before, self.after)]
        return name is not None and states[0].get(name) != states[1].get(name)


def _askers(graph: NeedGraph, other: NeedGraph, package: LockedPackage, because: Because) -> Iterator[Cause]:
    """What asks for a package itself, in one lock and not in the other."""
    known = {(need.source, need.whom.name) for need in other.entries}
    for need in graph.entries:
        if need.whom == package and (need.source, package.name) not in known:
            name = need.targets[0] if need.source is Source.TARGET else ""
            yield Cause(because, text=name)
    for need in graph.needed_by(package):
        if need.who is not None and need.who.kind is Kind.ROOT:
            yield Cause(because, need.who, need.who, need.wording)


def _is_of_the_project(cause: Cause) -> bool:
    """Whether it is an edit of the project that brought the change about."""
    own = cause.was is not None and cause.was.kind is Kind.ROOT
    return own or cause.because is Because.UNBOUND


def _ranked(causes: Iterable[Cause]) -> tuple[Cause, ...]:
    """The project's own wishes first, then packages that changed, then those that are as they were."""

    def rank(cause: Cause) -> int:
        if cause.because in _PROJECT:
            return 0
        package = cause.now or cause.was
        if package is not None and package.kind is Kind.ROOT:
            return 1
        if cause.was is None or cause.now is None:
            return 3
        return 2 if cause.was != cause.now else 4

    return tuple(sorted(dict.fromkeys(causes), key=rank))
