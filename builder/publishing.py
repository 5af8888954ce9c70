"""Puts what was built where it belongs, beside the context: artefacts, bills of materials, and the record."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from threading import Thread

from builder import __version__
from builder.artefacts import Artefact
from builder.building import ARTEFACTS, Built
from builder.digest import bytes_digest
from builder.errors import RecordError
from builder.linked import contents_of
from builder.preparation import Prepared
from builder.record import FILE_NAME as RECORD
from builder.record import Record, read_record, render_record

BOMS = "sbom"
_ENDING = ".cdx.json"


def load_ahead() -> None:
    """Begin to load what makes bills of materials, which takes a while: dune is about to take longer."""
    Thread(target=import_module, args=("builder.sbom",), daemon=True).start()


def publish(prepared: Prepared, built: Built, *, reproduced: bool | None) -> Record:
    """Put artefacts, bills of materials and the record beside the context, in place of those of before."""
    folder = prepared.folder
    boms = _boms(prepared, built)
    record = Record(
        context=prepared.context,
        installation=prepared.installation,
        dependencies=prepared.dependencies,
        sandboxed=prepared.bubblewrap is not None,
        jobs=prepared.wishes.jobs,
        artefacts=built.artefacts,
        boms=tuple((_bom_path(name), bytes_digest(text)) for name, text in boms.items()),
        reproduced=reproduced,
        began=prepared.began,
        ended=time.time(),
        durations={**prepared.durations, **built.durations},
    )
    (folder / RECORD).unlink(missing_ok=True)
    swap(built.artefacts[0].path.parent, folder / ARTEFACTS)
    written = prepared.work / BOMS
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir(parents=True)
    for name, text in boms.items():
        (written / Path(_bom_path(name)).name).write_bytes(text)
    swap(written, folder / BOMS)
    aside = folder / f".{RECORD}"
    aside.write_bytes(render_record(record).encode("utf-8"))
    aside.replace(folder / RECORD)
    return record


def _boms(prepared: Prepared, built: Built) -> Mapping[str, bytes]:
    """The bill of materials of each artefact but companions, by its name; those still true are kept."""
    images = [artefact for artefact in built.artefacts if artefact.role != "companion"]
    kept = _kept(prepared, built.artefacts, images)
    if kept is not None:
        return kept
    from builder.sbom import render_sbom  # with all that knows CycloneDX

    return {
        artefact.name: render_sbom(
            artefact,
            contents_of(artefact, prepared.context, prepared.project, built.build_folder, built.account),
            prepared.context,
        ).encode("utf-8")
        for artefact in images
    }


def _kept(
    prepared: Prepared, artefacts: Sequence[Artefact], images: Sequence[Artefact]
) -> Mapping[str, bytes] | None:
    """Those of the last build, where that was of the same context and gave the same artefacts."""
    try:
        before = read_record(prepared.folder / RECORD)
        boms = {
            artefact.name: (prepared.folder / BOMS / f"{artefact.name}{_ENDING}").read_bytes()
            for artefact in images
        }
    except (RecordError, OSError):
        return None
    context = prepared.dependencies[0]
    still_true = (
        before.version == __version__
        and before.dependencies.get((context.kind, context.name)) == context.digest.removeprefix("sha256:")
        and before.artefacts == {artefact.name: artefact.digest for artefact in artefacts}
        and before.boms == {_bom_path(name): bytes_digest(text) for name, text in boms.items()}
    )
    return boms if still_true else None


def _bom_path(artefact: str) -> str:
    return f"{BOMS}/{artefact}{_ENDING}"


def swap(finished: Path, place: Path) -> None:
    """Put the folder ``finished`` at ``place``, whatever is there."""
    aside, former = (place.with_name(f".{place.name}.{os.getpid()}.{part}") for part in ("new", "old"))
    shutil.move(finished, aside)
    if place.exists():
        place.rename(former)
    aside.rename(place)
    shutil.rmtree(former, ignore_errors=True)
