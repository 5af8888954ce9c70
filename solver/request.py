"""What is asked of the solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from solver.formula import Condition, Dependency, Formula, Value
from solver.package import Package
from solver.version import Version


@dataclass(frozen=True, slots=True)
class Preferences:
    """What is wished of an answer beside that it be the newest.

    Args:
        kept: versions by name, which stay where they can: those of an old lock.
        sought: names that are to be as new as can be, whatever of ``kept`` has to move for that.
        lowest: the lowest versions are wished for, instead of the newest.
    """

    kept: Mapping[str, frozenset[Version]] = field(default_factory=dict)
    sought: frozenset[str] = frozenset()
    lowest: bool = False


@dataclass(frozen=True, slots=True)
class Platform:
    """Targets that see the same packages: same variables, same further requirements.

    ``requires`` are what the targets themselves ask for (mirage-solo5 and the like), ``questions`` what a
    question about the project asks for beside; ``cross`` tells that a cross compiler makes their programs,
    which sees no library of the host's system.
    """

    targets: tuple[str, ...]
    variables: Mapping[str, Value]
    requires: tuple[Dependency, ...] = ()
    cross: bool = False
    questions: tuple[Dependency, ...] = ()


@dataclass(frozen=True, slots=True)
class Restriction:
    """A bound of the user's on a package, wherever it comes in; it asks for nothing by itself."""

    name: str
    condition: Condition
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that decides the answer, beside the repositories.

    Args:
        roots: the project's own packages.
        platforms: at least one.
        requires: asked for beside the roots (``ocaml-base-compiler``), on every platform.
        restrictions: the user's bounds.
        provided: names that are installed outside.
        pinned: names of which a root says where they come from.
        root_places: for error messages, the file and line where a root names a dependency:
            ``(root, dependency)`` to ``hello.opam:5``; also where it refuses something, with `conflict_key`
            or `AVAILABLE_KEY` in place of the dependency.
        preferences: which of several answers is taken.
        unverified: names that may come from an archive without any checksum.
        any_build_system: whether opam's rules alone count: whatever builds a package will do, as nothing is
            vendored for dune.
    """

    roots: tuple[Package, ...]
    platforms: tuple[Platform, ...]
    requires: tuple[Dependency, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    provided: frozenset[str] = frozenset()
    root_places: Mapping[tuple[str, str], str] | None = None
    pinned: frozenset[str] = frozenset()
    preferences: Preferences = Preferences()
    any_build_system: bool = False
    unverified: frozenset[str] = frozenset()

    @property
    def direct(self) -> frozenset[str]:
        """Names of the packages that the roots name themselves."""
        from solver.formula import dependencies_in

        formulas: tuple[Formula, ...] = tuple(root.depends for root in self.roots)
        return frozenset(dependency.name for formula in formulas for dependency in dependencies_in(formula))


AVAILABLE_KEY = "available:"


def conflict_key(name: str) -> str:
    """Under what `Request.root_places` has the place where a root conflicts with a package."""
    return f"conflicts: {name}"


def package_variables(platform: Platform, *, own: bool) -> dict[str, Value]:
    """The environment in which a package's dependencies are decided (opam manual, "Package Formulas").

    ``build`` and ``post`` dependencies are always wanted; those for tests, documentation and development are
    not, as a lock is for building. ``own`` packages are the roots and what they pin.
    """
    return {
        **platform.variables,
        "build": True,
        "post": True,
        "dev": own,
        "pinned": own,
        "with-test": False,
        "with-doc": False,
        "with-dev-setup": False,
    }
