"""Builds the documentation of the whole workspace: the project's own packages and all that is vendored."""

from __future__ import annotations

import shutil
from pathlib import Path

from builder.building import enter
from builder.dune import run_dune
from builder.errors import ArtefactError
from builder.inputs import copy_sources
from builder.preparation import Wishes, alone_in, keep_only_if_made_alike, prepare
from builder.publishing import swap
from builder.rooms import Conditions

DOCS = "docs"


def build_docs(folder: Path, wishes: Wishes) -> Path:
    """Build documentation of what the context in ``folder`` is of; it comes to be in docs/ beside it.

    dune documents nothing that is marked as vendored, so it sees a copy of the sources without these marks.

    Returns:
        the page to begin with.

    Raises:
        BuilderError: the context, its inputs or tools, odoc among them, are not as they should be, or dune
            fails; what an earlier build has left is then untouched.
    """
    with alone_in(folder):
        prepared = prepare(folder, wishes, further_tools=("odoc",))
        context, work = prepared.context, prepared.work / DOCS
        keep_only_if_made_alike(prepared, work)
        sources = work / "sources"
        shutil.rmtree(sources, ignore_errors=True)
        copy_sources(context, prepared.project, sources, vendored=False)
        conditions = Conditions(jobs=wishes.jobs)
        room = enter(prepared, sources, work, conditions)
        wishes.report(f"documenting {context.project.name} for {context.target}, {prepared.manner}")
        run_dune(context, room, context.dune.docs, conditions, prepared.work / "log.docs")
        made = room.build_folder / context.dune.context / "_doc" / "_html"
        if not (made / "index.html").is_file():
            raise ArtefactError(
                "dune succeeded, but made no documentation", place=f"{context.dune.context}/_doc/_html"
            )
        copy = work / "html"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(made, copy)
        swap(copy, prepared.folder / DOCS)
        return folder / DOCS / "index.html"
