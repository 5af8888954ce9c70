"""What a machine needs to build for one target, as the lock has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from monorepo.lock.format import FILE
from monorepo.lock.model import Kind, Lock
from monorepo.targets.definition import Target
from overlays.notation import parse_dependency, read_condition
from solver.formula import Value, holds

_TOOLS = frozenset({"mirage", "opam-monorepo"})
"""What mirage's opam files ask for that has done its work, or whose work mono does."""

_COMPILERS = ("ocaml-base-compiler", "ocaml-variants", "ocaml-system")

_DEBIAN = {
    "aarch64-linux-gnu-objcopy": "binutils-aarch64-linux-gnu",
    "file": "file",
    "readelf": "binutils",
}
"""Debian's packages of the tools that targets use; others come with a toolchain."""

BUBBLEWRAP = "bubblewrap"
"""What makes mono-build's sandbox, by the name that distributions give it."""


@dataclass(frozen=True, slots=True)
class Job:
    """One target's build.

    Args:
        compiler: packages of opam that are OCaml, joined by commas: ``ocaml-base-compiler.5.4.1``.
        packages: all others that are installed by opam, each ``name.version``, sorted.
        system: ``linux`` or ``macos``, on which it is built.
        installed: packages of the system that the sources want, or that have the target's tools, sorted.
        toolchain: findlib's, if none of the packages brings it; else None.
    """

    target: str
    compiler: str
    packages: tuple[str, ...]
    system: str
    installed: tuple[str, ...]
    toolchain: str | None


def plan_jobs(lock: Lock, distribution: str = "debian") -> tuple[Job, ...]:
    """A job for each target of ``lock``; on Linux ``distribution`` is Debian or one of its family."""
    return tuple(_job(lock, target, distribution) for target in lock.targets)


def opam_repositories(lock: Lock) -> tuple[tuple[str, str], ...]:
    """Name and url, as opam takes it, of the repositories that another machine has as well, in their order.

    Those in git are taken at the locked commit.
    """
    found: list[tuple[str, str]] = []
    for repository in lock.repositories:
        if repository.commit is not None:
            found.append((repository.name, f"{repository.url.partition('#')[0]}#{repository.commit}"))
        elif repository.is_folder and not repository.url.startswith(("/", "..")):
            found.append((repository.name, f"./{repository.url}"))
    return tuple(found)


def _job(lock: Lock, target: Target, distribution: str) -> Job:
    used = {package.name: package for package in lock.packages if target.name in package.used_for}
    compiler = next((name for name in _COMPILERS if name in used), "ocaml")
    options = sorted(name for name in used if name.startswith("ocaml-option-"))
    system = "macos" if dict(target.variables).get("os") == "macos" else "linux"
    family, distribution = ("debian", distribution) if system == "linux" else ("homebrew", "homebrew")
    of_machine = {"os": system, "os-family": family, "os-distribution": distribution}
    variables = dict(target.variables) | of_machine
    needed = _needed(lock, target)
    provided = sorted(
        used[name].identity for name in needed if used[name].kind is Kind.PROVIDED and name not in options
    )
    return Job(
        target=target.name,
        compiler=",".join(used[name].identity for name in (compiler, *options) if name in used),
        packages=tuple(provided),
        system=system,
        installed=tuple(sorted({*_libraries(lock, needed, variables), *_tools(target, system)})),
        toolchain=None if needed.intersection(target.provided) else target.toolchain,
    )


def _needed(lock: Lock, target: Target) -> frozenset[str]:
    """Names of the packages that building takes: all that is reached without going through mirage's tools."""
    waiting = [*lock.roots, *(parse_dependency(text).name for text in target.requires)]
    found: set[str] = set()
    while waiting:
        package = lock.package(waiting.pop(), target.name)
        if package is not None and package.name not in found | _TOOLS:
            found.add(package.name)
            waiting += package.dependencies
    return frozenset(found)


def _libraries(lock: Lock, needed: frozenset[str], variables: Mapping[str, Value]) -> Iterator[str]:
    for wish in lock.system_packages:
        condition = read_condition(wish.when, f"{FILE}, system packages") if wish.when else None
        if needed.intersection(wish.wanted_by) and holds(condition, variables):
            yield from wish.packages


def _tools(target: Target, system: str) -> Iterator[str]:
    used = {*target.tools, *(check.tool for check in target.checks), *(step.tool for step in target.steps)}
    if system == "linux":
        yield from (_DEBIAN[tool] for tool in used if tool in _DEBIAN)
