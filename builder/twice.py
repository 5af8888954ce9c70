"""Builds one context twice under conditions that may not matter, and compares the artefacts bit by bit."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from builder.build import WORK, Built, Wishes, alone_in, build_once, prepare, publish
from builder.difference import require_identical
from builder.inputs import copy_sources
from builder.record import Record
from builder.sandbox import Conditions

_SECOND = Conditions(jobs=1, umask=0o077, timezone="Asia/Kathmandu", home="another-home")


def build_twice(folder: Path, wishes: Wishes) -> Record:
    """Build the context in ``folder`` from two copies of its project, in folders of different depth.

    Everything is built anew, and the second time with another number of jobs, umask, time zone and HOME. The
    artefacts of the first build are published if those of the second are the same.

    Raises:
        ReproducibilityError: an artefact is not the same in both; it names the first difference.
        BuilderError: whatever `builder.build.build` raises.
    """
    with alone_in(folder), TemporaryDirectory(prefix="mono-build-") as temporary:
        prepared = prepare(folder, wishes)

        def build_in(place: str, conditions: Conditions) -> Built:
            copy = Path(temporary, place, prepared.project.name or "project")
            copy_sources(prepared.context, prepared.project, copy)
            log = prepared.folder / WORK / f"log.{Path(place).parts[0]}"
            return build_once(prepared, copy, copy.with_name("work"), log, conditions, wishes.report)

        first = build_in("first", Conditions(jobs=wishes.jobs or max(2, os.cpu_count() or 1)))
        second = build_in("second/is/deeper", _SECOND)
        require_identical(first.artefacts, second.artefacts, wishes.environment)
        return publish(prepared, first, reproduced=True)
