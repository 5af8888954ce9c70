"""The tokens of opam files, each with the blanks and comments before it, so that nothing is lost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    STRING = "a string"
    IDENTIFIER = "an identifier"
    INTEGER = "a number"
    BOOLEAN = "true or false"
    RELATION = "a comparison"
    UPDATE = "an environment update"
    MARK = "a sign"
    END = "the end of the file"


class Token(NamedTuple):
    """``before`` holds the blanks and comments that precede ``text``; the last token of all is empty."""

    kind: Kind
    before: str
    text: str


@dataclass
class Malformed(Exception):  # noqa: N818 — it tells what is the case
    """``reason`` at ``offset`` of the text that was being read; becomes an `OpamSyntaxError`."""

    reason: str
    offset: int


# In these expressions single characters repeat possessively (``*+``), which is fast, but groups never do:
# Python before 3.11.5 loses its place where such a group fails half-way (CPython issue 106052). So that going
# back stays cheap no text may match in two ways: the branches of a group begin with different characters.

WORD = r"[0-9_\-]*+[A-Za-z][A-Za-z0-9_\-]*+"
"""opam's ``id``: letters, digits, ``_`` and ``-``, with a letter somewhere."""

STRING = (
    r'"(?:[^"\\]++(?:\\.[^"\\]*+)*"|(?:\\.[^"\\]*+)+"|"(?!")'  # plain first, for most strings are
    r'|""(?:[^"\\]++|\\.|"(?!""))*""")'
)
"""A string of either form; whether its escapes are legal is seen when its text is asked for."""

BLANK = r"[ \t\n]*+(?:(?:\r\n|\#[^\n]*+)[ \t\n]*+)*"
"""Blanks, line ends and comments to the end of the line; a carriage return only with its line feed."""

_IDENTIFIER = rf"(?:{WORD}|_(?!_))(?:\+(?:{WORD}|_))*(?::{WORD})?"
_INTEGER = r"-?[0-9][0-9_]*+"
_TOKEN = re.compile(
    rf"({BLANK})({STRING}|{_IDENTIFIER}|{_INTEGER}|[+:]=|=[+:]=?|!?=|[<>]=?|\(\*|[\[\](){{}}:&|!?~]|)",
    re.DOTALL,
)
_KINDS = (
    dict.fromkeys(("true", "false"), Kind.BOOLEAN)
    | dict.fromkeys(("=", "!=", "<", "<=", ">", ">=", "~"), Kind.RELATION)
    | dict.fromkeys(("+=", "=+", "=+=", ":=", "=:", "=:="), Kind.UPDATE)
    | dict.fromkeys("[](){}:&|!?", Kind.MARK)
)
_COMMENT_MARK = re.compile(r"\(\*|\*\)")
_VERSION = re.compile(r"(?<![\w\"])v?[0-9]+[.~+][\w.~+-]*")
_DIGITS = frozenset("0123456789_-")


def tokenize(text: str) -> list[Token]:
    """Every token of ``text``, the last being the end of it with what precedes that.

    Raises:
        Malformed: a character that begins no token, an open string or an open comment.
    """
    tokens: list[Token] = []
    position, comments = 0, ""
    while True:
        for match in _TOKEN.finditer(text, position):
            before, word = match.groups()
            if not word or word == "(*":
                break
            kind = _KINDS.get(word) or _kind_of(word)
            tokens.append(Token(kind, comments + before, word))
            comments = ""
        position = match.end() - len(word)
        if position == len(text):
            tokens.append(Token(Kind.END, comments + before, ""))
            return tokens
        after = _end_of_comment(text, position)
        comments += before + text[position:after]
        position = after


def _kind_of(word: str) -> Kind:
    if word[0] == '"':
        return Kind.STRING
    return Kind.INTEGER if _DIGITS.issuperset(word) and word != "_" else Kind.IDENTIFIER


def _end_of_comment(text: str, start: int) -> int:
    """Where the comment ends that opens at ``start``; comments nest."""
    if not text.startswith("(*", start):
        raise Malformed(_why_no_token(text, start), start)
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        depth += 1 if mark[0] == "(*" else -1
        if depth == 0:
            return mark.end()
    raise Malformed("this comment is never closed", start)


def _why_no_token(text: str, start: int) -> str:
    """Why nothing begins at ``start``; the commonest slip is a version without its quotes."""
    if text[start] == '"':
        return "this string is never closed"
    for version in _VERSION.finditer(text, text.rfind("\n", 0, start) + 1):
        if version.start() < start < version.end():
            return f'{version[0]} wants quotes, as every version: "{version[0]}"'
    return f"{text[start]!r} begins nothing that opam files know"


_ESCAPE = re.compile(r"""\\(?:(\r?\n[ \t]*)|([0-9]{3})|x([0-9a-fA-F]{2})|([\\"'nrtb ])|(.?))""", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b"}


def text_of_string(raw: str) -> str:
    """What a string token, quotes and all, stands for.

    Raises:
        Malformed: an escape that opam does not know, or bytes that are not UTF-8; at an offset in ``raw``.
    """
    quotes = 3 if raw.startswith('"""') else 1
    inner = raw[quotes:-quotes]
    if "\\" not in inner:
        return inner
    pieces: list[bytes] = []
    position = 0
    for escape in _ESCAPE.finditer(inner):
        line_end, decimal, hexadecimal, simple, _ = escape.groups()
        pieces.append(inner[position : escape.start()].encode("utf-8"))
        position = escape.end()
        if decimal is not None and int(decimal) < 256:
            pieces.append(bytes([int(decimal)]))
        elif hexadecimal is not None:
            pieces.append(bytes.fromhex(hexadecimal))
        elif simple is not None:
            pieces.append(_SIMPLE_ESCAPES.get(simple, simple).encode("ascii"))
        elif line_end is None:
            raise Malformed(f"{escape.group()} is no escape that opam files know", quotes + escape.start())
    pieces.append(inner[position:].encode("utf-8"))
    try:
        return b"".join(pieces).decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("the escapes of this string do not add up to UTF-8", 0) from None
