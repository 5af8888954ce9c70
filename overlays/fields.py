"""The fields and sections of an opam file: text that is kept, and values that are read when asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from overlays.errors import OpamSyntaxError
from overlays.syntax.outline import is_section, split_items
from overlays.syntax.parser import Item, parse_value
from overlays.syntax.tokens import Malformed
from overlays.syntax.tree import List, String, Value
from overlays.values import read_string, read_strings

T = TypeVar("T")


class Fields:
    """The fields and sections of a file, or of the inside of one section. Immutable.

    Every accessor raises `OpamSyntaxError` where the field it reads is malformed or of another type.
    """

    __slots__ = ("_after", "_bodies", "_items", "_origin", "_whole", "place")

    def __init__(self, text: str, place: str, origin: tuple[Fields, Item] | None = None) -> None:
        """``place`` names the file; ``origin`` is the section that ``text`` is the inside of, if it is."""
        self.place = place
        self._whole: str = text if origin is None else origin[0]._whole
        self._origin = origin
        try:
            self._items, self._after = split_items(text)
        except Malformed as problem:
            raise self._error(problem.reason, self._start() + problem.offset) from None
        fields = [item for item in self._items if item[3][0] != "{"]
        self._bodies = {item[1]: item[3] for item in fields}
        if len(self._bodies) < len(fields):
            self._refuse_second(fields)

    def names(self) -> tuple[str, ...]:
        """The names of all fields, in the order of the file."""
        return tuple(self._bodies)

    def raw(self, name: str) -> str | None:
        """The text of the value of a field, None where the field is absent."""
        return self._bodies.get(name)

    def read(self, name: str, reader: Callable[[str], T]) -> T | None:
        """What ``reader`` makes of the text of a value; None where the field is absent.

        A `Malformed` that ``reader`` raises becomes an `OpamSyntaxError` with its place in the file.
        """
        body = self._bodies.get(name)
        if body is None:
            return None
        try:
            return reader(body)
        except Malformed as problem:
            raise self.error_in(name, problem.reason, problem.offset) from None

    def field(self, name: str) -> Value | None:
        """The value of a field as a tree, None where the field is absent."""
        return self.read(name, parse_value)

    def string(self, name: str) -> str | None:
        """The value of a field that is one string, None where the field is absent."""
        return self.read(name, read_string)

    def strings(self, name: str) -> tuple[str, ...]:
        """The value of a field that is a string or a list of strings; empty where the field is absent."""
        return self.read(name, read_strings) or ()

    def pairs(self, name: str) -> tuple[tuple[str, Value], ...]:
        """The value of a field that lists pairs of a string and a value: ``[["arch" "x86_64"] …]``.

        A single pair may stand without its outer brackets. Empty where the field is absent.
        """
        value = self.field(name)
        if value is None:
            return ()
        entries = value.values if isinstance(value, List) else (value,)
        if entries and all(isinstance(entry, String) for entry in entries):
            entries = (value,)
        pairs: list[tuple[str, Value]] = []
        for entry in entries:
            match entry:
                case List(_, (String() as first, second), _):
                    pairs.append((first.text, second))
                case _:
                    raise self.error_in(
                        name, "this field lists pairs in brackets, each of a string and a value"
                    )
        return tuple(pairs)

    def section(self, kind: str) -> Fields | None:
        """The inside of the only section of that kind, None where there is none."""
        items = self._sections(kind)
        if len(items) > 1:
            raise self._error(f'there is a second section "{kind}"', self._offset_of(items[1]))
        return self._inside(items[0]) if items else None

    def sections(self, kind: str) -> tuple[tuple[str, Fields], ...]:
        """Every section of that kind, in order: its label, empty where there is none, and its inside."""
        return tuple((self._label(item), self._inside(item)) for item in self._sections(kind))

    def error_in(self, name: str, reason: str, offset: int = 0) -> OpamSyntaxError:
        """What to raise for something wrong at ``offset`` in the value of a field."""
        return self._error(reason, self.offset_of_value(name) + offset)

    def offset_of_value(self, name: str) -> int:
        """Where the value of a field, which must be there, begins in the whole file."""
        item = next(item for item in reversed(self._items) if item[1] == name and not is_section(item))
        return self._offset_of(item) + len(item[1]) + len(item[2])

    def error_at_start(self, reason: str) -> OpamSyntaxError:
        """What to raise for something that is not there."""
        return self._error(reason, self._start())

    def check(self) -> None:
        """Read every value, whoever may want it; raises `OpamSyntaxError` for the first malformed one."""
        for name in self._bodies:
            self.field(name)
        for item in self._items:
            if is_section(item):
                self._label(item)
                self._inside(item).check()

    def __str__(self) -> str:
        return "".join(piece for item in self._items for piece in item) + self._after

    def _sections(self, kind: str) -> list[Item]:
        return [item for item in self._items if item[1] == kind and is_section(item)]

    def _inside(self, item: Item) -> Fields:
        return Fields(item[3][1:-1], self.place, (self, item))

    def _label(self, item: Item) -> str:
        if '"' not in item[2]:
            return ""
        try:
            label = parse_value(item[2])
        except Malformed as problem:
            raise self._error(problem.reason, self._offset_of(item) + len(item[1]) + problem.offset) from None
        assert isinstance(label, String)  # the outline takes nothing else between the kind and its brace
        return label.text

    def _refuse_second(self, fields: list[Item]) -> None:
        """Refuse a field that is there twice; of one that opam itself does not know, the last counts."""
        seen: set[str] = set()
        for item in fields:
            if item[1] in seen and not item[1].startswith("x-"):
                raise self._error(f'there is a second field "{item[1]}"', self._offset_of(item))
            seen.add(item[1])

    def _start(self) -> int:
        """Where the text of these fields begins in the whole file."""
        if self._origin is None:
            return 0
        around, section = self._origin
        return around._offset_of(section) + len(section[1]) + len(section[2]) + 1

    def _offset_of(self, wanted: Item) -> int:
        """Where the name of an item stands in the whole file."""
        offset = self._start()
        for item in self._items:
            if item is wanted:
                break
            offset += sum(map(len, item))
        return offset + len(wanted[0])

    def _error(self, reason: str, offset: int) -> OpamSyntaxError:
        start = self._whole.rfind("\n", 0, offset) + 1
        line = self._whole.count("\n", 0, offset) + 1
        source_line = self._whole[start:].partition("\n")[0].rstrip("\r")
        return OpamSyntaxError(reason, self.place, line, offset - start + 1, source_line)
