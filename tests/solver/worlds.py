"""Small worlds for tests of the solver, written without an opam parser."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from solver.formula import ALWAYS, AllOf, AnyOf, Condition, Constraint, Dependency, Formula, Text
from solver.package import Package, Source
from solver.request import Platform, Request
from solver.universe import Unreadable
from solver.version import Version


class World:
    """A package index held in memory."""

    def __init__(self, packages: Iterable[Package | Unreadable]) -> None:
        self.by_name: dict[str, list[Package | Unreadable]] = {}
        for package in packages:
            self.by_name.setdefault(package.name, []).append(package)
        for versions in self.by_name.values():
            versions.sort(key=lambda package: package.version.key, reverse=True)

    def packages(self, name: str) -> Sequence[Package | Unreadable]:
        return self.by_name.get(name, ())


def bound(text: str) -> Condition:
    """``>= 1 & < 2`` as a condition; ``|`` binds weaker than ``&``."""
    either = [[Constraint(*_relation(part)) for part in branch.split("&")] for branch in text.split("|")]
    branches: list[Condition] = [parts[0] if len(parts) == 1 else AllOf(tuple(parts)) for parts in either]
    return branches[0] if len(branches) == 1 else AnyOf(tuple(branches))


def _relation(text: str) -> tuple[object, Text]:
    relation, version = text.split()
    return relation, Text(version)


def dependency(text: str) -> Dependency:
    """``lwt >= 1 & < 2`` as a dependency."""
    name, _, condition = text.strip().partition(" ")
    return Dependency(name, bound(condition) if condition else None)


def formula(*parts: str) -> Formula:
    """Each part is needed; ``a | b`` within a part is a choice, written ``a >= 1 or b``."""
    needs: list[Formula] = []
    for part in parts:
        choices = [dependency(choice) for choice in part.split(" or ")]
        needs.append(choices[0] if len(choices) == 1 else AnyOf(tuple(choices)))
    return AllOf(tuple(needs)) if needs else ALWAYS


def package(identity: str, *depends: str, dune: bool = True, **fields: object) -> Package:
    """``name.version`` with its dependencies; needs dune and has a source of its own unless told otherwise."""
    name, _, version = identity.partition(".")
    needs = (*depends, "dune") if dune and name != "dune" else depends
    defaults: dict[str, object] = {
        "source": Source(f"https://example.org/{identity}.tbz", checksums=(checksum(identity),)),
        "has_build": True,
        "repository": "test",
    }
    fields = {"depends": formula(*needs), **defaults, **fields}
    return Package(name, Version.parse(version), **fields)  # type: ignore[arg-type]


def checksum(text: str) -> str:
    """A checksum that opam would take."""
    return f"sha256={hashlib.sha256(text.encode()).hexdigest()}"


def root(*depends: str, name: str = "app", **fields: object) -> Package:
    return Package(name, Version.parse("dev"), formula(*depends, "dune"), **fields)  # type: ignore[arg-type]


def request(*roots: Package, variables: Mapping[str, bool | str] | None = None, **fields: object) -> Request:
    platform = Platform(("host",), variables or {"os": "linux", "arch": "x86_64"})
    return Request(roots, fields.pop("platforms", (platform,)), **fields)  # type: ignore[arg-type]


DUNE = package("dune.3.17")
