"""Every form of opam's general syntax, and what is wrong with texts that have none."""

from __future__ import annotations

import pytest

from overlays.errors import OpamSyntaxError
from overlays.opam_file import OpamFile, read_package
from overlays.syntax.outline import split_items
from overlays.syntax.parser import DEEPEST, parse_items, parse_value
from overlays.syntax.tokens import Malformed
from overlays.syntax.tree import (
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
    print_value,
)


def shape(value: Value) -> object:
    """A tree without its tokens, easy to write down."""
    match value:
        case String():
            return value.text
        case Identifier():
            return (value.name,)
        case Integer():
            return int(value.text)
        case Boolean():
            return value.truth
        case List(_, values, _):
            return ["list", *map(shape, values)]
        case Group(_, values, _):
            return ["group", *map(shape, values)]
        case Option(inner, _, values, _):
            return ["option", shape(inner), *map(shape, values)]
        case Comparison(left, sign, right) | Update(left, sign, right):
            return [sign.text, *([] if left is None else [shape(left)]), shape(right)]
        case Prefixed(sign, inner):
            return [sign.text, shape(inner)]
        case Joined(parts, signs):
            return [signs[0].text, *map(shape, parts)]
    raise AssertionError(value)


VALUES = {
    "true": True,
    "false": False,
    "42": 42,
    "-1_000": -1000,
    "os": ("os",),
    "with-test": ("with-test",),
    "_:version": ("_:version",),
    "lwt:installed": ("lwt:installed",),
    "a+b+_:enable": ("a+b+_:enable",),
    "4you": ("4you",),
    '""': "",
    '"plain"': "plain",
    '"a \\"quoted\\" \\\\ \\n\\t\\r\\b\\ \\\'"': 'a "quoted" \\ \n\t\r\b \'',
    '"\\065\\x42"': "AB",
    '"\\195\\169"': "é",
    '"over \\\n   two lines"': "over two lines",
    '"over \\\r\n\t two lines"': "over two lines",
    '"kept\nas it is"': "kept\nas it is",
    '"""triple "quoted" ""text"""': 'triple "quoted" ""text',
    '"""\nlines\n"""': "\nlines\n",
    '"""a \\""" b"""': 'a """ b',
    "[]": ["list"],
    '[ "a" [ b ] ]': ["list", "a", ["list", ("b",)]],
    '("a" "b")': ["group", "a", "b"],
    '"a" {build}': ["option", "a", ("build",)],
    '"a" {}': ["option", "a"],
    '"a" {b} {c}': ["option", ["option", "a", ("b",)], ("c",)],
    '"a" {>= "1" & < "2"}': ["option", "a", ["&", [">=", "1"], ["<", "2"]]],
    '"a" {= version}': ["option", "a", ["=", ("version",)]],
    '"a" & "b" | "c" & "d"': ["|", ["&", "a", "b"], ["&", "c", "d"]],
    "a | b | c": ["|", ("a",), ("b",), ("c",)],
    "!a & b": ["&", ["!", ("a",)], ("b",)],
    "!a = b": ["!", ["=", ("a",), ("b",)]],
    "!!?a": ["!", ["!", ["?", ("a",)]]],
    "!a {b}": ["!", ["option", ("a",), ("b",)]],
    '!(os = "win32")': ["!", ["group", ["=", ("os",), "win32"]]],
    'a != "b" {c}': ["option", ["!=", ("a",), "b"], ("c",)],
    '~ "1.0"': ["~", "1.0"],
    '[PATH += "bin"]': ["list", ["+=", ("PATH",), "bin"]],
    'A =+ "b"': ["=+", ("A",), "b"],
    'A := "b"': [":=", ("A",), "b"],
    'A =: "b"': ["=:", ("A",), "b"],
    'A =+= "b"': ["=+=", ("A",), "b"],
    '[ # not "this"\n "a" (* nor (* "that" *) "this" *) "b" ]': ["list", "a", "b"],
}


@pytest.mark.parametrize("text", VALUES)
def test_a_value_is_read_and_printed_back(text: str) -> None:
    value = parse_value(text)
    assert shape(value) == VALUES[text]
    assert print_value(value) == text


@pytest.mark.parametrize("text", VALUES)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", " # comment", "\n\n\n(* more (* comments *) *)\n"])
def test_a_field_is_found_whatever_surrounds_it(text: str, end: str) -> None:
    for whole in (f"x-field: {text}{end}", f'a: "b"\n\n# c\nx-field :\n{text}{end}'):
        file = OpamFile.parse(whole)
        assert file.raw("x-field") == text
        value = file.field("x-field")
        assert value is not None and shape(value) == VALUES[text]
        assert str(file) == whole
        assert split_items(whole) == parse_items(whole)


FILES = [
    "",
    "\n\n# nothing but a comment",
    'opam-version: "2.0"',
    'opam-version: "2.0"\r\nname: "a"\r\n',
    'a: "x"b: "y"',
    'url { src: "u" checksum: ["md5=00"] }\nbuild: []',
    'extra-source "one.patch" {\n  src: "u" # where\n}\nextra-source "two.patch"{src:"v"}',
    "url{}",
    "outer { inner { deepest: [ 1 ] } after: true }",
    "available: os != \"win32\" | !(arch = 'x')\n".replace("'", '"'),
    "x+y: 1\nz: 2",
    "a: [[[[[[[[1]]]]]]]] b: 2",
    'descr: """\n[ not a bracket { # nor a comment\n"""\nb: ")"',
    "available: a:b & c\nd: 1",
]


@pytest.mark.parametrize("text", FILES)
def test_a_file_is_printed_back(text: str) -> None:
    file = OpamFile.parse(text)
    file.check()
    assert str(file) == text
    assert split_items(text) == parse_items(text)


MALFORMED = {
    'a: "open': (1, 4, "this string is never closed"),
    'a: """open"': (1, 4, "this string is never closed"),
    'ok: 1\na: (* open "': (2, 4, "this comment is never closed"),
    "ok: 1\n\na: [": (3, 5, "expected a value, found the end"),
    "a: [ 1": (1, 7, "expected a value, found the end"),
    "a: [ 1 )": (1, 8, "expected a value, found ')'"),
    "a: ]": (1, 4, "expected a value, found ']'"),
    "a: 1 ]": (1, 6, "expected the name of a field or section, found ']'"),
    "a 1": (1, 3, "expected ':' or '{', found '1'"),
    "a": (1, 2, "expected ':' or '{', found the end"),
    "a:": (1, 3, "expected a value, found the end"),
    "a: &": (1, 4, "expected a value, found '&'"),
    "a: 1 & b:": (1, 9, "expected the name of a field or section, found ':'"),
    'a: ["b" {>= 1.10~rc1}]': (1, 14, '1.10~rc1 wants quotes, as every version: "1.10~rc1"'),
    "a: $": (1, 4, "'$' begins nothing that opam files know"),
    "a: 1\rb: 2": (1, 5, "'\\r' begins nothing that opam files know"),
    "\ufeffa: 1": (1, 1, "'\\ufeff' begins nothing that opam files know"),
    "true: 1": (1, 1, "expected the name of a field or section, found 'true'"),
    "s { a: 1": (1, 9, "expected the name of a field or section, found the end"),
    "s 1 {}": (1, 3, "expected ':' or '{', found '1'"),
    'a: "\\q"': (1, 5, "\\q is no escape that opam files know"),
    'a: "\\256"': (1, 5, "\\256 is no escape that opam files know"),
    'a: "\\255"': (1, 4, "the escapes of this string do not add up to UTF-8"),
    "a: 1\nb: 2\na: 3": (3, 1, 'there is a second field "a"'),
    "a: (1 = 2) = 3": (1, 12, "expected the end of the value, found '='"),
    "a: " + "[" * (DEEPEST + 1): (1, DEEPEST + 4, f"values nest more than {DEEPEST} deep"),
    "a: " + "!" * (DEEPEST + 1): (1, DEEPEST + 4, f"values nest more than {DEEPEST} deep"),
    "a: 1" + "{}" * (DEEPEST + 1): (1, 2 * DEEPEST + 5, f"values nest more than {DEEPEST} deep"),
    "a {" * (DEEPEST + 1): (1, 3 * DEEPEST + 3, f"values nest more than {DEEPEST} deep"),
    "a: " + "(" * 100_000: (1, DEEPEST + 4, f"values nest more than {DEEPEST} deep"),
}


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: text[:20])
def test_what_is_wrong_is_told_with_its_place(text: str) -> None:
    with pytest.raises(OpamSyntaxError) as caught:
        OpamFile.parse(text, "some/opam").check()
    error = caught.value
    assert (error.line, error.column, error.reason) == MALFORMED[text]
    assert error.place == "some/opam"
    assert error.source_line == text.split("\n")[error.line - 1]
    assert str(error).startswith(f"some/opam:{error.line}:{error.column}: ")


def test_a_label_with_a_wrong_escape_is_told() -> None:
    file = OpamFile.parse('a: 1\nextra-source "x\\q" { src: "u" }')
    with pytest.raises(OpamSyntaxError) as caught:
        file.sections("extra-source")
    assert (caught.value.line, caught.value.column) == (2, 16)


def test_a_second_section_where_one_is_meant_is_told() -> None:
    file = OpamFile.parse('url { src: "a" }\nurl { src: "b" }')
    with pytest.raises(OpamSyntaxError) as caught:
        file.section("url")
    assert (caught.value.line, caught.value.reason) == (2, 'there is a second section "url"')


def test_a_value_alone_ends_where_it_ends() -> None:
    with pytest.raises(Malformed) as caught:
        parse_value('"a" "b"')
    assert (caught.value.offset, caught.value.reason) == (4, "expected the end of the value, found '\"b\"'")


HOSTILE = {
    "an open list of strings": "a: [" + '"x" ' * 20_000,
    "an open list of triple strings": "a: [" + '"""x""" ' * 20_000,
    "an open list of comments": "a: [" + "#\n" * 20_000,
    "open groups in lists": "a: " + "[ (" * 20 + '"x" # y\n' * 2_000,
    "an open section": "url {" + 'a: ["x" {>= "1"}]\n' * 5_000,
    "an open string of escapes": 'a: "' + "\\n" * 20_000,
    "an open triple string of quotes": 'a: """' + '""x' * 20_000,
    "options without end": "a: b" + " {c}" * 20_000 + " {",
    "operators without end": "a: b" + " & c" * 20_000 + " &",
    "prefixes without end": "a: " + "! " * 20_000,
    "digits": "1" * 50_000,
    "plus signs": "a: b" + "+c" * 20_000 + "+",
    "blanks before nothing": "a" + " " * 50_000 + "b",
    "open comments": "(*" * 20_000,
    "a formula that never ends": 'depends: ["a" {' + '>= "1" & ' * 20_000 + "}]",
    "groups in a formula": "depends: [" + "(" * 30 + '"a" {b} ' * 5_000 + "]",
    "conditions in a formula": "depends: [" + '"a" {>= "1"} | ' * 5_000 + "!]",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_texts_are_refused_quickly(what: str) -> None:
    with pytest.raises(OpamSyntaxError):
        file = OpamFile.parse(HOSTILE[what])
        file.check()
        read_package(file, "p", "1")
