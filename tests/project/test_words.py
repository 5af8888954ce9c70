"""How mono and mono-build speak of themselves, which has one manner everywhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.test_python import SOURCES
from tests.support.places import ROOT


def said(tree: ast.Module) -> Iterator[str]:
    """Every text but docstrings, and the comments and Markdown that files begin with.

    That of a command is what its help says.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.decorator_list and node.name.endswith("command"):
            yield ast.get_docstring(node) or ""
        for child in ast.iter_child_nodes(node):
            text = child.value if isinstance(child, ast.Constant) else None
            if isinstance(text, str) and not isinstance(node, ast.Expr) and not text.startswith(("#", ";")):
                yield text


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_is_named_without_quotes(source: Path) -> None:
    """``run mono lock``: a shell would take what stands between backticks for something else."""
    assert [text for text in said(ast.parse(source.read_text("utf-8"))) if "`" in text] == []
