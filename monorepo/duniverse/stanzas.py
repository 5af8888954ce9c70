"""dune files as they are written: what is read knows where it stands, and an edit keeps every other byte.

The syntax is that of dune's own lexer (src/dune_sexp/lexer.mll, the same from 1.0 to 3.24): lists, atoms,
quoted strings, block strings (lines that start with ``"\\|`` or ``"\\>``), and comments from ``;`` to the
end of the line; ``#|`` and ``#;``, which jbuild files had, are no comments in dune files. Text is bytes
read as latin-1, so that it goes back as it came, whatever is in comments and strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from solver.values import dataclass

ENCODING = "latin-1"

_DEEPEST = 200
_TOKEN = re.compile(
    r"""
      (?P<blank>  (?: [ \t\f\r\n]+ | ;[^\n]* )+ )
    | (?P<open>   \( )
    | (?P<close>  \) )
    | (?P<block>  "\\[|>] (?:[ ][^\n]*)? (?: \n [ \t\f]* "\\[|>] (?:[ ][^\n]*)? )* (?: \n | \Z ) )
    | (?P<string> " (?: [^"\\] | \\. )* " )
    | (?P<atom>   [^;()"\x00-\x20\x7f-\xff]+ )
    """,
    re.VERBOSE | re.DOTALL,
)


class StanzaSyntaxError(Exception):
    """Not what dune reads as stanzas, or not written out as such."""


@dataclass(frozen=True, slots=True)
class Atom:
    """One word from ``start`` to ``end``; of a string ``text`` is what is between the quotes, as written."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Form:
    """One list, from its opening bracket at ``start`` to after the closing one."""

    items: tuple[Node, ...]
    start: int
    end: int

    @property
    def head(self) -> str:
        """The word it starts with, "" where there is none."""
        return self.items[0].text if self.items and isinstance(self.items[0], Atom) else ""

    @property
    def forms(self) -> Iterator[Form]:
        """The lists directly in it."""
        return (item for item in self.items if isinstance(item, Form))

    @property
    def atoms(self) -> Iterator[Atom]:
        """The words directly in it, after the head."""
        return (item for item in self.items[1:] if isinstance(item, Atom))

    def field(self, name: str) -> Form | None:
        """The first list directly in it that starts with ``name``."""
        return next((form for form in self.forms if form.head == name), None)

    def word(self, name: str) -> str | None:
        """The one word of its field ``name``: ``foo`` of ``(library (name foo))``."""
        field = self.field(name)
        return next((atom.text for atom in field.atoms), None) if field else None


Node = Atom | Form


@dataclass(frozen=True, slots=True)
class Edit:
    """``text`` in the place of what is from ``start`` to ``end``."""

    start: int
    end: int
    text: str


def read_stanzas(text: str) -> tuple[Form, ...]:
    """The lists of a dune or dune-project file, in order.

    Raises:
        StanzaSyntaxError: dune would not read it as a list of stanzas.
    """
    items: list[Node] = []
    outer: list[tuple[list[Node], int]] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise StanzaSyntaxError(f"line {line_at(text, position)}: neither a word nor a list")
        start, position = token.span()
        match token.lastgroup:
            case "blank":
                continue
            case "atom":
                items.append(Atom(token[0], start, position))
            case "string" | "block":
                items.append(Atom(token[0][1:-1], start, position))
            case "open":
                if len(outer) == _DEEPEST:
                    raise StanzaSyntaxError(f"line {line_at(text, start)}: lists nested absurdly deep")
                outer.append((items, start))
                items = []
            case _:
                if not outer:
                    raise StanzaSyntaxError(
                        f"line {line_at(text, start)}: a bracket closes that was not opened"
                    )
                form = Form(tuple(items), outer[-1][1], position)
                items, _ = outer.pop()
                items.append(form)
    if outer:
        raise StanzaSyntaxError(f"line {line_at(text, outer[-1][1])}: a bracket is not closed")
    stanzas = tuple(item for item in items if isinstance(item, Form))
    if len(stanzas) != len(items):
        raise StanzaSyntaxError("a word stands outside of every stanza")
    return stanzas


def edited(text: str, edits: Iterable[Edit]) -> str:
    """``text`` after ``edits``, which do not overlap."""
    parts: list[str] = []
    done = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        parts += (text[done : edit.start], edit.text)
        done = edit.end
    return "".join((*parts, text[done:]))


def erased(text: str, form: Form) -> Edit:
    """``form`` taken out; its line breaks stay, so that every other line keeps its number."""
    return Edit(form.start, form.end, "\n" * text.count("\n", form.start, form.end))


def line_at(text: str, position: int) -> int:
    """The line, counted from 1, that ``position`` is on."""
    return text.count("\n", 0, position) + 1
