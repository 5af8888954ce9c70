"""The universe written as facts for `encoding/choice.lp`.

Numbers stand for candidates, packages, needs and groups of platforms; equal needs get one number, so that the
many packages that ask for the same versions of dune share one fact.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from solver.archive import group_by_archive, normalised_dev_repo
from solver.formula import Bound
from solver.nature import Nature
from solver.package import Package
from solver.reduction import (
    ANY_VERSION,
    Bounds,
    EveryBound,
    Need,
    Some,
    SomeBound,
    Wanted,
    wanted_in,
)
from solver.universe import Candidate, Universe
from solver.version import Key


@dataclass(frozen=True, slots=True)
class Problem:
    """Facts, and what their numbers mean: ``candidates[C]``, ``asked[N]``, ``classes[K]``.

    ``ages[C]`` is how many versions come before C, the newest first or, with ``lowest``, the lowest;
    ``kept`` are the candidates that the old lock has.
    ``traced`` are the needs and conflicts behind ``needs(C,N,G)`` and ``refuses(C,N,G)``: C, N, which of the
    two, and the need itself.
    """

    facts: str
    candidates: tuple[Candidate, ...]
    asked: Mapping[int, Need]
    classes: tuple[str, ...]
    platforms: int
    lowest: bool
    ages: tuple[int, ...]
    kept: tuple[int, ...]
    traced: tuple[tuple[int, int, str, Need], ...]


def write_problem(universe: Universe) -> Problem:
    """The facts of ``universe``."""
    return _Writer(universe).write()


class _Writer:
    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self.platforms = range(len(universe.request.platforms))
        self.lines: list[str] = []
        self.names = tuple(universe.candidates)
        self.candidates: list[Candidate] = []
        self.first: dict[str, int] = {}
        self.keys: dict[str, list[Key]] = {}  # ascending, as bisect wants them
        for name, candidates in universe.candidates.items():
            self.first[name] = len(self.candidates)
            self.candidates.extend(candidates)
            self.keys[name] = [candidate.version.key for candidate in reversed(candidates)]
        self.needs: dict[object, int] = {}
        self.need_count = 0
        self.by_identity: dict[int, tuple[Need, int]] = {}
        self.groups: dict[tuple[int, ...], int] = {}
        self.asked: dict[int, Need] = {}
        self.classes: dict[str, int] = {}
        self.ages: list[int] = []
        self.kept: list[int] = []
        self.traced: list[tuple[int, int, str, Need]] = []

    def write(self) -> Problem:
        add = self.lines.append
        for platform in self.platforms:
            add(f"platform({platform}).")
            if self.universe.request.platforms[platform].cross:
                add(f"cross({platform}).")
        for number, name in enumerate(self.names):
            add(f"package({number}).")
            first = self.first[name]
            candidates = self.universe.candidates[name]
            if candidates:
                add(f"candidate({first}..{first + len(candidates) - 1},{number}).")
            self._wishes(name, candidates)
        for index, candidate in enumerate(self.candidates):
            self._candidate(index, candidate)
        doubtful = _doubtful_names(self.universe)
        for index, candidate in enumerate(self.candidates):
            if candidate.name in doubtful:
                add(f"doubtful({index}).")
        self._asked()
        self._classes()
        self._archives()
        return Problem(
            "\n".join(self.lines),
            tuple(self.candidates),
            self.asked,
            tuple(self.classes),
            len(self.platforms),
            self.universe.request.preferences.lowest,
            tuple(self.ages),
            tuple(self.kept),
            tuple(self.traced),
        )

    def _wishes(self, name: str, candidates: Sequence[Candidate]) -> None:
        """What choosing each version of a package would cost, most of all its age.

        That is how many newer versions there are, or lower ones where the lowest are wished for; equal
        versions are of one age. What is kept costs nothing.
        """
        preferences = self.universe.request.preferences
        kept = preferences.kept.get(name, frozenset()) if name not in preferences.sought else frozenset()
        direct = name in self.universe.request.direct
        keys = sorted({candidate.version.key for candidate in candidates}, reverse=not preferences.lowest)
        ages = {key: age for age, key in enumerate(keys)}
        added = bool(preferences.kept) and name not in preferences.kept
        for candidate in candidates:
            index, age = len(self.ages), ages[candidate.version.key]
            self.ages.append(age)
            if candidate.version in kept:
                self.kept.append(index)
                self.lines.append(f"kept({index}).")
                continue
            compiler = candidate.nature is Nature.COMPILER
            sought = name in preferences.sought
            role = "sought" if sought else "compiler" if compiler else "direct" if direct else "indirect"
            self.lines.append(f"age({index},{age}). {role}({index}).")
            if candidate.avoided:
                self.lines.append(f"avoided({index}).")
            if added:
                self.lines.append(f"added({index}).")

    def _candidate(self, index: int, candidate: Candidate) -> None:
        add = self.lines.append
        if candidate.outsider:
            add(f"outsider({index}).")
        if candidate.nature is Nature.PROVIDED:
            add(f"provided({index}).")
        for platform in self.platforms:
            if not candidate.available[platform]:
                add(f"unavailable({index},{platform}).")
        self._pairs("needs", index, self._grouped(candidate.needs))
        self._pairs("refuses", index, self._grouped(candidate.conflicts, excluding=candidate.name))

    def _pairs(self, predicate: str, index: int, grouped: Sequence[tuple[int, int, Need]]) -> None:
        """One fact for all needs of a candidate that stand on the same platforms: clingo reads it faster."""
        by_group: dict[int, list[str]] = {}
        for number, group, need in grouped:
            by_group.setdefault(group, []).append(str(number))
            self.traced.append((index, number, predicate, need))
        for group, numbers in by_group.items():
            self.lines.append(f"{predicate}({index},({';'.join(numbers)}),{group}).")

    def _grouped(
        self, per_platform: Sequence[Sequence[Need]], *, excluding: str | None = None
    ) -> list[tuple[int, int, Need]]:
        """The number of each need, the group of platforms on which it stands, and the need itself."""
        if len(per_platform) == 1:
            group = self._group((0,))
            return [(self._need(need, excluding), group, need) for need in per_platform[0]]
        standing: dict[int, tuple[list[int], Need]] = {}
        for platform, needs in enumerate(per_platform):
            for need in needs:
                places, _ = standing.setdefault(self._need(need, excluding), ([], need))
                if platform not in places:
                    places.append(platform)
        return [(number, self._group(tuple(where)), need) for number, (where, need) in standing.items()]

    def _group(self, platforms: tuple[int, ...]) -> int:
        known = self.groups.get(platforms)
        if known is None:
            known = self.groups[platforms] = len(self.groups)
            self.lines.extend(f"in({known},{platform})." for platform in platforms)
        return known

    def _need(self, need: Need, excluding: str | None = None) -> int:
        """The number of a need, in which ``excluding`` never counts: no package conflicts with itself."""
        remembered = self.by_identity.get(id(need))
        if remembered is not None:
            return remembered[1]
        if isinstance(need, Wanted):
            number = self._leaf(need, excluding)
            if need.name != excluding:
                self.by_identity[id(need)] = (need, number)
            return number
        parts = tuple(sorted({self._need(part, excluding) for part in need.parts}))
        kind = "some" if isinstance(need, Some) else "every"
        known = self.needs.get((kind, parts))
        if known is None:
            known = self._new_need((kind, parts))
            if kind == "every":
                self.lines.append(f"conjunction({known}).")
            self.lines.extend(f"{kind}({known},{part})." for part in parts)
            if isinstance(need, Some):
                buildable = [part for part in need.parts if not self._is_conf(part)]
                if len(buildable) < len(need.parts):
                    self.lines.extend(
                        f"buildable({known},{self._need(part, excluding)})." for part in buildable
                    )
        return known

    def _is_conf(self, need: Need) -> bool:
        """Whether a need is met by what the host's system has, and by nothing else."""
        candidates = [c for wanted in wanted_in(need) for c in self.universe.candidates.get(wanted.name, ())]
        return bool(candidates) and all("conf" in candidate.package.flags for candidate in candidates)

    def _leaf(self, wanted: Wanted, excluding: str | None) -> int:
        mask = 0 if wanted.name == excluding else self._mask(wanted)
        known = self.needs.get((wanted.name, mask))
        if known is None:
            known = self._new_need((wanted.name, mask))
            candidates = len(self.keys.get(wanted.name, ()))
            newest = self.first.get(wanted.name, 0) + candidates - 1
            self.lines.extend(
                f"leaf({known},{newest - last}..{newest - first})." for first, last in _runs(mask, candidates)
            )
        return known

    def _new_need(self, key: object) -> int:
        self.needs[key] = self.need_count
        self.need_count += 1
        return self.need_count - 1

    def _mask(self, wanted: Wanted) -> int:
        """A bit for each candidate of that name, oldest first, set where its version is admitted."""
        keys = self.keys.get(wanted.name)
        return _admitted(wanted.bounds, keys) if keys else 0

    def _asked(self) -> None:
        roots = [Wanted(root.name, ANY_VERSION) for root in self.universe.request.roots]
        per_platform = [(*roots, *needs) for needs in self.universe.requires]
        for number, group, need in self._grouped(per_platform):
            self.lines.append(f"asked({number},{group}).")
            self.asked[number] = need

    def _classes(self) -> None:
        classes = self.classes
        for index, candidate in enumerate(self.candidates):
            for name in candidate.package.conflict_class:
                if name not in classes:
                    classes[name] = len(classes)
                    self.lines.append(f"conflict_class({classes[name]}).")
                self.lines.append(f"class({index},{classes[name]}).")

    def _archives(self) -> None:
        """Facts on the archives of dev-repos that several packages come from."""
        vendored = [(i, c.package) for i, c in enumerate(self.candidates) if c.nature is Nature.DUNE]
        archives = group_by_archive(package for _, package in vendored)
        of_repository: dict[str, list[tuple[int, Package]]] = {}
        for index, package in vendored:
            if package.dev_repo is not None and id(package) in archives:
                of_repository.setdefault(normalised_dev_repo(package.dev_repo), []).append((index, package))
        for number, members in enumerate(of_repository.values()):
            if len({package.name for _, package in members}) > 1:
                self.lines.extend(f"archive({i},{archives[id(package)]},{number})." for i, package in members)


def _doubtful_names(universe: Universe) -> frozenset[str]:
    """Names that may be installed outside, where it matters whether they are.

    It matters for a name that has outsiders, and for whatever outside may need such a name.
    """
    doubtful = {
        name for name in universe.beyond if any(candidate.outsider for candidate in universe.candidates[name])
    }
    needed_by: dict[str, set[str]] = {}
    for name in universe.beyond:
        for candidate in universe.candidates[name]:
            for need in (need for needs in candidate.needs for need in needs):
                for wanted in wanted_in(need):
                    needed_by.setdefault(wanted.name, set()).add(name)
    waiting = list(doubtful)
    while waiting:
        fresh = needed_by.get(waiting.pop(), set()) - doubtful
        doubtful |= fresh
        waiting.extend(fresh)
    return frozenset(doubtful)


def _runs(mask: int, length: int) -> Iterator[tuple[int, int]]:
    """The first and last place of each run of set bits."""
    start: int | None = None
    for place in range(length + 1):
        if mask >> place & 1:
            start = place if start is None else start
        elif start is not None:
            yield start, place - 1
            start = None


def _admitted(bounds: Bounds, keys: Sequence[Key]) -> int:
    """`Bounds.admits` over sorted versions, as a mask."""
    everything = (1 << len(keys)) - 1
    match bounds:
        case Bound(relation, version):
            below = (1 << bisect_left(keys, version.key)) - 1
            through = (1 << bisect_right(keys, version.key)) - 1
            return {
                "<": below,
                "<=": through,
                "=": through & ~below,
                "!=": everything & ~(through & ~below),
                ">=": everything & ~below,
                ">": everything & ~through,
            }[relation]
        case EveryBound(parts):
            mask = everything
            for part in parts:
                mask &= _admitted(part, keys)
            return mask
        case SomeBound(parts):
            mask = 0
            for part in parts:
                mask |= _admitted(part, keys)
            return mask
        case _:
            return everything
