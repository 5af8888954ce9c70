"""Decides what `contexts/` holds: a pure function of the lock and of the digests of what was pulled."""

from __future__ import annotations

import re
from collections.abc import Mapping

from builder.context import Context, Dune, Inputs, Project, Sandbox, Toolchain, render
from builder.digest import bytes_digest
from monorepo.contexts.statement import place_in_duniverse, state_packages
from monorepo.contexts.workspace import render_workspace, workspace_language
from monorepo.duniverse import DUNIVERSE
from monorepo.lock.model import Kind, Lock
from monorepo.targets.definition import Target
from solver.version import Version

FOLDER = "contexts"

SOURCE_DATE_EPOCH = "315532800"
"""1 January 1980, the first moment that every archive format can write; a build has no other clock."""

_ENVIRONMENT = (
    ("DUNE_CACHE", "disabled"),
    ("GIT_DIR", "/nonexistent"),  # what git would tell of the project is not among the inputs
    ("LC_ALL", "C"),
    ("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH),
    ("TZ", "UTC"),
)
_SANDBOX = Sandbox(sources="/mono/sources", build="/mono/build", home="/mono/home")
_COMPILERS = ("ocaml", "ocaml-base-compiler", "ocaml-variants", "ocaml-system")
_NUMERIC = re.compile(r"\d+(?:\.\d+)*")

_DUNE_FILE = """\
; Written by mono: contexts hold no sources.
(data_only_dirs *)
"""
_GITIGNORE = """\
# Written by mono: what mono-build makes is not for version control.
/*/_work/
/*/artefacts/
/*/docs/
"""


def plan_contexts(lock: Lock, files: Mapping[str, str], folders: Mapping[str, str]) -> Mapping[str, str]:
    """Every file that belongs below the project for this lock: path to text, sorted by path.

    ``files`` and ``folders`` are digests (`builder.digest`) of the inputs by path from the project: mono.lock
    itself and what is in duniverse/.
    """
    planned = {f"{FOLDER}/dune": _DUNE_FILE, f"{FOLDER}/.gitignore": _GITIGNORE}
    for target in lock.targets:
        workspace = render_workspace(target, workspace_language(locked_dune(lock, target.name)))
        workspace_path = f"{FOLDER}/{target.name}/dune-workspace"
        inputs = _inputs(lock, target, {**files, workspace_path: bytes_digest(workspace.encode())}, folders)
        planned[workspace_path] = workspace
        planned[f"{FOLDER}/{target.name}/context.json"] = render(
            _context(lock, target, workspace_path, inputs)
        )
    return dict(sorted(planned.items()))


def _inputs(lock: Lock, target: Target, files: Mapping[str, str], folders: Mapping[str, str]) -> Inputs:
    """What one target sees of the project: of sources with targets of their own only those that name it."""
    seen: dict[str, str] = {}
    moved: dict[str, str] = {}
    hidden: list[str] = []
    foreign = {
        f"{DUNIVERSE}/{s.directory}" for s in lock.sources if s.targets and target.name not in s.targets
    }
    for path, digest in folders.items():
        place = place_in_duniverse(path.removeprefix(f"{DUNIVERSE}/"))
        if path in foreign:
            hidden.append(path)
            continue
        seen[place] = digest
        if place != path:
            moved[place] = path
    return Inputs(
        files=tuple(sorted(files.items())),
        folders=tuple(sorted(seen.items())),
        closed=(DUNIVERSE,),
        moved=tuple(sorted(moved.items())),
        hidden=tuple(sorted(path for path in hidden if not path.startswith(f"{DUNIVERSE}/."))),
    )


def locked_dune(lock: Lock, target: str) -> Version | None:
    """The version of dune for a target, None where the lock has none."""
    dune = lock.package("dune", target)
    return None if dune is None else Version.parse(dune.version)


def _context(lock: Lock, target: Target, workspace: str, inputs: Inputs) -> Context:
    dune = locked_dune(lock, target.name)
    roots = _roots(lock, target)
    packages, asked = state_packages(lock, target)
    return Context(
        project=Project(lock.project, "../..", roots),
        target=target.name,
        description=target.description,
        toolchain=Toolchain(
            name=target.toolchain,
            ocaml=_locked_ocaml(lock, target.name),
            dune=None if dune is None else _numeric(dune.text),
            packages=_installed(lock, target),
            linked=_in_every_image(lock, target),
            tools=target.tools,
        ),
        dune=Dune(
            target.context,
            workspace,
            _dune_arguments(workspace, *_wanted(target, roots)),
            _dune_arguments(workspace, "@doc"),
        ),
        environment=_ENVIRONMENT,
        inputs=inputs,
        artefacts=tuple(glob.replace("%{context}", target.context) for glob in target.artefacts),
        checks=target.checks,
        steps=target.steps,
        companions=target.companions,
        sandbox=_SANDBOX,
        locked=packages,
        asked=asked,
    )


def _wanted(target: Target, roots: tuple[str, ...]) -> tuple[str, ...]:
    """What dune is to build; of the tree's packages only the roots, which are locked, are installed."""
    restriction = ("--only-packages", ",".join(roots)) if "@install" in target.build and roots else ()
    return (*restriction, *(part.replace("%{context}", target.context) for part in target.build))


def _dune_arguments(workspace: str, *wanted: str) -> tuple[str, ...]:
    return (
        "build",
        "--root",
        ".",
        "--workspace",
        workspace,
        "--profile",
        "release",
        "--no-config",
        "--disable-promotion",
        *wanted,
    )


def _roots(lock: Lock, target: Target) -> tuple[str, ...]:
    return tuple(root for root in lock.roots if lock.package(root, target.name) is not None)


def _installed(lock: Lock, target: Target) -> tuple[str, ...]:
    """Names of the packages that are outside the sources: provided, virtual, or the compiler's."""
    inside = (Kind.VENDORED, Kind.ROOT)
    return tuple(sorted(p.name for p in lock.packages if p.kind not in inside and target.name in p.used_for))


def _in_every_image(lock: Lock, target: Target) -> tuple[str, ...]:
    """Names of the packages whose code no library asks for: the compiler, and what the target adds."""
    return tuple(
        sorted(
            package.name
            for package in lock.packages
            if target.name in package.used_for
            and ("compiler" in package.flags or package.name in target.provided)
        )
    )


def _locked_ocaml(lock: Lock, target: str) -> str | None:
    """The number by which the compiler of the lock calls itself (5.4.1 for ocaml-variants.5.4.1+options)."""
    for name in _COMPILERS:
        compiler = lock.package(name, target)
        if compiler is not None:
            return _numeric(compiler.version)
    return None


def _numeric(version: str) -> str | None:
    match = _NUMERIC.match(version)
    return match[0] if match else None
