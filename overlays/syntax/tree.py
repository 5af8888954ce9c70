"""The value of a field as a tree of tokens. Printing walks the tree and gives the bytes that were read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from overlays.syntax.tokens import Token, text_of_string
from solver.values import dataclass


@dataclass(frozen=True, slots=True)
class String:
    token: Token

    @property
    def text(self) -> str:
        """What the string stands for, its escapes undone."""
        return text_of_string(self.token.text)


@dataclass(frozen=True, slots=True)
class Identifier:
    token: Token

    @property
    def name(self) -> str:
        return self.token.text


@dataclass(frozen=True, slots=True)
class Integer:
    token: Token

    @property
    def text(self) -> str:
        """The number in its usual form, without ``_`` and leading zeros; of any length."""
        digits = self.token.text.replace("_", "")
        number = digits.lstrip("-0") or "0"
        return f"-{number}" if digits.startswith("-") and number != "0" else number


@dataclass(frozen=True, slots=True)
class Boolean:
    token: Token

    @property
    def truth(self) -> bool:
        return self.token.text == "true"


@dataclass(frozen=True, slots=True)
class List:
    """``[ … ]``"""

    opening: Token
    values: tuple[Value, ...]
    closing: Token


@dataclass(frozen=True, slots=True)
class Group:
    """``( … )``"""

    opening: Token
    values: tuple[Value, ...]
    closing: Token


@dataclass(frozen=True, slots=True)
class Option:
    """``value { … }``"""

    value: Value
    opening: Token
    values: tuple[Value, ...]
    closing: Token


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left >= right``, or, without ``left``, the bound ``>= right``."""

    left: Atom | None
    relation: Token
    right: Atom


@dataclass(frozen=True, slots=True)
class Update:
    """``NAME += value`` and its kin."""

    left: Atom
    operation: Token
    right: Atom


@dataclass(frozen=True, slots=True)
class Prefixed:
    """``!value`` or ``?value``."""

    sign: Token
    value: Value


@dataclass(frozen=True, slots=True)
class Joined:
    """``first & second & …`` or the same with ``|``; ``signs`` stand between the ``parts``."""

    parts: tuple[Value, ...]
    signs: tuple[Token, ...]


Atom: TypeAlias = "String | Identifier | Integer | Boolean"
Value: TypeAlias = "Atom | List | Group | Option | Comparison | Update | Prefixed | Joined"


def tokens_of(value: Value) -> Iterator[Token]:
    """Every token of a value, in order."""
    match value:
        case String(token) | Identifier(token) | Integer(token) | Boolean(token):
            yield token
        case List(opening, values, closing) | Group(opening, values, closing):
            yield from _enclosed(opening, values, closing)
        case Option(inner, opening, values, closing):
            yield from tokens_of(inner)
            yield from _enclosed(opening, values, closing)
        case Comparison(left, operation, right) | Update(left, operation, right):
            if left is not None:
                yield from tokens_of(left)
            yield operation
            yield from tokens_of(right)
        case Prefixed(sign, inner):
            yield sign
            yield from tokens_of(inner)
        case Joined(parts, signs):
            yield from tokens_of(parts[0])
            for sign, part in zip(signs, parts[1:], strict=True):
                yield sign
                yield from tokens_of(part)


def _enclosed(opening: Token, values: tuple[Value, ...], closing: Token) -> Iterator[Token]:
    yield opening
    for value in values:
        yield from tokens_of(value)
    yield closing


def first_token(value: Value) -> Token:
    return next(tokens_of(value))


def print_value(value: Value) -> str:
    """The text that was read, from the blanks before the first token to the end of the last."""
    return "".join(token.before + token.text for token in tokens_of(value))


def canonical(values: tuple[Value, ...]) -> str:
    """Values in opam's usual form: one blank between tokens, none inside brackets and after ``!``, ``?``."""
    words: list[str] = []
    tight = True
    for value in values:
        for token in tokens_of(value):
            if words and not tight and token.text not in (")", "]", "}"):
                words.append(" ")
            words.append(token.text)
            tight = token.text in ("(", "[", "{", "!", "?")
    return "".join(words)
