"""Small projects and contexts, written where a test wants them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from builder.certificate import Package, Source
from builder.context import Context, Dune, Inputs, Project, Sandbox, Toolchain, render
from builder.digest import file_digest, tree_digest

WORKSPACE = "(lang dune 2.0)\n(context (default))\n"

SOURCES = {
    "dune-project": "(lang dune 2.0)\n",
    "hello.opam": "",
    "bin/dune": """
(executable
 (name main)
 (public_name hello)
 (package hello)
 (libraries greet)
 (foreign_stubs (language c) (names stub)))
(rule
 (targets answer.ml)
 (mode promote)
 (action (with-stdout-to answer.ml (echo "let text = \\"the answer\\""))))
""",
    "bin/main.ml": 'external answer : unit -> int = "answer"\nlet () = Greet.hello Answer.text; print_int (answer ())\n',
    "bin/stub.c": "#include <caml/mlvalues.h>\nvalue answer(value unit) { return Val_int(42); }\n",
    # a package of the tree that is not built: it needs what nobody has
    "other.opam": "",
    "other/dune": "(executable (name other) (public_name other) (package other) (libraries absent))\n",
    "other/other.ml": "",
    "duniverse/dune": "(vendored_dirs *)\n",
    "duniverse/greet/dune-project": "(lang dune 2.0)\n",
    "duniverse/greet/greet.opam": "",
    "duniverse/greet/src/dune": "(library (name greet) (public_name greet) (foreign_stubs (language c) (names twice)))\n",
    "duniverse/greet/src/greet.ml": 'let hello name = print_endline ("hello, " ^ name)\n',
    "duniverse/greet/src/twice.c": "int twice(int number) { return 2 * number; }\n",
    "mono.lock": "a lock\n",
    "contexts/dune": "(data_only_dirs *)\n",
    "contexts/host/dune-workspace": WORKSPACE,
}

SOURCE = Source("duniverse/greet", "https://example.org/greet-1.0.tbz", (f"sha256={'5' * 64}",))


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_project(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    """The project above in ``folder``, with some files changed, and its context; returns the context's folder."""
    write_files(folder, {**SOURCES, **(changes or {})})
    write_context(folder, make_context(folder))
    return folder / "contexts" / "host"


def write_context(folder: Path, context: Context) -> None:
    write_files(folder, {"contexts/host/context.json": render(context)})


def make_context(folder: Path) -> Context:
    """A context for what is in ``folder`` now, for any OCaml and dune."""
    return Context(
        project=Project("hello", "../..", ("hello",)),
        target="host",
        description="a plain program",
        toolchain=Toolchain(name=None, ocaml=None, dune=None),
        dune=Dune(
            context="default",
            workspace="contexts/host/dune-workspace",
            arguments=(
                *("build", "--root", ".", "--workspace", "contexts/host/dune-workspace"),
                *("--profile", "release", "--disable-promotion", "--only-packages", "hello", "@install"),
            ),
            docs=(
                *("build", "--root", ".", "--workspace", "contexts/host/dune-workspace"),
                *("--profile", "release", "--disable-promotion", "@doc"),
            ),
        ),
        environment=(
            ("DUNE_CACHE", "disabled"),
            ("LC_ALL", "C"),
            ("SOURCE_DATE_EPOCH", "315532800"),
            ("TZ", "UTC"),
        ),
        inputs=Inputs(
            files=tuple(
                (name, file_digest(folder / name))
                for name in ("contexts/host/dune-workspace", "duniverse/dune", "mono.lock")
            ),
            folders=(("duniverse/greet", tree_digest(folder / "duniverse/greet")),),
            closed=("duniverse",),
        ),
        artefacts=("install/default/bin/*",),
        checks=(),
        sandbox=Sandbox("/mono/sources", "/mono/build", "/mono/home"),
        locked=(
            Package("greet", "1.0", repository="test", licences=("ISC",), source=SOURCE),
            Package("hello", "dev", ({"package": "greet"},)),
        ),
    )


def expecting(
    context: Context, *, ocaml: str | None = None, dune: str | None = None, **further: object
) -> Context:
    toolchain = replace(context.toolchain, ocaml=ocaml, dune=dune, **further)  # type: ignore[arg-type]
    return replace(context, toolchain=toolchain)


def write_script(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
