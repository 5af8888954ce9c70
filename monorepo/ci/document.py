"""YAML as forges read it: YAML 1.2, where `on` is a word like any other, and scripts in lines."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString


def render(remark: str, document: Mapping[str, object]) -> str:
    """The text of ``document`` below a remark; the same for the same document."""
    yaml = YAML()
    yaml.width = sys.maxsize  # a line that is folded may end in a blank
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(_laid_out(document), text)
    return f"# {remark}\n\n{text.getvalue()}"


def _laid_out(value: object) -> object:
    """``value`` with texts of several lines as such, and plain dicts and lists."""
    match value:
        case str() if "\n" in value:
            return LiteralScalarString(value)
        case Mapping():
            return {key: _laid_out(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_laid_out(inner) for inner in value]
    return value
