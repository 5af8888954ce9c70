"""Who needs whom in a lock, in what words and on which targets: from the lock alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum

from monorepo.document import nearest, nearest_hint
from monorepo.errors import LockError, TargetError
from monorepo.lock.format import FILE
from monorepo.lock.model import Kind, Lock, LockedPackage
from overlays.errors import OpamSyntaxError
from overlays.notation import read_condition, read_need, read_needs, write
from solver.formula import Dependency, Formula, Value, dependencies_in, holds
from solver.reduction import Reduction, Wanted, conjuncts, is_met, wanted_in
from solver.request import Platform, package_variables
from solver.values import dataclass
from solver.version import Version


class Source(Enum):
    """Where a need comes from."""

    ROOT = "the project's own package"
    ASKED = "asked for on every target"
    TARGET = "asked for by a target"
    PACKAGE = "an opam file"


@dataclass(frozen=True, slots=True)
class Need:
    """``who`` needs ``whom``.

    Args:
        who: None where no package of the lock asks for it, but what ``source`` tells.
        wording: the conditions in their braces, as written; empty where there are none.
        targets: on which it is so, in the order of the lock's.
    """

    who: LockedPackage | None
    whom: LockedPackage
    wording: str
    targets: tuple[str, ...]
    source: Source = Source.PACKAGE


class NeedGraph:
    """The needs of a lock, on all its targets or on some.

    Raises:
        LockError: a formula in the lock cannot be read.
        TargetError: a target is none of the lock's.
    """

    def __init__(self, lock: Lock, targets: Sequence[str] = ()) -> None:
        self.lock = lock
        self.targets = _known_targets(lock, targets)
        self._chosen = {
            (package.name, target): package for package in lock.packages for target in package.used_for
        }
        self._reductions: dict[tuple[str, bool], Reduction] = {}
        self.packages = tuple(package for package in lock.packages if self._is_seen(package))
        needs = [need for package in self.packages for need in self._needs_of(package)]
        self._needs = _grouped(needs, lambda need: need.who, lambda need: need.whom)
        self._needed_by = _grouped(needs, lambda need: need.whom, lambda need: need.who)
        self.entries = (*self._roots(), *self._asked())
        """What is there because it is asked for: the roots, then what the project and its targets want."""

    def needs(self, package: LockedPackage) -> tuple[Need, ...]:
        """What a package needs, sorted by name."""
        return self._needs.get(package.identity, ())

    def needed_by(self, package: LockedPackage) -> tuple[Need, ...]:
        """Which packages need it, sorted by name."""
        return self._needed_by.get(package.identity, ())

    def unmet(self, package: LockedPackage, target: str, instead: LockedPackage) -> Iterator[str]:
        """In what ``package`` does not go with what is locked on a target, ``instead`` among it.

        Both may be of another lock. What it needs and is locked in no version does not count.
        """
        chosen = self._chosen | {(instead.name, target): instead}

        def version_of(name: str) -> Version | None:
            found = chosen.get((name, target))
            return None if found is None else Version.parse(found.version)

        version = Version.parse(package.version)
        reduction = self._reduction(target, own=package.repository is None)
        for part in conjuncts(reduction.need(_formula(package), package.name, version)):
            there = [wanted for wanted in wanted_in(part) if (wanted.name, target) in chosen]
            if there and not is_met(part, version_of):
                yield f"needs {part}" if isinstance(part, Wanted) else f"needs {there[0]} or the like"
        for conflict in _dependencies(package.conflicts):
            wanted = reduction.wanted(conflict, package.name, version)
            if wanted is not None and wanted.name != package.name and is_met(wanted, version_of):
                yield f"conflicts with {wanted}"

    def bounds_against(self, package: LockedPackage, target: str) -> Iterator[str]:
        """The project's bounds that refuse a version, of this lock or another."""
        reduction = self._reduction(target, own=False)
        for text, bound in zip(self.lock.constraints, _dependencies(self.lock.constraints), strict=True):
            wanted = reduction.wanted(bound, package.name, Version.parse(package.version))
            if wanted is None or bound.name != package.name:
                continue
            if not wanted.bounds.admits(Version.parse(package.version)):
                yield text

    def is_available(self, package: LockedPackage, target: str) -> bool:
        """Whether a version, of this lock or another, is available on a target."""
        if not package.available:
            return True
        with _readable():
            condition = read_condition(package.available, f"{FILE}, package {package.identity}")
        return holds(condition, self._variables(target))

    def find(self, word: str, hint: str) -> tuple[LockedPackage, ...]:
        """The packages that ``name`` or ``name.version`` means, at least one.

        Raises:
            LockError: there is none; ``hint`` says what to do where no name is near.
        """
        found = tuple(p for p in self.packages if word in (p.name, p.identity))
        if not found:
            near = nearest(word.partition(".")[0], {package.name for package in self.packages})
            seen = "" if self.targets == _known_targets(self.lock, ()) else f" for {', '.join(self.targets)}"
            hint = f'did you mean "{near}"?' if near not in (None, word) else hint
            raise LockError(f"{word} is not in the lock{seen}", FILE, hint)
        return found

    def _is_seen(self, package: LockedPackage) -> bool:
        return any(target in package.used_for for target in self.targets)

    def _roots(self) -> Iterator[Need]:
        for package in self.packages:
            if package.kind is Kind.ROOT:
                targets = tuple(target for target in self.targets if target in package.used_for)
                yield Need(None, package, "", targets, Source.ROOT)

    def _asked(self) -> Iterator[Need]:
        asked = [(text, self.targets, Source.ASKED) for text in self.lock.asked]
        asked += [
            (text, (target.name,), Source.TARGET)
            for target in self.lock.targets
            if target.name in self.targets
            for text in target.requires
        ]
        for text, targets, source in asked:
            yield from self._meeting(None, _dependencies([text]), targets, source)

    def _needs_of(self, package: LockedPackage) -> Iterator[Need]:
        written: dict[str, list[Dependency]] = {name: [] for name in package.dependencies}
        for dependency in dependencies_in(_formula(package)):
            written.get(dependency.name, []).append(dependency)
        targets = tuple(target for target in self.targets if target in package.used_for)
        for dependencies in written.values():
            yield from self._meeting(package, dependencies, targets, Source.PACKAGE)

    def _meeting(
        self,
        who: LockedPackage | None,
        dependencies: Iterable[Dependency],
        targets: Sequence[str],
        source: Source,
    ) -> Iterator[Need]:
        """The needs that these dependencies, all on one name, are on the targets where they are met."""
        met: dict[str, tuple[LockedPackage, list[str], list[str]]] = {}
        for target in targets:
            for dependency in dependencies:
                whom = self._chosen.get((dependency.name, target))
                if whom is None or not self._admits(who, dependency, whom, target):
                    continue
                _, on, wordings = met.setdefault(whom.identity, (whom, [], []))
                if target not in on:
                    on.append(target)
                if dependency.condition is not None:
                    wordings.append(f"{{{write(dependency.condition)}}}")
        for whom, on, wordings in met.values():
            yield Need(who, whom, " ".join(dict.fromkeys(wordings)), tuple(on), source)

    def _admits(
        self, who: LockedPackage | None, dependency: Dependency, whom: LockedPackage, target: str
    ) -> bool:
        own = who is not None and who.repository is None
        name, version = (who.name, who.version) if who is not None else ("", "")
        wanted = self._reduction(target, own=own).wanted(dependency, name, Version.parse(version))
        return wanted is not None and wanted.bounds.admits(Version.parse(whom.version))

    def _reduction(self, target: str, *, own: bool) -> Reduction:
        if (target, own) not in self._reductions:
            platform = Platform((target,), self._variables(target))
            self._reductions[target, own] = Reduction(package_variables(platform, own=own))
        return self._reductions[target, own]

    def _variables(self, target: str) -> dict[str, Value]:
        return next(dict(known.variables) for known in self.lock.targets if known.name == target)


def _formula(package: LockedPackage) -> Formula:
    with _readable():
        return read_needs(package.depends, f"{FILE}, package {package.identity}")


def _dependencies(texts: Iterable[str]) -> tuple[Dependency, ...]:
    """What each text says, which names one package."""
    with _readable():
        return tuple(next(dependencies_in(read_need(text, FILE))) for text in texts)


def _known_targets(lock: Lock, wanted: Sequence[str]) -> tuple[str, ...]:
    names = tuple(target.name for target in lock.targets)
    for name in wanted:
        if name not in names:
            raise TargetError(f'the lock has no target "{name}"', FILE, nearest_hint(name, names))
    return tuple(name for name in names if not wanted or name in wanted)


def _grouped(
    needs: Iterable[Need],
    key: Callable[[Need], LockedPackage | None],
    order: Callable[[Need], LockedPackage | None],
) -> Mapping[str, tuple[Need, ...]]:
    """The needs by the identity of one of their two packages, sorted by that of the other."""
    groups: dict[str, list[Need]] = {}
    for need in needs:
        package = key(need)
        assert package is not None  # what nobody needs but the project is among the entries
        groups.setdefault(package.identity, []).append(need)

    def name(need: Need) -> tuple[str, str]:
        package = order(need)
        return (package.name, package.version) if package is not None else ("", "")

    return {identity: tuple(sorted(group, key=name)) for identity, group in groups.items()}


@contextmanager
def _readable() -> Iterator[None]:
    """Turns a formula that cannot be read into a fault of the lock."""
    try:
        yield
    except OpamSyntaxError as error:
        raise LockError(error.reason, error.place, "run mono lock to make it anew") from error
