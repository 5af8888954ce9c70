"""dune files that are OCaml programs, as far as their stanzas can be seen.

Such a program starts with ``(* -*- tuareg -*- *)`` and sends its stanzas to dune as text, mostly written
out in quoted strings with something put in between: ``send @@ {|(library (name a) |} ^ flags ^ {|)|}``.
Blanking everything but these strings leaves stanzas that stand where they stand in the file, and can be
edited there. A program that makes its stanzas in any other way is not understood.
"""

from __future__ import annotations

import re

from monorepo.duniverse.stanzas import Form, StanzaSyntaxError, read_stanzas

OPENING = "(* -*- tuareg -*- *)"

_TOKEN = re.compile(
    r"""
      (?P<comment> \(\* )
    | (?P<quoted>  \{ (?P<mark>[a-z_]*) \| (?P<inner>.*?) \| (?P=mark) \} )
    | (?P<string>  " (?: [^"\\] | \\. )* " )
    | '(?: [^'\\\n] | \\[^\n]{1,3} )'
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_END = re.compile(r"\(\*|\*\)")
_STANZA_IN_STRING = re.compile(
    r"\(\s*(?:library|executables?|rule|install|package|public_names?|test|alias)\b"
)
_BETWEEN = re.compile(r"\^(?!.*(?:;;|\b(?:let|in|send)\b)).*\^", re.DOTALL)
_NAMING = frozenset({"public_name", "public_names", "old_public_name", "package"})


def read_script(text: str) -> tuple[Form, ...]:
    """The stanzas of a dune file in OCaml syntax, where they are all in sight.

    Raises:
        StanzaSyntaxError: the program makes stanzas, or names in them, that are not written out.
    """
    kept: list[str] = []
    gaps: list[tuple[int, int, str]] = []  # from the end of one quoted string to the start of the next
    last: re.Match[str] | None = None
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        assert token is not None, "every character is a token at least"
        position = _after_comment(text, token.end()) if token["comment"] else token.end()
        if token["quoted"]:
            kept.append(_blank(text[token.start() : token.start("inner")]) + token["inner"])
            kept.append(_blank(text[token.end("inner") : token.end()]))
            if last is not None:
                between = text[last.end() : token.start()].strip()
                joined = _BETWEEN.fullmatch(between) and last["mark"] == token["mark"]
                gaps.append((last.end(), token.start(), between if joined else ""))
            last = token
            continue
        if token["string"] and _STANZA_IN_STRING.search(token["string"]):
            raise StanzaSyntaxError("a stanza in a plain string")
        kept.append(_blank(text[token.start() : position]))
    stanzas = read_stanzas("".join(kept))
    for stanza in stanzas:
        if any(stanza.start < start and end < stanza.end and not between for start, end, between in gaps):
            raise StanzaSyntaxError("a stanza put together in several steps")
        _refuse_unknown_names(stanza)
    return stanzas


def _refuse_unknown_names(form: Form) -> None:
    """A name that is put in from the program (``%s``, or nothing at all) may be any."""
    words = [atom.text for atom in form.atoms]
    if form.head in _NAMING and (not words or any("%" in word for word in words)):
        raise StanzaSyntaxError("a name that is not written out")
    for inner in form.forms:
        _refuse_unknown_names(inner)


def _after_comment(text: str, position: int) -> int:
    """Where the comment ends that was opened just before ``position``; OCaml's comments nest."""
    depth = 1
    while depth:
        bracket = _COMMENT_END.search(text, position)
        if bracket is None:
            raise StanzaSyntaxError("a comment that is not closed")
        depth += 1 if bracket[0] == "(*" else -1
        position = bracket.end()
    return position


def _blank(text: str) -> str:
    """Blanks in the place of ``text``, line for line."""
    return re.sub(r"[^\n]", " ", text)
