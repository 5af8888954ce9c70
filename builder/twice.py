"""Builds one context twice under conditions that may not matter, and compares the artefacts bit by bit."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from builder.building import Built, build_once
from builder.difference import require_identical
from builder.inputs import copy_sources
from builder.preparation import Prepared, Wishes, alone_in, prepare
from builder.publishing import load_ahead, publish
from builder.record import Record
from builder.rooms import Conditions
from builder.variations import disordered, other_conditions, told

DIFFERING = "differing"


def build_twice(folder: Path, wishes: Wishes) -> Record:
    """Build the context in ``folder`` from two copies of its project, in folders of different depth.

    Everything is built anew, and the second time under `builder.variations.other_conditions` and with the
    files of each folder in the opposite order. The artefacts of the first build are published if those of the
    second are the same.

    Raises:
        ReproducibilityError: an artefact is not the same in both; it names the first difference.
        BuilderError: whatever `builder.build.build` raises.
    """
    with alone_in(folder), TemporaryDirectory(prefix="mono-build-") as temporary:
        prepared = prepare(folder, wishes)
        load_ahead()
        jobs = wishes.jobs or max(2, os.cpu_count() or 1)
        first = build_in(prepared, Path(temporary, "first"), Conditions(jobs=jobs))
        in_sandbox = prepared.bubblewrap is not None
        conditions = other_conditions(wishes.environment, in_sandbox=in_sandbox)
        wishes.report(f"again: {told(conditions, in_sandbox=in_sandbox)}")
        with disordered(Path(temporary, "second"), wishes.environment) as place:
            second = build_in(prepared, place / "is" / "deeper", conditions, backwards=True)
            keep = prepared.work / DIFFERING
            require_identical(first.artefacts, second.artefacts, keep, wishes.environment)
        return publish(prepared, first, reproduced=True)


def build_in(prepared: Prepared, place: Path, conditions: Conditions, *, backwards: bool = False) -> Built:
    """Build a copy of the project in the folder ``place``, all of it anew."""
    copy = place / (prepared.project.name or "project")
    copy_sources(prepared.context, prepared.project, copy, backwards=backwards)
    log = prepared.work / f"log.{'second' if backwards else 'first'}"
    return build_once(prepared, copy, place / "work", log, conditions)
