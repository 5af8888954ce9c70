"""What the oldest Python that mono runs on, Debian 12's 3.11.2, cannot do, and a newer one would hide."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.places import ROOT

SOURCES = sorted(
    path for room in ("solver", "overlays", "monorepo", "builder") for path in (ROOT / room).rglob("*.py")
)

POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[*+?]|\{[0-9,]+\})\+")
"""Before 3.11.5 such a group fails to match where its inside backtracks (CPython's gh-106052); an atomic group
``(?>(?:…)*)`` says the same and is right."""


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_regular_expression_has_a_possessive_group(source: Path) -> None:
    tree = ast.parse(source.read_text("utf-8"))
    texts = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [node.lineno for node in texts if POSSESSIVE_GROUP.search(node.value)] == []
