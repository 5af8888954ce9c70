"""The context format: written and read back, checked against its schema, and refused where damaged."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.certificate import Package, Source
from builder.context import (
    Check,
    Companion,
    Context,
    Dune,
    Inputs,
    Project,
    Sandbox,
    Step,
    Toolchain,
    parse,
    read_context,
    render,
)
from builder.errors import ContextError
from tests.builder.projects import make_context, write_project
from tests.support.places import ROOT

SCHEMA = json.loads((ROOT / "docs" / "context.schema.json").read_text(encoding="utf-8"))

WORD = st.text('abcXYZ09-_.@%{}"\\ é', min_size=1, max_size=8)
NAME = st.text("abcxyz09-", min_size=1, max_size=8).filter(lambda name: name[0] != "-")
PATHS = st.lists(NAME, min_size=1, max_size=3).map("/".join)
PLACE = NAME.map(lambda name: f"/{name}")
VERSION = st.none() | st.from_regex(r"[0-9]+(\.[0-9]+){0,2}", fullmatch=True).filter(str.isascii)
DIGEST = st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda digits: f"sha256:{digits}")


def words(element: st.SearchStrategy[str] = WORD) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(element, max_size=3).map(tuple)


def pairs(
    keys: st.SearchStrategy[str], values: st.SearchStrategy[str]
) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    return st.dictionaries(keys, values, max_size=3).map(lambda table: tuple(table.items()))


JOINS = st.sampled_from(["all", "any"])
RELATION = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
BOUND = st.recursive(
    st.tuples(RELATION, WORD).map(list),
    lambda part: st.builds(lambda kind, parts: {kind: parts}, JOINS, st.lists(part, max_size=2)),
    max_leaves=3,
)
LEAF = st.one_of(
    st.builds(lambda name: {"package": name}, WORD),
    st.builds(lambda name, bound: {"package": name, "version": bound}, WORD, BOUND),
)
NEED = st.recursive(
    LEAF,
    lambda part: st.builds(lambda kind, parts: {kind: parts}, JOINS, st.lists(part, max_size=2)),
    max_leaves=4,
)
NEEDS = st.lists(NEED, max_size=2).map(tuple)

PACKAGE = st.builds(
    Package,
    name=WORD,
    version=WORD,
    needs=NEEDS,
    refuses=NEEDS,
    classes=words(),
    repository=st.none() | WORD,
    port_of=st.none() | WORD,
    licences=words(),
    source=st.none() | st.builds(Source, PATHS, WORD, words(), st.none() | WORD),
)

CONTEXTS = st.builds(
    Context,
    project=st.builds(Project, name=WORD, folder=st.just("../.."), packages=words(NAME)),
    target=NAME,
    description=WORD,
    toolchain=st.builds(Toolchain, st.none() | NAME, VERSION, VERSION, words(NAME), words(NAME), words(NAME)),
    dune=st.builds(Dune, context=NAME, workspace=PATHS, arguments=words(), docs=words()),
    environment=pairs(st.text("ABC_", min_size=1, max_size=5), WORD),
    inputs=st.builds(
        Inputs,
        files=pairs(PATHS, DIGEST),
        folders=pairs(PATHS, DIGEST),
        closed=words(NAME),
        moved=pairs(PATHS, PATHS),
        hidden=words(PATHS),
    ),
    artefacts=st.lists(PATHS, min_size=1, max_size=3).map(tuple),
    checks=st.lists(st.builds(Check, NAME, words(), WORD), max_size=2).map(tuple),
    sandbox=st.builds(Sandbox, PLACE, PLACE, PLACE),
    locked=st.lists(PACKAGE, max_size=2).map(tuple),
    asked=NEEDS,
    steps=st.lists(st.builds(Step, NAME, words(), NAME), max_size=2).map(tuple),
    companions=st.lists(
        st.builds(Companion, NAME, text=WORD) | st.builds(Companion, NAME, file=PATHS), max_size=2
    ).map(tuple),
)


@settings(max_examples=40)
@given(CONTEXTS)
def test_what_is_written_is_read_back(context: Context) -> None:
    text = render(context)
    assert parse(text) == context
    jsonschema.validate(json.loads(text), SCHEMA)


def _keys(schema: dict[str, Any]) -> Iterator[str]:
    for key, inner in schema.get("properties", {}).items():
        yield key
        yield from _keys(inner)
        yield from _keys(inner.get("items", {}))


def test_every_key_of_the_schema_is_in_the_document() -> None:
    document = (ROOT / "docs" / "context-format.md").read_text(encoding="utf-8")
    assert [key for key in _keys(SCHEMA) if not re.search(rf'[`".]{re.escape(key)}[`"]', document)] == []


def _set(document: dict[str, Any], path: str, value: object) -> None:
    *folders, last = path.split("/")
    for folder in folders:
        document = document[int(folder) if isinstance(document, list) else folder]
    document[last] = value


DAMAGES: dict[str, tuple[str, object, str]] = {
    "another format": ("format", "other", "not a context"),
    "another version": ("version", 2, "version 2 of the format; this builder reads 3"),
    "a source outside": ("locked/0/source/folder", "/etc", "not a path below"),
    "an unknown key of a source": ("locked/0/source/speed", 3, 'unknown key "speed"'),
    "an unknown key": ("speed", 3, 'unknown key "speed"'),
    "an unknown key below": ("dune/speed", 3, 'unknown key "speed"'),
    "a number for a text": ("target/name", 3, "must be a text, not 3"),
    "a text for a list": ("artefacts", "x", "must be a list"),
    "a list for a table": ("inputs", [], "must be an object"),
    "an input outside": ("inputs/files", {"../secret": "sha256:0"}, "not a path below"),
    "an absolute input": ("inputs/folders", {"/etc": "sha256:0"}, "not a path below"),
    "no artefacts": ("artefacts", [], "expects no artefact"),
    "an artefact outside": ("artefacts", ["../*"], "not a path below"),
    "a step into a folder": (
        "steps",
        [{"tool": "cp", "arguments": [], "output": "a/b"}],
        "not the name of a file",
    ),
    "a step that leads out": (
        "steps",
        [{"tool": "cp", "arguments": [], "output": ".."}],
        "not a path below",
    ),
    "a companion in a folder": ("companions", [{"name": "a/b", "text": ""}], "not the name of a file"),
    "a companion from outside": ("companions", [{"name": "a", "file": "../secret"}], "not a path below"),
    "a companion of two minds": (
        "companions",
        [{"name": "a", "text": "", "file": "a"}],
        'unknown key "text"',
    ),
    "a companion of nothing": ("companions", [{"name": "a"}], 'lacks "text"'),
    "a workspace outside": ("dune/workspace", "../dune-workspace", "not a path below"),
    "a relative place": ("sandbox/build", "build", "not an absolute path"),
    "the root as a place": ("sandbox/build", "/", "not an absolute path"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_refuses(damage: str, tmp_path: Path) -> None:
    path, value, reason = DAMAGES[damage]
    folder = write_project(tmp_path)
    document = json.loads((folder / "context.json").read_text(encoding="utf-8"))
    _set(document, path, value)
    (folder / "context.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ContextError, match=reason) as caught:
        read_context(folder)
    assert caught.value.place.startswith(str(folder / "context.json"))
    assert caught.value.hint
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_refuses_each_missing_key(tmp_path: Path) -> None:
    write_project(tmp_path)
    document = json.loads(render(make_context(tmp_path)))
    for key in document:
        damaged = {name: value for name, value in document.items() if name != key}
        with pytest.raises(ContextError):
            parse(json.dumps(damaged))
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(damaged, SCHEMA)


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "not JSON"), ("[" * 100_000, "not JSON"), ("3", "must be an object")]
)
def test_refuses_what_is_no_document(text: str, reason: str) -> None:
    with pytest.raises(ContextError, match=reason):
        parse(text)


def test_an_absent_context(tmp_path: Path) -> None:
    with pytest.raises(ContextError, match="there is no context here"):
        read_context(tmp_path)


def test_a_context_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "context.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ContextError, match="cannot be read"):
        read_context(tmp_path)
