"""Builds a context: verified sources and a known toolchain go in, artefacts and a record come out."""

from __future__ import annotations

import shutil
from pathlib import Path

from builder.building import build_once
from builder.inputs import copy_sources
from builder.preparation import Prepared, Wishes, alone_in, keep_only_if_made_alike, prepare
from builder.publishing import load_ahead, publish
from builder.record import Record
from builder.rooms import Conditions


def build(folder: Path, wishes: Wishes) -> Record:
    """Build the context in ``folder``; artefacts/, sbom/ and build-record.json come to be beside it.

    Raises:
        BuilderError: the context, its inputs or tools are not as they should be, or dune or a check fails;
            what an earlier build has left is then untouched.
    """
    with alone_in(folder):
        prepared = prepare(folder, wishes)
        keep_only_if_made_alike(prepared, prepared.work)
        prepared.remember()
        if not (prepared.work / "dune").exists():
            load_ahead()
        project = _as_dune_is_to_see_it(prepared)
        log = prepared.work / "log"
        built = build_once(prepared, project, prepared.work, log, Conditions(jobs=wishes.jobs))
        return publish(prepared, built, reproduced=None)


def _as_dune_is_to_see_it(prepared: Prepared) -> Path:
    """The project itself, or a copy where some of its folders are for other targets."""
    inputs = prepared.context.inputs
    if not inputs.moved and not inputs.hidden:
        return prepared.project
    copy = prepared.work / "sources" / prepared.project.name
    shutil.rmtree(copy.parent, ignore_errors=True)
    copy.parent.mkdir(parents=True)
    copy_sources(prepared.context, prepared.project, copy)
    return copy
