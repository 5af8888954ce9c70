"""The reader of dune files: it loses nothing, knows where everything stands, and reads what dune reads."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monorepo.duniverse.scripts import OPENING, read_script
from monorepo.duniverse.stanzas import (
    Atom,
    Edit,
    Form,
    Node,
    StanzaSyntaxError,
    edited,
    erased,
    line_at,
    read_stanzas,
)

BETWEEN = re.compile(r"(?:[ \t\f\r\n]|;[^\n]*)*")

words = st.from_regex(r"[a-zA-Z0-9_.:%{}!#|&+-]{1,8}", fullmatch=True)
strings = st.from_regex(r'"([^"\\\x80-\uffff]|\\.){0,8}"', fullmatch=True).filter(
    lambda text: text[1:2] != "\\"
)
blocks = st.from_regex(r'"\\[|>] [a-z"()]{0,6}\n( "\\[|>] [a-z"()]{0,6}\n)?', fullmatch=True)
blanks = st.sampled_from([" ", "\n", " \t", "\r\n", ' ; (not a stanza "\n', "\n;;\n"])


@st.composite
def lists(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    parts = draw(st.lists(inner, max_size=4))
    return "(" + "".join(part + draw(blanks) for part in parts) + ")"


stanzas = st.recursive(lists(words | strings | blocks), lists, max_leaves=8).filter(
    lambda text: text[0] == "("
)
files = st.lists(st.tuples(blanks, stanzas), max_size=5).map(lambda parts: "".join(map("".join, parts)))


def leaves(text: str, nodes: tuple[Node, ...], start: int, end: int) -> list[str]:
    """Everything between ``start`` and ``end`` that is in no node: brackets have to be at the ends of lists."""
    gaps, position = [], start
    for node in nodes:
        gaps.append(text[position : node.start])
        if isinstance(node, Form):
            assert text[node.start] + text[node.end - 1] == "()"
            gaps += leaves(text, node.items, node.start + 1, node.end - 1)
        else:
            assert node.text in text[node.start : node.end]
        position = node.end
    return [*gaps, text[position:end]]


@given(files)
def test_every_byte_is_a_word_a_bracket_or_blank(text: str) -> None:
    forms = read_stanzas(text)
    assert all(BETWEEN.fullmatch(gap) for gap in leaves(text, forms, 0, len(text)))
    assert edited(text, []) == text


@given(st.text(st.characters(max_codepoint=255)))
def test_any_bytes_are_read_or_refused(text: str) -> None:
    try:
        forms = read_stanzas(text)
    except StanzaSyntaxError:
        return
    assert all(BETWEEN.fullmatch(gap) for gap in leaves(text, forms, 0, len(text)))


@given(files, st.data())
def test_taking_a_stanza_out_changes_nothing_else(text: str, data: st.DataObject) -> None:
    forms = read_stanzas(text)
    going = [form for form in forms if data.draw(st.booleans())]
    after = edited(text, [erased(text, form) for form in reversed(going)])
    kept = [form for form in forms if form not in going]
    again = read_stanzas(after)
    assert [after[form.start : form.end] for form in again] == [text[form.start : form.end] for form in kept]
    assert [line_at(after, form.start) for form in again] == [line_at(text, form.start) for form in kept]


def plain(node: Node) -> object:
    return node.text if isinstance(node, Atom) else [plain(item) for item in node.items]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("; nothing\n", []),
        ("(a b)", [["a", "b"]]),
        ('(a "b c" d)', [["a", "b c", "d"]]),
        (r'(a "b \" ) c")', [["a", r"b \" ) c"]]),
        ('(a b"c"d)', [["a", "b", "c", "d"]]),
        ("(copy_files# *.c)", [["copy_files#", "*.c"]]),
        ("(a #;b\n)", [["a", "#"]]),
        ("(a #|b|#)", [["a", "#|b|#"]]),
        ("(a ; b)\n c)", [["a", "c"]]),
        ("(a %{lib:b:c.d} !e -> \\ -- f)", [["a", "%{lib:b:c.d}", "!e", "->", "\\", "--", "f"]]),
        ('(a\n "\\| one ) ( "\n  "\\> two\n b)', [["a", '\\| one ) ( "\n  "\\> two', "b"]]),
        ("(a () (b (c)))", [["a", [], ["b", ["c"]]]]),
    ],
)  # fmt: skip
def test_what_is_read(text: str, expected: object) -> None:
    assert [plain(form) for form in read_stanzas(text)] == expected


@pytest.mark.parametrize(
    "text", ["(", ")", "(a))", "a", "(a) b", '(a "b)', "(\x00)", "(a \xe9)", "(" * 300 + ")" * 300]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(StanzaSyntaxError):
        read_stanzas(text)


def test_edits_in_any_order() -> None:
    assert edited("abcdef", [Edit(4, 5, "E"), Edit(0, 0, "+"), Edit(1, 3, "")]) == "+adEf"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("let () = send {|(a b)|}", [["a", "b"]]),
        ("let () = send @@ {|(a |} ^ flags ^ {| b) (c)|}", [["a", "b"], ["c"]]),
        ("let () = send @@ {s|(a |} b)|s}", [["a", "|}", "b"]]),
        ('let x = "(b)" (* {|(c)|} (* " *) *) and d = \'"\' ;; send {|(a)|}', [["a"]]),
        ("send {|(a)|};; send {|(b)|}", [["a"], ["b"]]),
        ("let one = {|(a|} ;; send (one ^ {| b)|})", None),
        ("let one = {|(a|} in send (one ^ {| b)|})", None),
        ("send ({x|(a |x} ^ b ^ {x| c)|x})", [["a", "c"]]),
        ("send ({x|(a |x} ^ b ^ {| c)|})", None),
        ("send (Printf.sprintf {|(library (public_name %s))|} name)", None),
        ("send ({|(library (public_name |} ^ name ^ {|))|})", None),
        ('send "(library (name a))"', None),
        ("send {|not stanzas|}", None),
        ("send {|(a|}", None),
        ("(* open", None),
    ],
)
def test_programs(program: str, expected: object) -> None:
    """What can be seen of a dune file in OCaml syntax; None where that may not be all."""
    text = f"{OPENING}\n{program}"
    if expected is None:
        with pytest.raises(StanzaSyntaxError):
            read_script(text)
    else:
        forms = read_script(text)
        assert [plain(form) for form in forms] == expected
        assert all(text[form.start] + text[form.end - 1] == "()" for form in forms)
