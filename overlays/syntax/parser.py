"""The grammar of opam files, by recursive descent over tokens.

Binding, tightest first: comparisons, ``{ … }``, ``!`` and ``?``, environment updates, ``&``, ``|``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from overlays.syntax.tokens import Kind, Malformed, Token, text_of_string, tokenize
from overlays.syntax.tree import (
    Atom,
    Boolean,
    Comparison,
    Group,
    Identifier,
    Integer,
    Joined,
    List,
    Option,
    Prefixed,
    String,
    Update,
    Value,
)

Item: TypeAlias = tuple[str, str, str, str, str]
"""One field or section: what is before it, its name, what is between, its body, and an empty text.

``between`` holds the colon of a field or the label of a section; ``body`` the value of a field, or a section
with its braces. The pieces joined are the text that was read.
"""

DEEPEST = 60
"""How deep values may nest. No real file comes near; a hostile one must not exhaust the stack."""


def parse_value(text: str) -> Value:
    """The one value that ``text`` holds; raises `Malformed`."""
    parser = _Parser(text)
    value = parser.value()
    if parser.next.kind is not Kind.END:
        raise parser.unexpected("the end of the value")
    return value


def parse_items(text: str) -> tuple[list[Item], str]:
    """Every item of a file or of the inside of a section, checked to the last token, and what follows them.

    Raises:
        Malformed: the text is not a sequence of fields and sections.
    """
    parser = _Parser(text)
    items = parser.items(until="")
    return items, parser.next.before


_PREFIXES = frozenset("!?")
_BRACKETS: Mapping[str, tuple[type[List | Group], str]] = {"[": (List, "]"), "(": (Group, ")")}
_OTHER_ATOMS: Mapping[Kind, type[Identifier | Integer | Boolean]] = {
    Kind.IDENTIFIER: Identifier,
    Kind.INTEGER: Integer,
    Kind.BOOLEAN: Boolean,
}


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._index = 0
        self._depth = 0
        self.next = self._tokens[0]

    def items(self, until: str) -> list[Item]:
        items: list[Item] = []
        while self.next.text != until:
            items.append(self._item())
        return items

    def _item(self) -> Item:
        if self.next.kind is not Kind.IDENTIFIER:
            raise self.unexpected("the name of a field or section")
        name = self._advance()
        after_name = self._index
        if self.next.text == ":":
            self._advance()
            body = self._index
            self.value()
        else:
            if self.next.text[:1] == '"':
                self._atom()
            if self.next.text != "{":
                raise self.unexpected("':' or '{'")
            body = self._index
            self._enter()
            self._advance()
            self.items(until="}")
            self._advance()
            self._leave()
        start = self._tokens[body].before
        between = self._printed(after_name, body) + start
        return name.before, name.text, between, self._printed(body, self._index)[len(start) :], ""

    def _printed(self, first: int, last: int) -> str:
        return "".join([token.before + token.text for token in self._tokens[first:last]])

    def values(self, until: str) -> tuple[Value, ...]:
        values: list[Value] = []
        while self.next.text != until:
            values.append(self.value())
        return tuple(values)

    def value(self) -> Value:
        first = self._conjunction()
        return first if self.next.text != "|" else self._joined(first, self._conjunction)

    def _conjunction(self) -> Value:
        first = self._unary()
        return first if self.next.text != "&" else self._joined(first, self._unary)

    def _joined(self, first: Value, operand: Callable[[], Value]) -> Value:
        sign = self.next.text
        parts, signs = [first], []
        while self.next.text == sign:
            signs.append(self._advance())
            parts.append(operand())
        return Joined(tuple(parts), tuple(signs))

    def _unary(self) -> Value:
        if self.next.text in _PREFIXES:
            self._enter()
            value: Value = Prefixed(self._advance(), self._unary())
            self._leave()
            return value
        value = self._primary()
        return value if self.next.text != "{" else self._with_options(value)

    def _with_options(self, value: Value) -> Value:
        depth = self._depth
        while self.next.text == "{":
            self._enter()
            value = Option(value, *self._enclosed("}"))
        self._depth = depth
        return value

    def _primary(self) -> Value:
        if self.next.text in _BRACKETS:
            form, closing = _BRACKETS[self.next.text]
            self._enter()
            value = form(*self._enclosed(closing))
            self._leave()
            return value
        left = None if self.next.kind is Kind.RELATION else self._atom()
        kind = self.next.kind
        if kind is Kind.RELATION:
            return Comparison(left, self._advance(), self._atom())
        if kind is Kind.UPDATE and left is not None:
            return Update(left, self._advance(), self._atom())
        assert left is not None  # without it the next token is a comparison
        return left

    def _enclosed(self, closing: str) -> tuple[Token, tuple[Value, ...], Token]:
        return self._advance(), self.values(until=closing), self._advance()

    def _atom(self) -> Atom:
        token = self.next
        if token.kind is Kind.STRING:
            if "\\" in token.text:
                self._check_escapes()
            return String(self._advance())
        form = _OTHER_ATOMS.get(token.kind)
        if form is None:
            raise self.unexpected("a value")
        return form(self._advance())

    def _check_escapes(self) -> None:
        """Refuse here what would otherwise be refused whenever someone asks for the text of the string."""
        try:
            text_of_string(self.next.text)
        except Malformed as problem:
            raise Malformed(problem.reason, self._offset() + problem.offset) from None

    def _advance(self) -> Token:
        token = self.next
        self._index += 1
        self.next = self._tokens[self._index]
        return token

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Malformed(f"values nest more than {DEEPEST} deep", self._offset())

    def _leave(self) -> None:
        self._depth -= 1

    def _offset(self) -> int:
        """Where the next token stands in the text."""
        return len(self._printed(0, self._index)) + len(self.next.before)

    def unexpected(self, wanted: str) -> Malformed:
        """What to raise where the next token is not what is wanted there."""
        found = repr(self.next.text) if self.next.text else "the end"
        return Malformed(f"expected {wanted}, found {found}", self._offset())
