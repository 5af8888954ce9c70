"""Real builds with the machine's own OCaml and dune, as tests ask for them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from builder.build import build
from builder.errors import BuilderError
from builder.preparation import Wishes
from builder.sandbox import Wish
from builder.twice import build_twice
from tests.builder.projects import make_context, write_context

SANDBOXES = [
    pytest.param("require", marks=pytest.mark.sandbox),
    "off",
]
RUN = "hello, the answer\n42"


def wishes(sandbox: Wish = "off", **environment: str) -> Wishes:
    return Wishes({**os.environ, **environment}, sandbox)


def failing(
    folder: Path, error: type[BuilderError], sandbox: Wish = "off", *, twice: bool = False
) -> BuilderError:
    with pytest.raises(error) as caught:
        (build_twice if twice else build)(folder, wishes(sandbox))
    return caught.value


def changed(folder: Path, **changes: object) -> None:
    """Write the project's context anew, for what is there now, with some fields changed."""
    project = folder.parents[1]
    write_context(project, replace(make_context(project), **changes))  # type: ignore[arg-type]


def project_that_says(command: str) -> dict[str, str]:
    """A program into which the output of a shell command is built."""
    return {
        "bin/dune": f"""
(executable
 (name main)
 (public_name hello)
 (package hello)
 (libraries greet)
 (foreign_stubs (language c) (names stub)))
(rule
 (targets answer.ml)
 (action (with-stdout-to answer.ml (system "printf 'let text = {{|%s|}}' \\"$({command})\\""))))
"""
    }
