"""Values of fields that are strings, identifiers, or lists of them.

Each reader takes the text of a value and raises `Malformed` for one of another type. Plain texts, nearly all
of them, are read by a regular expression; whatever it does not take goes through the parser.
"""

from __future__ import annotations

import re
from functools import cache

from overlays.syntax.parser import parse_value
from overlays.syntax.tokens import Malformed
from overlays.syntax.tree import Group, Identifier, List, Option, String, Value, first_token, tokens_of

_PLAIN_STRING = re.compile(r'"([^"\\]*+)"(?!")')
_PLAIN_STRINGS = re.compile(r'\[[ \t\n]*+(?:"[^"\\]*+"(?!")[ \t\n]*+)*\]')
_PLAIN_COMMAND = re.compile(r'\[[ \t\n]*+(?:\[[ \t\n]*+)?["A-Za-z]')


def read_string(text: str) -> str:
    plain = _PLAIN_STRING.fullmatch(text)
    if plain is not None:
        return plain[1]
    value = parse_value(text)
    if not isinstance(value, String):
        raise malformed("expected a string", value, value)
    return value.text


def read_strings(text: str) -> tuple[str, ...]:
    """A string, or a list of strings."""
    plain = _PLAIN_STRING.fullmatch(text)
    if plain is not None:
        return (plain[1],)
    if _PLAIN_STRINGS.fullmatch(text):
        return tuple(_PLAIN_STRING.findall(text))
    value = parse_value(text)
    return tuple(string_in(part, value) for part in parts_of(value))


@cache
def read_words(text: str) -> tuple[str, ...]:
    """An identifier or a string, or a list of them."""
    value = parse_value(text)
    return tuple(
        part.name if isinstance(part, Identifier) else string_in(part, value) for part in parts_of(value)
    )


def lists_a_command(text: str) -> bool:
    """Whether a list of commands (``build``, ``install``) has any word in it."""
    return _PLAIN_COMMAND.match(text) is not None or _has_word(parse_value(text))


def _has_word(value: Value) -> bool:
    match value:
        case List(_, values, _) | Group(_, values, _):
            return any(map(_has_word, values))
        case Option(inner):
            return _has_word(inner)
    return True


def parts_of(value: Value) -> tuple[Value, ...]:
    """What a list holds; anything else is taken for the only one of a list."""
    return value.values if isinstance(value, List) else (value,)


def string_in(part: Value, whole: Value) -> str:
    """The text of ``part`` of the value ``whole``, which must be a string."""
    if not isinstance(part, String):
        raise malformed("expected a string", part, whole)
    return part.text


def malformed(reason: str, part: Value, whole: Value) -> Malformed:
    """What to raise for a ``part`` of the value ``whole``, where that was read from its own text."""
    wanted = first_token(part)
    offset = 0
    for token in tokens_of(whole):
        offset += len(token.before)
        if token is wanted:
            break
        offset += len(token.text)
    return Malformed(reason, offset)
