"""Splits the text of an opam file into its fields and sections, without reading their values.

One regular expression takes one item, which is several times faster than reading tokens; a lock reads
thousands of files and asks each for a few fields. What that expression does not take (nested comments,
brackets deeper than it counts, names with ``+``, anything malformed) the parser takes, exactly and slowly.
"""

from __future__ import annotations

import re
from functools import cache

from overlays.syntax.parser import Item, parse_items
from overlays.syntax.tokens import BLANK, STRING, WORD


def split_items(text: str) -> tuple[list[Item], str]:
    """The items of a file, or of the inside of a section, in order, and the blanks and comments after them.

    Values are only known to have their strings and brackets closed.

    Raises:
        Malformed: the text is not a sequence of fields and sections.
    """
    items: list[Item] = _item().findall(text)
    after = ""
    while items and not items[-1][1]:
        before, _, _, _, unread = items.pop()
        if unread:
            return parse_items(text)
        after = before + after
    return items, after


def is_section(item: Item) -> bool:
    return item[3][0] == "{"


@cache
def _item() -> re.Pattern[str]:
    name = rf"(?!(?:true|false)(?![A-Za-z0-9_\-]))({WORD})(?!\+)"
    colon = rf"{BLANK}:(?![A-Za-z0-9_\-=]){BLANK}(?!\{{)"
    label = rf"{BLANK}(?:{STRING}{BLANK})?(?=\{{)"
    body = rf"({_value()}|{_enclosed('{', '}')})"
    return re.compile(rf"({BLANK})(?:{name}({colon}|{label}){body}|\Z|(.++))", re.DOTALL)


def _value() -> str:
    word = r"[A-Za-z0-9_\-]++(?![+:~])"
    unit = rf"(?:{STRING}|{_enclosed('[', ']')}|{_enclosed('(', ')')}|{word})"
    option = rf"(?:{BLANK}{_enclosed('{', '}')})*"
    operand = rf"(?:[!?]{BLANK})*{unit}{option}"
    return rf"{operand}(?:{BLANK}(?:[&|]|!?=|[<>]=?+){BLANK}{operand})*"


def _enclosed(opening: str, closing: str, depth: int = 1) -> str:
    """A pair of brackets with what is between; other brackets in there are taken for plain characters.

    Where all brackets are in order this finds the right end; that they are is seen when the value is parsed.
    """
    plain = rf'[^"#(\{opening}\{closing}]*+'
    special = rf"{STRING}|#[^\n]*+"
    if opening != "(":
        special += r"|\((?!\*)"  # with the star it begins a comment
    if depth:
        special += rf"|{_enclosed(opening, closing, depth - 1)}"
    start = r"\((?!\*)" if opening == "(" else rf"\{opening}"
    return rf"{start}{plain}(?:(?:{special}){plain})*\{closing}"
