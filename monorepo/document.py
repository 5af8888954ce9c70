"""Reading TOML with a place for every complaint: mono.toml, mono.lock and the data files of targets.

tomllib reads, for it is fast; once something is wrong tomlkit, which keeps every byte, tells the line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from monorepo.errors import MonoError
from solver import spelling
from solver.formula import Value

Path: TypeAlias = "tuple[str | int, ...]"
"""Keys and positions from the top of a document: ``("repositories", 0, "url")``."""


@dataclass
class UnacceptableError(Exception):
    """The value at ``path`` is not what its reader takes."""

    reason: str
    path: Path
    hint: str = ""


@contextmanager
def refusing(error: type[MonoError], text: str, file: str) -> Iterator[None]:
    """Turn what a `Table` of ``text`` raises into ``error``, at its file and line."""
    try:
        yield
    except UnacceptableError as refused:
        place = f"{file}:{line_of(text, refused.path)}"
        raise error(refused.reason, place, refused.hint) from None


def read_document(text: str, file: str, error: type[MonoError]) -> Table:
    """The top table of a TOML text; ``error`` with file, line and column where it is none."""
    try:
        return Table(tomllib.loads(text))
    except tomllib.TOMLDecodeError as malformed:
        reason, line, column = _syntax_error(str(malformed), text)
        raise error(reason, f"{file}:{line}:{column}", "this is not TOML: see https://toml.io") from None
    except (ValueError, RecursionError) as extreme:
        reason = "values nest too deep" if isinstance(extreme, RecursionError) else str(extreme)
        raise error(reason, f"{file}:1") from None


def decode(content: bytes, file: str, error: type[MonoError]) -> str:
    """``content`` as UTF-8; ``error`` with the line where it is not."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as bad:
        line = content.count(b"\n", 0, bad.start) + 1
        raise error("this line is not UTF-8", f"{file}:{line}", "save the file as UTF-8") from None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a document; its methods give values of the type asked for, or raise `UnacceptableError`."""

    content: Mapping[str, object]
    path: Path = ()

    def __contains__(self, key: str) -> bool:
        return key in self.content

    def only(self, *known: str) -> None:
        """Refuse every other key, naming the nearest known one."""
        for key in self.content:
            if key not in known:
                where = f"[{dotted(self.path)}]" if self.path else "the file"
                raise self.unacceptable(key, f'"{key}" is no key of {where}', nearest_hint(key, known))

    def unacceptable(self, where: str | Path, reason: str, hint: str = "") -> UnacceptableError:
        """What to raise about the value of a key, or further down about the value at a path."""
        steps = (where,) if isinstance(where, str) else where
        return UnacceptableError(reason, (*self.path, *steps), hint)

    def text(self, key: str) -> str:
        """A string that has to be there."""
        text = self.text_or_none(key)
        if text is None:
            raise UnacceptableError(f'{_title(self.path)} has no "{key}"', self.path, f'add {key} = "…"')
        return text

    def text_or_none(self, key: str) -> str | None:
        value = self.content.get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong_type(key, value, "a string")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """An array of strings; empty where it is absent."""
        values = self.content.get(key, ())
        if not isinstance(values, list | tuple):
            raise self._wrong_type(key, values, "an array of strings")
        for position, value in enumerate(values):
            if not isinstance(value, str):
                raise self._wrong_type((key, position), value, "a string")
        return tuple(values)

    def number(self, key: str) -> int:
        """An integer that has to be there."""
        if key not in self.content:
            raise UnacceptableError(f'{_title(self.path)} has no "{key}"', self.path)
        value = self.content[key]
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong_type(key, value, "an integer")
        return value

    def truth(self, key: str) -> bool:
        """True or false; false where it is absent."""
        value = self.content.get(key, False)
        if not isinstance(value, bool):
            raise self._wrong_type(key, value, "true or false")
        return value

    def table(self, key: str) -> Table:
        """A table; empty where it is absent."""
        value = self.content.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong_type(key, value, "a table")
        return Table(value, (*self.path, key))

    def tables(self, key: str) -> tuple[Table, ...]:
        """An array of tables; empty where it is absent."""
        values = self.content.get(key, [])
        if not isinstance(values, list):
            error = self._wrong_type(key, values, "an array of tables")
            error.hint = f"write [[{dotted(error.path)}]] above each"
            raise error
        for position, value in enumerate(values):
            if not isinstance(value, dict):
                raise self._wrong_type((key, position), value, "a table")
        return tuple(Table(value, (*self.path, key, position)) for position, value in enumerate(values))

    def variables(self) -> tuple[tuple[str, Value], ...]:
        """This whole table as opam variables, sorted by name.

        As opam has it, numbers are texts, and lists are texts joined by blanks.
        """
        return tuple((name, self._variable(name)) for name in sorted(self.content))

    def _variable(self, name: str) -> Value:
        value = self.content[name]
        if isinstance(value, list):
            return " ".join(self.texts(name))
        if isinstance(value, bool | str):
            return value
        if isinstance(value, int):
            return str(value)
        raise self._wrong_type(name, value, "a string, an integer, true or false, or an array of strings")

    def _wrong_type(self, where: str | Path, value: object, wanted: str) -> UnacceptableError:
        error = self.unacceptable(where, "")
        error.reason = f"{dotted(error.path)} must be {wanted}, not {_type_name(value)}"
        return error


_FEW = 20
"""More names than these are no help to whoever looks for one."""


def nearest_hint(word: str, known: Iterable[str]) -> str:
    """``did you mean …?``, or all there is to choose from where that is not much."""
    choices = sorted(known)
    near = nearest(word, choices)
    if near is not None:
        return f'did you mean "{near}"?'
    return f"known here: {', '.join(choices)}" if 0 < len(choices) <= _FEW else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The word among ``known`` that ``word`` may be a slip for; None where none is near."""
    return next(iter(spelling.nearest(word, known, most=1)), None)


def dotted(path: Path) -> str:
    """A path as people write it: ``repositories[2].url``, counted from 1."""
    words = "".join(f"[{key + 1}]" if isinstance(key, int) else f".{key}" for key in path)
    return words.removeprefix(".")


def line_of(text: str, path: Path) -> int:
    """The line, from 1, on which the value at ``path`` begins; of the nearest part above it that is there.

    tomlkit changes that one value and prints the rest as it was: what stands before it counts the lines.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    mark = "mark"
    while mark in text:
        mark += "k"
    try:
        document = tomlkit.parse(text)
        _put_mark(document, path, mark)
        printed = tomlkit.dumps(document)
    except (TOMLKitError, RecursionError):
        return 1
    return printed.count("\n", 0, max(printed.find(mark), 0)) + 1


def line_of_text(text: str, path: Path, value: str) -> int:
    """`line_of` a string, at once where its plain spelling is seen exactly once."""
    spelled = value.replace("\\", "\\\\").replace('"', '\\"')
    for written in (f'"{spelled}"', f"'{value}'"):
        if text.count(written) == 1:
            before, _, _ = text.partition(written)
            if "#" not in before.rpartition("\n")[2]:
                return before.count("\n") + 1
    return line_of(text, path)


def _put_mark(document: Any, path: Path, mark: str) -> None:
    from tomlkit.container import OutOfOrderTableProxy
    from tomlkit.items import AoT
    from tomlkit.items import Table as Section

    holder: Any = None
    item: Any = document
    key: Any = None
    for step in path:
        try:
            inner = item[step]
        except (KeyError, IndexError, TypeError):
            break
        holder, item, key = item, inner, step
    while holder is not None:
        if isinstance(item, Section) and not item.is_super_table():
            item.trivia.comment = mark  # stands on the line of its header
            return
        if not isinstance(item, Section | AoT | OutOfOrderTableProxy):
            holder[key] = mark
            return
        # No header of its own: it begins where the first thing in it does.
        key = 0 if isinstance(item, AoT) else next(iter(item))
        holder, item = item, item[key]


_MEANT = (
    (r"cannot declare \((.*?),?\) twice", "[{}] is there twice"),
    (r"cannot (?:redefine|mutate immutable) namespace \((.*?),?\)", "{} is complete already"),
    (r"cannot overwrite a value", "this has a value already"),
    (r"expected '(\]+)' at the end of .*", "the name of a table is not closed with {}"),
    (r"unclosed array", "an array is not closed: ] or a comma is missing here"),
    (r"unterminated string|illegal character '\\n'", "a string is not closed with its quote"),
    (r"invalid value", "this is no value: a text stands in quotes"),
)
"""What tomllib says, and what it means to who wrote the file; else its own words are told."""

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _syntax_error(message: str, text: str) -> tuple[str, int, int]:
    """Reason, line and column out of tomllib's message; before Python 3.14 they are nowhere else."""
    found = _AT.search(message)
    reason = _meant(_AT.sub("", message))
    if found and found[1]:
        return reason, int(found[1]), int(found[2])
    return reason, text.count("\n") + 1, len(text) - text.rfind("\n")


def _meant(message: str) -> str:
    reason = message[:1].lower() + message[1:]
    for pattern, meaning in _MEANT:
        if found := re.fullmatch(pattern, reason):
            return meaning.format(*(".".join(re.findall(r"[^', ]+", group)) for group in found.groups()))
    return reason


def _title(path: Path) -> str:
    return f"[{dotted(path)}]" if path else "the file"


def _type_name(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case str():
            return "a string"
        case int() | float():
            return "a number"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time"
