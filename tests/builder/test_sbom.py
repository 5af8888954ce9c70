"""Bills of materials are valid CycloneDX, say what they should, and are the same bytes every time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st

from builder.artefacts import Artefact
from builder.certificate import Package, Source
from builder.context import Context
from builder.digest import file_digest
from builder.linked import Contents
from builder.sbom import render_sbom
from tests.builder.projects import make_context, write_project

ROOT = Path(__file__).parents[2]
ARCHIVE = Source(
    "duniverse/greet",
    "https://example.org/greet.tbz",
    (f"md5={'1' * 32}", f"sha256={'2' * 64}", f"sha512={'3' * 128}"),
)
PACKAGES = (
    Package("greet", "1.0", licences=("ISC",), repository="overlay", port_of="opam", source=ARCHIVE),
    Package(
        *("pinned", "dev", ({"any": [{"package": "greet"}, {"package": "absent"}]},)),
        licences=("LGPL-2.1-only WITH OCaml-LGPL-linking-exception",),
        source=Source("duniverse/pinned", "git+https://example.org/pinned.git", (), "a" * 40),
    ),
    Package("ocaml-base-compiler", "5.4.1", licences=("LGPL-2.1-only", "Public domain")),
)


def bill(tmp_path: Path, packages: tuple[Package, ...] = PACKAGES, *, known: bool = True) -> dict[str, Any]:
    """The valid bill of materials of /bin/sh, if it were made of these packages."""
    text = text_of(tmp_path, packages, known=known)
    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert errors is None
    document: dict[str, Any] = json.loads(text)
    return document


def text_of(tmp_path: Path, packages: tuple[Package, ...] = PACKAGES, *, known: bool = True) -> str:
    context = _context(tmp_path, packages)
    program = Path("/bin/sh")
    artefact = Artefact("hello", program, "install/default/bin/hello", 0, file_digest(program))
    return render_sbom(artefact, Contents(packages, known), context)


def _context(tmp_path: Path, packages: tuple[Package, ...]) -> Context:
    context = make_context(write_project(tmp_path).parents[1])
    root = Package("hello", "1.2", ({"package": "pinned"},), licences=("ISC", "MIT"))
    return replace(context, locked=(*packages, root))


def components(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {component["name"]: component for component in document["components"]}


def test_what_it_says(tmp_path: Path) -> None:
    document = bill(tmp_path)
    subject = document["metadata"]["component"]
    assert (subject["name"], subject["version"], subject["type"]) == ("hello", "1.2", "application")
    assert subject["hashes"] == [{"alg": "SHA-256", "content": file_digest(Path("/bin/sh"))[7:]}]
    assert [each["license"]["id"] for each in subject["licenses"]] == ["ISC", "MIT"]
    parts = components(document)
    assert {"greet", "pinned", "ocaml-base-compiler", "libc.so.6"} == parts.keys()
    greet = parts["greet"]
    assert (greet["version"], greet["purl"]) == ("1.0", "pkg:opam/greet@1.0")
    [origin] = greet["externalReferences"]
    assert (origin["type"], origin["url"]) == ("distribution", ARCHIVE.url)
    assert [each["alg"] for each in origin["hashes"]] == ["MD5", "SHA-256", "SHA-512"]
    told = {each["name"]: each["value"] for each in greet["properties"]}
    assert told.keys() == {"mono:folder", "mono:tree", "mono:repository", "mono:port-of"}
    assert told["mono:tree"].startswith("sha256:")
    [origin] = parts["pinned"]["externalReferences"]
    assert (origin["type"], origin["comment"]) == ("vcs", f"commit {'a' * 40}")


def test_licences_as_identifiers_expressions_and_names(tmp_path: Path) -> None:
    parts = components(bill(tmp_path))
    assert parts["greet"]["licenses"] == [{"license": {"id": "ISC"}}]
    expression = "LGPL-2.1-only WITH OCaml-LGPL-linking-exception"
    assert parts["pinned"]["licenses"] == [{"expression": expression}]
    several = [{"license": {"id": "LGPL-2.1-only"}}, {"license": {"name": "Public domain"}}]
    assert parts["ocaml-base-compiler"]["licenses"] == several


def test_what_depends_on_what(tmp_path: Path) -> None:
    graph = {each["ref"]: each.get("dependsOn", []) for each in bill(tmp_path)["dependencies"]}
    assert graph["hello"] == ["ocaml-base-compiler", "pinned", "shared libc.so.6"]
    assert graph["pinned"] == ["greet"]
    assert graph["greet"] == []


def test_it_says_when_it_does_not_know(tmp_path: Path) -> None:
    for known, expected in ((True, "known"), (False, "unknown, so all that was locked is listed")):
        [linked] = [
            each["value"]
            for each in bill(tmp_path, known=known)["metadata"]["component"]["properties"]
            if each["name"] == "mono:linked"
        ]
        assert linked == expected


LICENCE = st.sampled_from(
    ["MIT", "BSD-3-clause", "GPL", "CC0-1.0+", "MIT & ISC", "(MIT OR ISC)", " Apache-2.0", "?"]
)


@given(st.lists(LICENCE, max_size=3, unique=True))
def test_whatever_licences_there_are_it_is_valid(
    tmp_path_factory: pytest.TempPathFactory, licences: list[str]
) -> None:
    package = Package("greet", "1.0", licences=tuple(licences), source=ARCHIVE)
    bill(tmp_path_factory.mktemp("project"), (package,))


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    """In other processes, which have other hashes, clocks and orders of sets."""
    program = (
        "from pathlib import Path; from tests.builder.test_sbom import text_of; print(text_of(Path('{}')))"
    )
    texts = {
        subprocess.check_output(
            [sys.executable, "-c", program.format(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC+{seed}", "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert b'"timestamp": "1980-01-01T00:00:00+00:00"' in texts.pop()
