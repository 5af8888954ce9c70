"""The build record: what went in and what came out, as a statement of in-toto with SLSA's provenance.

Formats: https://in-toto.io/Statement/v1, https://slsa.dev/provenance/v1; what they leave open is in
docs/context-format.md. All but ``runDetails.metadata`` follows from the inputs, the machine's tools and the
options alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from builder import __version__
from builder.artefacts import Artefact
from builder.context import FILE_NAME as CONTEXT
from builder.context import Context
from builder.errors import RecordError
from builder.inputs import Algorithm
from builder.toolchain import Installation, Tool

FILE_NAME = "build-record.json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:mono-build:record:2"

Kind: TypeAlias = Literal["context", "input", "project", "tool", "library", "linker"]
Identity: TypeAlias = tuple[str, str]
"""Kind and name of a dependency."""

Row: TypeAlias = "dict[str, object]"


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that a build was made with, by digest.

    Args:
        kind: the context itself; an input that it names; an entry at the top of the project's own sources; a
            program; a folder of the compilers' libraries; a file that linkers take or run.
        name: a path from the project, the name of a program, or a path of the machine.
        digest: hex digits, by ``algorithm`` (docs/context-format.md, "Digests").
        further: what else is told of it.
    """

    kind: Kind
    name: str
    digest: str
    algorithm: Algorithm = "sha256"
    further: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One build.

    Args:
        dependencies: what it was made with, in the order of the record.
        sandboxed: whether it was built in a sandbox.
        artefacts: sorted by name.
        boms: bills of materials, by path from the context's folder, with their digests.
        reproduced: whether a second build gave the same bytes; None where there was none.
        began, ended: by the clock, in seconds since 1970; durations: seconds by step, in order.
    """

    context: Context
    installation: Installation
    dependencies: tuple[Dependency, ...]
    sandboxed: bool
    jobs: int | None
    artefacts: tuple[Artefact, ...]
    boms: tuple[tuple[str, str], ...]
    reproduced: bool | None
    began: float
    ended: float
    durations: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was read of a record.

    Args:
        version: of the builder.
        reproduced: whether it was built twice.
        artefacts: digests by name; boms: by path from the context's folder.
        dependencies: hex digits by kind and name.
    """

    project: str
    target: str
    sandboxed: bool
    version: str
    reproduced: bool
    artefacts: Mapping[str, str]
    dependencies: Mapping[Identity, str]
    boms: Mapping[str, str]


def dependencies_of(
    context: Context,
    context_digest: str,
    own: Sequence[tuple[str, str, Algorithm]],
    installation: Installation,
) -> tuple[Dependency, ...]:
    """All that a build is made with; ``own`` are the project's own sources by name."""
    return (
        Dependency("context", f"{_folder(context)}/{CONTEXT}", context_digest),
        *(Dependency("input", path, digest) for path, digest in context.inputs.files),
        *(Dependency("input", path, digest, "monoTree") for path, digest in context.inputs.folders),
        *(Dependency("project", name, digest, algorithm) for name, digest, algorithm in own),
        *(Dependency("tool", tool.name, tool.digest, further=_told(tool)) for tool in installation.tools),
        *(Dependency("library", folder, digest, "monoFiles") for folder, digest in installation.libraries),
        *(Dependency("linker", path, digest) for path, digest in installation.files),
    )


def _told(tool: Tool) -> tuple[tuple[str, str], ...]:
    return (("path", tool.path), *((("version", tool.version),) if tool.version else ()))


def render_record(record: Record) -> str:
    """The text of build-record.json."""
    return json.dumps(record_document(record), indent=2, ensure_ascii=False) + "\n"


def record_document(record: Record) -> Row:
    """The record as JSON has it."""
    context = record.context
    return {
        "_type": STATEMENT,
        "subject": [_subject(artefact) for artefact in record.artefacts],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "project": context.project.name,
                    "target": context.target,
                    "context": _folder(context),
                },
                "internalParameters": {
                    "sandbox": "bubblewrap" if record.sandboxed else "none",
                    "paths": "fixed" if record.sandboxed else "mapped",
                    **({} if record.jobs is None else {"jobs": record.jobs}),
                },
                "resolvedDependencies": [_descriptor(each) for each in record.dependencies],
            },
            "runDetails": {
                "builder": {
                    "id": f"urn:mono-build:builder:{'sandboxed' if record.sandboxed else 'plain'}",
                    "version": {"mono-build": __version__},
                },
                "metadata": {
                    "startedOn": _moment(record.began),
                    "finishedOn": _moment(record.ended),
                    "mono_durations": dict(record.durations),
                    **({} if record.reproduced is None else {"mono_reproduced": record.reproduced}),
                },
                "byproducts": [
                    {
                        "name": path,
                        "digest": {"sha256": digest.removeprefix("sha256:")},
                        "mediaType": "application/vnd.cyclonedx+json",
                    }
                    for path, digest in record.boms
                ],
            },
        },
    }


def _folder(context: Context) -> str:
    """The context's own folder, from the project."""
    return Path(context.dune.workspace).parent.as_posix()


def _subject(artefact: Artefact) -> Row:
    return {
        "name": artefact.name,
        "digest": {"sha256": artefact.digest.removeprefix("sha256:")},
        "annotations": {
            "role": artefact.role,
            "source": artefact.source,
            "size": artefact.size,
            "stripped": artefact.stripped,
            "tellsPlace": artefact.tells_place,
        },
    }


def _descriptor(dependency: Dependency) -> Row:
    return {
        "name": dependency.name,
        "digest": {dependency.algorithm: dependency.digest.removeprefix("sha256:")},
        "annotations": {"kind": dependency.kind, **dict(dependency.further)},
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_record(path: Path) -> Recorded:
    """The record at ``path``.

    Raises:
        RecordError: it cannot be read, or is none that this mono-build understands.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        kind = document["predicate"]["buildDefinition"]["buildType"]
        if (document["_type"], document["predicateType"], kind) == (STATEMENT, PREDICATE, BUILD_TYPE):
            return _recorded(document)
        reason = f"is a record of another kind: {kind}"
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        reason = "is no record of a build, or is damaged"
    raise RecordError(reason, place=str(path), hint=f"name a {FILE_NAME} that this mono-build wrote")


def _recorded(document: Any) -> Recorded:
    definition = document["predicate"]["buildDefinition"]
    details = document["predicate"]["runDetails"]
    parameters = definition["externalParameters"]
    return Recorded(
        project=parameters["project"],
        target=parameters["target"],
        sandboxed=definition["internalParameters"]["sandbox"] != "none",
        version=details["builder"]["version"]["mono-build"],
        reproduced=details["metadata"].get("mono_reproduced") is True,
        artefacts={each["name"]: f"sha256:{each['digest']['sha256']}" for each in document["subject"]},
        dependencies={
            (each["annotations"]["kind"], each["name"]): next(iter(each["digest"].values()))
            for each in definition["resolvedDependencies"]
        },
        boms={each["name"]: f"sha256:{each['digest']['sha256']}" for each in details["byproducts"]},
    )
