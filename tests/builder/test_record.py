"""Build records have the published shape of in-toto and SLSA, and what is read of them is what was written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

from builder.artefacts import Artefact
from builder.errors import RecordError
from builder.record import Record, dependencies_of, read_record, record_document, render_record
from builder.toolchain import Installation, Tool
from tests.builder.projects import make_context, write_project

DIGEST = "sha256:" + "a" * 64
TOOLS = (
    Tool("dune", "/usr/bin/dune", "3.17.2", DIGEST),
    Tool("ocamlfind", "/usr/bin/ocamlfind", "", DIGEST),
)


def make_record(folder: Path) -> Record:
    context = make_context(write_project(folder).parents[1])
    installation = Installation(
        TOOLS,
        (("/lib/ocaml", DIGEST),),
        (("/lib/crt1.o", DIGEST),),
        (),
        ("/lib/ocaml", "/lib/ocaml"),
        "/bin",
        None,
    )
    own = (("bin", DIGEST, "monoTree"), ("dune-project", DIGEST, "sha256"))
    return Record(
        context=context,
        installation=installation,
        dependencies=dependencies_of(context, DIGEST, own, installation),  # type: ignore[arg-type]
        sandboxed=True,
        jobs=2,
        artefacts=(
            Artefact("hello", folder / "hello", "install/default/bin/hello", 7, DIGEST, stripped=True),
        ),
        boms=(("sbom/hello.cdx.json", DIGEST),),
        reproduced=True,
        began=1787000000.5,
        ended=1787000004.9,
        durations={"inputs": 0.1, "dune": 4.0},
    )


def require_published_shape(document: dict[str, Any]) -> None:
    """A statement of in-toto with SLSA's provenance, in which only names of ours extend what is published."""
    Statement.copy_from_pb(ParseDict(document, statement_pb2.Statement())).validate()
    predicate = json.loads(json.dumps(document["predicate"]))
    metadata = predicate["runDetails"]["metadata"]
    for name in [name for name in metadata if "_" in name]:
        assert name.startswith("mono_")
        del metadata[name]
    provenance = ParseDict(predicate, provenance_pb2.Provenance())
    assert provenance.build_definition.build_type
    assert provenance.run_details.builder.id
    described = (*provenance.build_definition.resolved_dependencies, *provenance.run_details.byproducts)
    for descriptor in described:
        ResourceDescriptor.copy_from_pb(descriptor).validate()
        assert descriptor.digest


def test_the_published_shape(tmp_path: Path) -> None:
    require_published_shape(record_document(make_record(tmp_path)))


def test_all_but_one_part_follows_from_what_was_built(tmp_path: Path) -> None:
    record = make_record(tmp_path)
    one = record_document(record)
    other = record_document(replace(record, began=1.0, ended=9.0, durations={}, reproduced=None))
    assert one != other
    for document in (one, other):
        del document["predicate"]["runDetails"]["metadata"]  # type: ignore[index]
    assert one == other


def test_moments_are_of_no_time_zone(tmp_path: Path) -> None:
    metadata = record_document(make_record(tmp_path))["predicate"]["runDetails"]["metadata"]  # type: ignore[index]
    assert (metadata["startedOn"], metadata["finishedOn"]) == ("2026-08-17T20:53:20Z", "2026-08-17T20:53:24Z")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    record = make_record(tmp_path)
    path = tmp_path / "build-record.json"
    path.write_text(render_record(record), encoding="utf-8")
    recorded = read_record(path)
    assert (recorded.project, recorded.target, recorded.sandboxed) == ("hello", "host", True)
    assert recorded.artefacts == {"hello": DIGEST}
    assert recorded.boms == {"sbom/hello.cdx.json": DIGEST}
    assert recorded.dependencies.keys() == {
        ("context", "contexts/host/context.json"),
        ("input", "contexts/host/dune-workspace"),
        ("input", "duniverse/dune"),
        ("input", "mono.lock"),
        ("input", "duniverse/greet"),
        ("project", "bin"),
        ("project", "dune-project"),
        ("tool", "dune"),
        ("tool", "ocamlfind"),
        ("library", "/lib/ocaml"),
        ("linker", "/lib/crt1.o"),
    }
    assert set(recorded.dependencies.values()) > {"a" * 64}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no record"),
        ("{}", "is no record"),
        ("[" * 100_000, "is no record"),
        ('{"format": "mono-build-record", "version": 1}', "is no record"),
        (None, "cannot be read"),
    ],
)
def test_refuses(text: str | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=reason) as caught:
        read_record(path)
    assert caught.value.place == str(path)
    assert caught.value.hint


@pytest.mark.parametrize("lost", ["subject", "predicate", "predicateType"])
def test_refuses_a_damaged_one(lost: str, tmp_path: Path) -> None:
    document = record_document(make_record(tmp_path))
    del document[lost]
    (tmp_path / "record.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(RecordError, match="is no record"):
        read_record(tmp_path / "record.json")


def test_refuses_anothers_provenance(tmp_path: Path) -> None:
    document = record_document(make_record(tmp_path))
    document["predicate"]["buildDefinition"]["buildType"] = "https://example.org/build/v1"  # type: ignore[index]
    (tmp_path / "record.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(RecordError, match=r"of another kind: https://example\.org/build/v1"):
        read_record(tmp_path / "record.json")
