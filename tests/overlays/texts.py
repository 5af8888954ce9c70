"""Texts of opam files, generated from the grammar."""

from __future__ import annotations

from hypothesis import strategies as st

TRIVIA = st.sampled_from(
    [
        "",
        "",
        " ",
        "\n",
        "  ",
        "\t",
        "\r\n",
        ' # note ] "\n',
        "\n\n\n",
        "(* aside *)",
        " (* a (* b *) ] *) ",
        "#\n",
    ]
)
SPACE = TRIVIA.map(lambda trivia: trivia or " ")

WORDS = st.sampled_from(["a", "os", "with-test", "x-y_z", "_:version", "p+q:v", "build", "post", "4th"])
STRINGS = st.one_of(
    st.sampled_from(
        ['""', '"1.0"', '"a b"', '"\\""', '"\\\\"', '"[{("', '"# no"', '"(* no"', '"é"', '"%{x}%"']
    ),
    st.sampled_from(['"""x"""', '"""a "b" \\""" c"""', '"""\n[\n"""']),
)
NUMBERS = st.sampled_from(["0", "42", "-1", "1_000"])
ATOMS = st.one_of(STRINGS, STRINGS, WORDS, NUMBERS, st.sampled_from(["true", "false"]))
RELATIONS = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "~"])
UPDATES = st.sampled_from(["+=", "=+", ":=", "=:", "=+="])


def _join(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def _several(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(_join(values, SPACE), max_size=4).map("".join)


def _grow(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        _join(st.just("["), SPACE, _several(values), st.just("]")),
        _join(st.just("("), SPACE, _several(values), st.just(")")),
        _join(values, TRIVIA, st.just("{"), SPACE, _several(values), st.just("}")),
        _join(values, SPACE, st.sampled_from(["&", "|"]), SPACE, values),
        _join(st.sampled_from(["!", "?"]), SPACE, values),
    )


VALUES = st.recursive(
    st.one_of(
        ATOMS,
        _join(ATOMS, SPACE, RELATIONS, SPACE, ATOMS),
        _join(RELATIONS, SPACE, ATOMS),
        _join(ATOMS, SPACE, UPDATES, SPACE, ATOMS),
    ),
    _grow,
    max_leaves=12,
)

_FIELD_NAMES = st.integers(0, 999).map(lambda number: f"x-f{number}")
FIELDS = _join(TRIVIA, _FIELD_NAMES, TRIVIA, st.just(":"), SPACE, VALUES, SPACE)
SECTIONS = _join(
    TRIVIA,
    st.sampled_from(["url", "extra-source"]),
    SPACE,
    st.one_of(st.just(""), _join(STRINGS, TRIVIA)),
    st.just("{"),
    SPACE,
    st.lists(FIELDS, max_size=3).map("".join),
    st.just("}"),
)
FILES = _join(st.lists(st.one_of(FIELDS, FIELDS, SECTIONS), max_size=5).map("".join), TRIVIA)

_NAMES = st.sampled_from(['"a"', '"dune"', '"lwt_ppx"', '"c++"'])
_TERMS = st.one_of(
    st.sampled_from(["with-test", "build", "true", "os", "?monorepo", "!build", "false"]),
    _join(RELATIONS, TRIVIA, st.sampled_from(['"1.0"', '"v0.9~x"', "version", '"\\""', '"}"'])),
    _join(st.just("os"), SPACE, st.sampled_from(["=", "!="]), st.just(' "linux"')),
)
CONDITIONS = st.recursive(
    _TERMS,
    lambda inner: st.one_of(
        _join(inner, TRIVIA, st.sampled_from(["&", "|"]), TRIVIA, inner),
        _join(st.just("( "), inner, TRIVIA, st.just(")")),
        _join(st.just("!( "), inner, st.just(")")),
        _join(inner, SPACE, inner),
    ),
    max_leaves=5,
)
"""What the braces of a dependency may hold."""

_PACKAGES = st.one_of(
    _NAMES,
    _join(_NAMES, TRIVIA, st.just("{"), TRIVIA, st.one_of(CONDITIONS, st.just("")), TRIVIA, st.just("}")),
)
_FORMULAS = st.recursive(
    _PACKAGES,
    lambda inner: st.one_of(
        _join(inner, SPACE, st.sampled_from(["&", "|"]), TRIVIA, inner),
        _join(st.just("( "), st.lists(_join(inner, SPACE), max_size=3).map("".join), st.just(")")),
    ),
    max_leaves=6,
)
FORMULAS = st.one_of(
    _join(st.just("["), TRIVIA, st.lists(_join(_FORMULAS, SPACE), max_size=4).map("".join), st.just("]")),
    _FORMULAS,
)
"""What ``depends`` may hold."""

MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.sampled_from(["", '"""', "(*", *"[](){}\"'\\#*:&|!?=<>+~, \n\rax0_-%é\0"]),
    ),
    min_size=1,
    max_size=6,
)


def mutated(text: str, mutations: list[tuple[int, str]]) -> str:
    for place, new in mutations:
        at = place % (len(text) + 1)
        text = text[:at] + new + text[at + (place % 2) :]
    return text
