"""The build record: hashes of what went in and came out, versions, durations (docs/context-format.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder import __version__
from builder.artefacts import Artefact
from builder.context import FILE_NAME as CONTEXT
from builder.context import Context
from builder.digest import file_digest
from builder.toolchain import Installation

FORMAT = "mono-build-record"
VERSION = 1
FILE_NAME = "build-record.json"


@dataclass(frozen=True, slots=True)
class Record:
    """One build.

    Args:
        context_folder: where context.json is, and artefacts/ and the record come to be.
        sources: digest of the project's own sources (`builder.inputs.project_digest`).
        sandboxed: whether it was built in a sandbox; otherwise its executables were stripped.
        artefacts: sorted by name.
        reproduced: whether a second build gave the same bytes; None where there was none.
        durations: seconds by step, in order.
    """

    context: Context
    context_folder: Path
    sources: str
    installation: Installation
    sandboxed: bool
    artefacts: tuple[Artefact, ...]
    reproduced: bool | None
    durations: Mapping[str, float]


def render_record(record: Record) -> str:
    """The text of build-record.json."""
    return json.dumps(record_document(record), indent=2, ensure_ascii=False) + "\n"


def record_document(record: Record) -> dict[str, object]:
    """The record as JSON has it."""
    context, installation = record.context, record.installation
    return {
        "format": FORMAT,
        "version": VERSION,
        "builder": {"name": "mono-build", "version": __version__},
        "project": context.project.name,
        "target": context.target,
        "inputs": {
            "context": file_digest(record.context_folder / CONTEXT),
            "project": record.sources,
            "files": dict(context.inputs.files),
            "folders": dict(context.inputs.folders),
        },
        "toolchain": {
            "name": context.toolchain.name,
            "tools": [
                {"name": tool.name, "path": tool.path, "version": tool.version, "digest": tool.digest}
                for tool in installation.tools
            ],
            "libraries": dict(installation.libraries),
        },
        "dune": list(context.dune.arguments),
        "environment": dict(context.environment),
        "sandbox": "bubblewrap" if record.sandboxed else "none",
        "stripped": not record.sandboxed,
        "checks": [
            {"tool": check.tool, "arguments": list(check.arguments), "expected": check.expected}
            for check in context.checks
        ],
        "artefacts": [
            {
                "name": artefact.name,
                "built": artefact.source,
                "size": artefact.size,
                "digest": artefact.digest,
            }
            for artefact in record.artefacts
        ],
        "reproduced": record.reproduced,
        "durations": dict(record.durations),
    }
