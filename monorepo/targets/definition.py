"""What a target is, once its data file and the project's own settings are read."""

from __future__ import annotations

from dataclasses import dataclass

from builder.context import Check, Companion, Step
from solver.formula import Value

__all__ = ["Check", "Companion", "Step", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """One target, complete: a lock holds it whole, so that contexts follow from the lock alone.

    Args:
        name: ``host``, ``hvt``, ``linux-arm64``, …
        description: one line for people.
        variables: opam variables of the target (os, arch, …), sorted by name; never the machine's own.
        context: the name of the dune context (exactly ``solo5`` for every Solo5 target).
        toolchain: findlib toolchain, None for the host's own compiler.
        requires: dependencies in opam's syntax (``"solo5" {>= "0.7.5" & < "0.13.0"}``): the toolchain.
        unikernel_requires: those that are added when a root depends on mirage-runtime; a lock has them among
            ``requires``.
        provided: names among them that are installed outside the duniverse.
        available: the filter in opam's syntax under which it can be built for, empty for always; a lock does
            not have it, as it is decided there. ``unavailable`` is the reason where it does not hold.
        link_flags: for ocamlopt, as a list of words (``-cclib``, ``-z solo5-abi=hvt``).
        c_flags: for the C compiler.
        disable_dynamic_archives: dune's disable_dynamically_linked_foreign_archives.
        build: dune targets to ask for.
        artefacts: globs under dune's build folder, ``%{context}`` replaced; each must match something.
        checks: asked of every artefact.
        steps: done with every artefact.
        companions: of every artefact.
        tools: programs that must be on PATH when it is built, beyond the compiler's, dune and those above.
    """

    name: str
    description: str
    variables: tuple[tuple[str, Value], ...]
    context: str
    toolchain: str | None
    requires: tuple[str, ...] = ()
    unikernel_requires: tuple[str, ...] = ()
    provided: tuple[str, ...] = ()
    link_flags: tuple[str, ...] = ()
    c_flags: tuple[str, ...] = ()
    disable_dynamic_archives: bool = False
    build: tuple[str, ...] = ()
    artefacts: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    steps: tuple[Step, ...] = ()
    companions: tuple[Companion, ...] = ()
    tools: tuple[str, ...] = ()
    available: str = ""
    unavailable: str = ""
