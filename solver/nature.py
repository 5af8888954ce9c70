"""What a package is, which decides what may become of it.

The rules are opam-monorepo's (`lib/opam.ml`, "safe packages"), with one tightened: a package builds with dune
when it *needs* dune to be built, not when dune is merely mentioned, say for its tests.
"""

from __future__ import annotations

from enum import Enum

from solver.package import Package


class Nature(Enum):
    """What a package is, before anything is decided about it."""

    ROOT = "the project's own"
    COMPILER = "the compiler, or part of it"
    BUILD_TOOL = "a build tool"
    PROVIDED = "provided by the user"
    VIRTUAL = "without a source of its own"
    DUNE = "builds with dune"
    FOREIGN = "does not build with dune"


_COMPILERS = frozenset({"ocaml", "ocaml-compiler"})
_BUILD_TOOLS = frozenset({"dune", "jbuilder", "ocamlbuild", "ocamlmod", "oasis", "ocamlify"})


def nature_of(package: Package, *, needs_dune: bool, provided: bool) -> Nature:
    """The nature of a package of a repository.

    Args:
        needs_dune: whether its dependencies, filters decided, name dune.
        provided: whether the user says that it is installed outside.
    """
    if provided:
        return Nature.PROVIDED
    if "compiler" in package.flags or package.name in _COMPILERS:
        return Nature.COMPILER
    if package.name in _BUILD_TOOLS:
        return Nature.BUILD_TOOL
    if is_virtual(package):
        return Nature.VIRTUAL
    return Nature.DUNE if needs_dune else Nature.FOREIGN


def is_virtual(package: Package) -> bool:
    """Whether there is nothing to vendor: no source, a conf package, or no step that installs anything."""
    if package.source is None:
        return True
    if "conf" in package.flags and not package.dev_repo:
        return True
    return not package.has_build and not package.has_install
