"""Finds the first difference between two builds' artefacts, in the terms of whoever made them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile, zip_longest
from pathlib import Path

from builder.artefacts import Artefact
from builder.elf import Section, sections_of, symbol_at
from builder.errors import ReproducibilityError
from builder.processes import run

_CHUNK = 1 << 16
_BEFORE, _AFTER = 16, 32
_SHOWN = 100
_STRING = re.compile(rb"[\t\x20-\x7e]{6,}(?=[\0\n])")
"""Something that a program says: digests and code can look like it, but nothing ends them."""

_FOLLOWS = frozenset({".note.gnu.build-id", ".gnu_debuglink", ".symtab", ".shstrtab"})
"""Sections that differ because something else does."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where two files differ, and what each has there; ``elsewhere`` are further sections that differ."""

    name: str
    first: str
    second: str
    elsewhere: tuple[str, ...] = ()


def require_identical(
    first: Sequence[Artefact], second: Sequence[Artefact], keep: Path, environment: Mapping[str, str]
) -> None:
    """Compare two builds' artefacts, both sorted by name.

    Both are kept in the folder ``keep`` if they differ, with the report of diffoscope where that is on PATH
    of ``environment``.

    Raises:
        ReproducibilityError: they differ; it names the first artefact that does, where, and what is there.
    """
    for one, other in zip_longest(first, second):
        if one is None or other is None or one.name != other.name:
            names = [artefact.name for artefact in (one, other) if artefact is not None]
            raise ReproducibilityError("only one of the two builds made it", place=min(names))
        if one.digest != other.digest:
            raise difference_between(one, other, keep, environment)


def difference_between(
    one: Artefact, other: Artefact, keep: Path, environment: Mapping[str, str]
) -> ReproducibilityError:
    """The first difference between two artefacts that differ; both are kept as `require_identical` says."""
    place = find_difference(one.path, other.path)
    also = f"differing too: {', '.join(place.elsewhere)}"
    report = _kept(one, other, keep, environment)
    return ReproducibilityError(
        f"the two builds differ, first {place.name}",
        place=one.name,
        hint="something that is built in depends on where, when, by whom or how it is built; "
        f"both are in {keep}{report}",
        details=(
            f"first   {one.size} bytes, {one.digest}",
            f"second  {other.size} bytes, {other.digest}",
            f"first   {place.first}",
            f"second  {place.second}",
            *((also,) if place.elsewhere else ()),
        ),
    )


def find_difference(one: Path, other: Path) -> Place:
    """The first difference that tells something between two files that differ.

    In executables that is a string which only one of them has, if there is any: code and addresses differ as
    soon as anything before them has another length.
    """
    pairs = list(_differing(sections_of(one), sections_of(other)))
    if not pairs:
        offset = first_difference(one, other)
        return Place(f"at byte {offset}", _around(one, offset), _around(other, offset))
    names = [left.name for left, _ in pairs]
    for left, right in pairs:
        strings = None if left.is_code or left.name in _FOLLOWS else _first_strings(left, right)
        if strings is not None:
            offset = left.content.find(strings[0])
            return _place(one, left, offset, _shown(strings[0]), _shown(strings[1]), names)
    left, right = next((pair for pair in pairs if pair[0].name not in _FOLLOWS), pairs[0])
    offset = _common(left.content, right.content)
    window = slice(max(0, offset - _BEFORE), offset + _BEFORE)
    return _place(one, left, offset, left.content[window].hex(" "), right.content[window].hex(" "), names)


def _differing(first: Sequence[Section], second: Sequence[Section]) -> Iterator[tuple[Section, Section]]:
    """Sections of one name that differ; one that only the first has counts as empty in the second."""
    others = {section.name: section for section in second}
    for section in first:
        other = others.get(section.name, Section(section.name, b"", 0, section.is_code))
        if section.content != other.content:
            yield section, other


def _first_strings(left: Section, right: Section) -> tuple[bytes, bytes] | None:
    """The first string of each section that the other does not have; None where all are in both."""
    strings = [_STRING.findall(section.content) for section in (left, right)]
    only = [
        next((text for text in own if text not in others), b"")
        for own, others in ((strings[0], set(strings[1])), (strings[1], set(strings[0])))
    ]
    return (only[0], only[1]) if any(only) else None


def _place(path: Path, section: Section, offset: int, first: str, second: str, names: Sequence[str]) -> Place:
    symbol = symbol_at(path, section.address + offset) if section.address else ""
    name = f"in section {section.name}" + (f", at {symbol}" if symbol else "")
    return Place(name, first, second, tuple(name for name in names if name != section.name))


def _shown(text: bytes) -> str:
    shown = text.decode("ascii")
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def first_difference(one: Path, other: Path) -> int:
    """Where two files that differ do so first."""
    offset = 0
    with one.open("rb") as left, other.open("rb") as right:
        while (piece := left.read(_CHUNK)) == (counterpart := right.read(_CHUNK)) and piece:
            offset += len(piece)
    return offset + _common(piece, counterpart)


def _common(one: bytes, other: bytes) -> int:
    """The length of what both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _around(path: Path, offset: int) -> str:
    """The bytes about ``offset`` as text, with a dot for each that cannot be shown."""
    with path.open("rb") as file:
        file.seek(max(0, offset - _BEFORE))
        piece = file.read(_BEFORE + _AFTER)
    return "…" + "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in piece) + "…"


def _kept(one: Artefact, other: Artefact, keep: Path, environment: Mapping[str, str]) -> str:
    """Keep both artefacts; what there is to say of diffoscope's report."""
    shutil.rmtree(keep, ignore_errors=True)
    for folder, artefact in (("first", one), ("second", other)):
        (keep / folder).mkdir(parents=True)
        shutil.copy2(artefact.path, keep / folder / artefact.name)
    diffoscope = shutil.which("diffoscope", path=environment.get("PATH"))
    if diffoscope is None:
        return ""
    report = keep / f"{one.name}.diffoscope.txt"
    run(
        (diffoscope, "--text", str(report), f"first/{one.name}", f"second/{one.name}"),
        folder=keep,
        environment={"PATH": environment["PATH"], "HOME": str(keep), "LC_ALL": "C.UTF-8"},
    )
    return f", and diffoscope's report is {report.name}" if report.is_file() else ""
