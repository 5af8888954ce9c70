"""The packages of a context are held against what they say that they need.

A context states every package that was locked for its target, and what of its opam file holds there: filters
are decided, bounds and choices stand. Nothing here is shared with what chose the versions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from builder.errors import ContextError
from builder.versions import compare

Need: TypeAlias = "Mapping[str, object]"
"""``{"package": NAME, "version": BOUND}``, ``{"all": [NEED…]}`` or ``{"any": [NEED…]}``.

BOUND is absent, a pair of a relation and a version, ``{"all": [BOUND…]}`` or ``{"any": [BOUND…]}``.
"""

_RELATIONS: Mapping[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where the source of a package is in the project, and where it came from.

    ``checksums`` (``sha256=…``) are of the archive at ``url``; a source in git has a ``commit`` instead.
    """

    folder: str
    url: str
    checksums: tuple[str, ...] = ()
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Package:
    """One package that was locked for a target.

    Args:
        needs: each of them must be met by the packages of the context.
        refuses: none of them may be, by any package but this.
        classes: of which no other package may be.
        repository: where its opam file came from; None for the project's own and for pins.
        port_of: the repository in place of whose package it stands.
        licences: as its opam file writes them.
        source: None for what is not vendored.
    """

    name: str
    version: str
    needs: tuple[Need, ...] = ()
    refuses: tuple[Need, ...] = ()
    classes: tuple[str, ...] = ()
    repository: str | None = None
    port_of: str | None = None
    licences: tuple[str, ...] = ()
    source: Source | None = None


def refuse_uncertified(packages: Sequence[Package], roots: Sequence[str], asked: Sequence[Need]) -> None:
    """Check that the packages meet what is ``asked`` and what each of them needs, and are no more than that.

    Raises:
        ContextError: they do not, or a need cannot be read; the details tell each case.
    """
    violations = tuple(_violations(packages, roots, asked))
    if violations:
        raise ContextError(
            "the packages it states do not go together",
            hint="run mono lock, then mono contexts",
            details=violations,
        )


def _violations(packages: Sequence[Package], roots: Sequence[str], asked: Sequence[Need]) -> Iterator[str]:
    versions = {package.name: package.version for package in packages}
    if len(versions) < len(packages):
        yield "a package is there twice"
    for root in sorted(set(roots) - set(versions)):
        yield f"{root} is a root, but not among the packages"
    for need in asked:
        if not _met(need, versions):
            yield f"{_named(need)} is asked for, but not there"
    for package in packages:
        for need in package.needs:
            if not _met(need, versions):
                yield f"{package.name}.{package.version} needs {_named(need)}, which is not there so"
        others = {name: version for name, version in versions.items() if name != package.name}
        for need in package.refuses:
            if _met(need, others):
                yield f"{package.name}.{package.version} conflicts with {_named(need)}"
    yield from _shared_classes(packages)
    yield from _superfluous(packages, versions, roots, asked)


def _shared_classes(packages: Sequence[Package]) -> Iterator[str]:
    holders: dict[str, str] = {}
    for package in packages:
        for name in package.classes:
            if holders.setdefault(name, package.name) != package.name:
                yield f"{package.name} and {holders[name]} are both of the conflict class {name}"


def _superfluous(
    packages: Sequence[Package], versions: Mapping[str, str], roots: Sequence[str], asked: Sequence[Need]
) -> Iterator[str]:
    needs = {package.name: package.needs for package in packages}
    waiting = [*roots, *(name for need in asked for name in _used(need, versions))]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(used for need in needs.get(name, ()) for used in _used(need, versions))
    for name in sorted(set(versions) - reached):
        yield f"nobody needs {name}.{versions[name]}"


def _met(need: Need, versions: Mapping[str, str]) -> bool:
    match need:
        case {"all": list(parts)}:
            return all(_met(part, versions) for part in parts)
        case {"any": list(parts)}:
            return any(_met(part, versions) for part in parts)
        case {"package": str(name), **rest}:
            return name in versions and _admits(rest.get("version"), versions[name])
    raise _unreadable(need)


def _used(need: Need, versions: Mapping[str, str]) -> Iterator[str]:
    """The packages by which a need is met."""
    match need:
        case {"package": str(name)} if _met(need, versions):
            yield name
        case {"all": list(parts)} | {"any": list(parts)}:
            for part in parts:
                yield from _used(part, versions)


def named_in(need: Need) -> Iterator[str]:
    """Every package that a need names."""
    match need:
        case {"package": str(name)}:
            yield name
        case {"all": list(parts)} | {"any": list(parts)}:
            for part in parts:
                yield from named_in(part)


def _admits(bound: object, version: str) -> bool:
    match bound:
        case None:
            return True
        case [str(relation), str(limit)] if relation in _RELATIONS:
            return _RELATIONS[relation](compare(version, limit), 0)
        case {"all": list(parts)}:
            return all(_admits(part, version) for part in parts)
        case {"any": list(parts)}:
            return any(_admits(part, version) for part in parts)
    raise _unreadable(bound)


def _named(need: Need) -> str:
    match need:
        case {"package": str(name), **rest}:
            return f"{name} {{{_bound(rest['version'])}}}" if "version" in rest else name
        case {"all": list(parts)}:
            return " and ".join(map(_named, parts))
        case {"any": list(parts)}:
            return " or ".join(map(_named, parts))
    raise _unreadable(need)


def _bound(bound: object) -> str:
    match bound:
        case [str(relation), str(limit)]:
            return f"{relation} {limit}"
        case {"all": list(parts)}:
            return " & ".join(map(_bound, parts))
        case {"any": list(parts)}:
            return "(" + " | ".join(map(_bound, parts)) + ")"
    raise _unreadable(bound)


def _unreadable(what: object) -> ContextError:
    return ContextError(f"states a need that cannot be read: {what!r:.80}", hint="run mono contexts")
