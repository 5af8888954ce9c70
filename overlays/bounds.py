"""Changing the bounds of a dependency in the text of an opam file, and nothing else of it."""

from __future__ import annotations

import re
from collections.abc import Callable

from overlays.notation import parse_dependency
from overlays.opam_file import OpamFile
from overlays.syntax.tokens import Kind, text_of_string
from overlays.syntax.tree import tokens_of
from solver.edit import bounds_alone, eased
from solver.formula import Constraint
from solver.version import Version

_BOUND = re.compile(r'(\s*)([<>]=?|!?=)(\s*)("(?:[^"\\]|\\.)*"|[0-9A-Za-z][0-9A-Za-z.+~_-]*)(\s*)')


def with_eased_dependency(file: OpamFile, name: str, version: Version) -> OpamFile:
    """``file`` with every bound on ``name`` in ``depends`` changed as little as admits ``version``.

    Comments and blanks stay, but for those inside a bound that is dropped.
    """
    return _with_dependency(file, name, lambda written, braces: (written, eased_braces(braces, version)))


def with_renamed_dependency(file: OpamFile, name: str, other: str) -> OpamFile:
    """``file`` with ``other`` wherever ``depends`` names ``name``."""
    return _with_dependency(file, name, lambda _, braces: (f'"{other}"', braces))


def eased_braces(braces: str, version: Version) -> str:
    """A condition with its braces and the blanks before them, eased as by `solver.edit.eased`; or nothing."""
    opening, closing = braces.find("{"), braces.rfind("}")
    if opening < 0:
        return braces
    inner = braces[opening + 1 : closing]
    condition = parse_dependency(f"p {{{inner}}}").condition
    if condition is None:
        return braces
    if bounds_alone(condition) and eased(condition, version) is None:
        return ""
    kept = [text for part in _conjuncts(inner) if (text := _eased_part(part, version))]
    if not kept:
        return ""
    before, after = inner[: len(inner) - len(inner.lstrip())], inner[len(inner.rstrip()) :]
    return f"{braces[:opening]}{{{before}{'&'.join(kept).strip()}{after}}}"


def _eased_part(part: str, version: Version) -> str:
    condition = parse_dependency(f"p {{{part}}}").condition
    left = None if condition is None else eased(condition, version)
    if left == condition:
        return part
    found = _BOUND.fullmatch(part)
    if left is None or found is None:
        return ""
    assert isinstance(left, Constraint)
    before, _, between, old, after = found.groups()
    text = f'"{version}"' if old.startswith('"') else str(version)
    return f"{before}{left.relation}{between}{text}{after}"


def _conjuncts(text: str) -> list[str]:
    """The parts that ``&`` joins, outside parentheses and strings, with their blanks."""
    parts, depth, start, inside = [], 0, 0, False
    for position, character in enumerate(text):
        if character == '"':
            inside = not inside
        elif not inside:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if character == "&" and not depth:
                parts.append(text[start:position])
                start = position + 1
    return [*parts, text[start:]]


def _with_dependency(file: OpamFile, name: str, change: Callable[[str, str], tuple[str, str]]) -> OpamFile:
    """``file`` with each mention of ``name``, and the braces behind it, put through ``change``."""
    value = file.field("depends")
    if value is None:
        return file
    written: list[str] = []
    mention = ""
    braces: list[str] = []
    depth = 0

    def settle() -> None:
        nonlocal mention
        if mention:
            before = mention[: mention.index('"')]
            dependency, condition = change(mention[len(before) :], "".join(braces))
            written.extend((before, dependency, condition))
        else:
            written.extend(braces)
        mention = ""
        braces.clear()

    for token in tokens_of(value):
        whole = token.before + token.text
        if depth or token.text == "{":
            depth += {"{": 1, "}": -1}.get(token.text, 0)
            braces.append(whole)
            if not depth:
                settle()
            continue
        settle()
        if token.kind is Kind.STRING and text_of_string(token.text) == name:
            mention = whole
        else:
            written.append(whole)
    settle()
    raw = file.raw("depends")
    assert raw is not None
    text = "".join(written)
    return file if text.strip() == raw.strip() else file.with_field("depends", text.strip())
