"""Finds the first difference between two builds' artefacts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile, zip_longest
from pathlib import Path

from builder.artefacts import Artefact
from builder.errors import ReproducibilityError, ToolError
from builder.processes import run

_CHUNK = 1 << 16
_BEFORE, _AFTER = 16, 32
_SECTION = re.compile(r"\]\s+(\S+)\s+\S+\s+[0-9a-f]+\s+([0-9a-f]+)\s+([0-9a-f]+)\s")


def require_identical(
    first: Sequence[Artefact], second: Sequence[Artefact], environment: Mapping[str, str]
) -> None:
    """Compare two builds' artefacts, both sorted by name.

    Raises:
        ReproducibilityError: they differ; it names the first artefact that does, where, and what is there.
    """
    for one, other in zip_longest(first, second):
        if one is None or other is None or one.name != other.name:
            names = [artefact.name for artefact in (one, other) if artefact is not None]
            raise ReproducibilityError("only one of the two builds made it", place=min(names))
        if one.digest != other.digest:
            raise _difference(one, other, environment)


def _difference(one: Artefact, other: Artefact, environment: Mapping[str, str]) -> ReproducibilityError:
    offset = first_difference(one.path, other.path)
    section = _section_at(one.path, offset, environment)
    return ReproducibilityError(
        f"the two builds differ, first at byte {offset}" + (f" (section {section})" if section else ""),
        place=one.name,
        hint="something that is built in depends on where, when or by how many jobs it is built",
        details=(
            f"first   {one.size} bytes, {one.digest}",
            f"second  {other.size} bytes, {other.digest}",
            f"first   …{_around(one.path, offset)}…",
            f"second  …{_around(other.path, offset)}…",
        ),
    )


def first_difference(one: Path, other: Path) -> int:
    """Where two files that differ do so first."""
    offset = 0
    with one.open("rb") as left, other.open("rb") as right:
        while (piece := left.read(_CHUNK)) == (counterpart := right.read(_CHUNK)) and piece:
            offset += len(piece)
    return offset + sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(piece, counterpart, strict=False))
    )


def _around(path: Path, offset: int) -> str:
    """The bytes about ``offset`` as text, with a dot for each that cannot be shown."""
    with path.open("rb") as file:
        file.seek(max(0, offset - _BEFORE))
        piece = file.read(_BEFORE + _AFTER)
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece)


def _section_at(path: Path, offset: int, environment: Mapping[str, str]) -> str:
    """The section of an executable in which ``offset`` lies; empty where readelf does not tell."""
    try:
        listing = run(
            ("readelf", "--wide", "--sections", str(path)), folder=path.parent, environment=environment
        )
    except ToolError:
        return ""
    for name, start, size in _SECTION.findall(listing.output):
        if int(start, 16) <= offset < int(start, 16) + int(size, 16):
            return str(name)
    return ""
