"""Builds a context: verified sources and a known toolchain go in, artefacts and a record come out."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from builder.artefacts import Artefact, take_artefacts
from builder.certificate import refuse_uncertified
from builder.context import Context, read_context
from builder.dune import run_dune
from builder.errors import ContextError, InputsError
from builder.inputs import copy_sources, project_digest, verify_inputs
from builder.outside import refuse_libraries_from_outside
from builder.record import FILE_NAME as RECORD
from builder.record import Record, render_record
from builder.sandbox import Conditions, Room, Wish, find_bubblewrap, plain_room, sandboxed_room
from builder.toolchain import Installation, find_installation

ARTEFACTS = "artefacts"
WORK = "_work"

Report = Callable[[str], None]
"""Tells people what is going on."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the one who calls wants it built; ``environment`` is read for PATH alone."""

    environment: Mapping[str, str]
    sandbox: Wish = "auto"
    jobs: int | None = None
    report: Report = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A context whose inputs and tools are what it asks for."""

    folder: Path
    project: Path
    context: Context
    installation: Installation
    bubblewrap: str | None
    sources: str  # digest of the project's own
    durations: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Built:
    """Artefacts that wait in a folder of their own, and the seconds that each step took."""

    artefacts: tuple[Artefact, ...]
    durations: Mapping[str, float]


def build(folder: Path, wishes: Wishes) -> Record:
    """Build the context in ``folder``; artefacts/ and build-record.json come to be beside it.

    Raises:
        BuilderError: the context, its inputs or tools are not as they should be, or dune or a check fails;
            what an earlier build has left is then untouched.
    """
    with alone_in(folder):
        prepared = prepare(folder, wishes)
        work = prepared.folder / WORK
        _keep_only_if_made_alike(prepared, work)
        conditions = Conditions(jobs=wishes.jobs)
        project = _as_dune_is_to_see_it(prepared, work)
        built = build_once(prepared, project, work, work / "log", conditions, wishes.report)
        return publish(prepared, built, reproduced=None)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other builds of the context in ``folder`` out, until this one ends, however it does.

    Raises:
        ContextError: another build of it is going on.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ContextError("another build of this context is going on", place=str(folder)) from error
        yield
    finally:
        os.close(descriptor)


def prepare(folder: Path, wishes: Wishes) -> Prepared:
    """Read the context in ``folder``, certify its packages, and verify its inputs and tools.

    Raises:
        BuilderError: they are not as they should be.
    """
    folder = folder.resolve()
    watch = Stopwatch()
    context = read_context(folder)
    refuse_uncertified(context.locked, context.project.packages, context.asked)
    project = (folder / context.project.folder).resolve()
    verify_inputs(context, project)
    sources = project_digest(context, project)
    watch.lap("inputs")
    installation = find_installation(context, wishes.environment)
    bubblewrap = find_bubblewrap(wishes.sandbox, context, wishes.environment)
    watch.lap("toolchain")
    return Prepared(folder, project, context, installation, bubblewrap, sources, watch.laps)


def build_once(
    prepared: Prepared, project: Path, work: Path, log: Path, conditions: Conditions, report: Report
) -> Built:
    """Build ``project``, which may be a copy; all that is made is in ``work``, what dune says in ``log``.

    Raises:
        BuilderError: dune fails, or an artefact is missing or not as it should be.
    """
    context, installation = prepared.context, prepared.installation
    watch = Stopwatch()
    if prepared.bubblewrap is not None:
        room = sandboxed_room(context, installation, project, work, prepared.bubblewrap, conditions)
    else:
        room = plain_room(context, installation, project, work, conditions)
    report(
        f"building {context.target} with dune {installation.version_of('dune')} and "
        f"OCaml {installation.version_of('ocamlopt')}, {_manner(prepared)}"
    )
    run_dune(context, room, conditions, log)
    _refuse_libraries_from_outside(context, room)
    watch.lap("dune")
    artefacts = take_artefacts(
        context,
        installation,
        project,
        room.build_folder,
        work / ARTEFACTS,
        stripped=prepared.bubblewrap is None,
    )
    watch.lap("artefacts")
    return Built(artefacts, watch.laps)


def publish(prepared: Prepared, built: Built, *, reproduced: bool | None) -> Record:
    """Put artefacts and their record where they belong, beside the context."""
    folder = prepared.folder
    record = Record(
        context=prepared.context,
        context_folder=folder,
        sources=prepared.sources,
        installation=prepared.installation,
        sandboxed=prepared.bubblewrap is not None,
        artefacts=built.artefacts,
        reproduced=reproduced,
        durations={**prepared.durations, **built.durations},
    )
    text = render_record(record)
    (folder / RECORD).unlink(missing_ok=True)
    _swap(built.artefacts[0].path.parent, folder / ARTEFACTS)
    aside = folder / f".{RECORD}"
    aside.write_bytes(text.encode("utf-8"))
    aside.replace(folder / RECORD)
    return record


def _refuse_libraries_from_outside(context: Context, room: Room) -> None:
    """As `refuse_libraries_from_outside`; what was built does not stay, as dune would not build it again."""
    try:
        log = (room.build_folder / "log").read_text(encoding="utf-8", errors="replace")
        refuse_libraries_from_outside(context, log)
    except InputsError:
        shutil.rmtree(room.build_folder)
        raise


class Stopwatch:
    """Seconds from one lap to the next, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 3)
        self._last = now


def _manner(prepared: Prepared) -> str:
    return "in a sandbox" if prepared.bubblewrap else "without a sandbox: artefacts are stripped"


def _as_dune_is_to_see_it(prepared: Prepared, work: Path) -> Path:
    """The project itself, or a copy where some of its folders are for other targets."""
    inputs = prepared.context.inputs
    if not inputs.moved and not inputs.hidden:
        return prepared.project
    copy = work / "sources" / prepared.project.name
    shutil.rmtree(copy.parent, ignore_errors=True)
    copy.parent.mkdir(parents=True)
    copy_sources(prepared.context, prepared.project, copy)
    return copy


def _keep_only_if_made_alike(prepared: Prepared, work: Path) -> None:
    """Remove what an earlier build left unless the same toolchain made it in the same manner.

    dune does not notice another compiler or C library, and where an object was built is written into it.
    """
    installation = prepared.installation
    made_with = "\n".join(
        [
            _manner(prepared),
            str(prepared.project),
            *(f"{tool.path} {tool.digest}" for tool in installation.tools),
            *(f"{path} {digest}" for path, digest in installation.libraries),
        ]
    )
    stamp = work / "made-with"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != made_with:
        if os.path.lexists(work):
            shutil.rmtree(work)
        work.mkdir()
        stamp.write_text(made_with, encoding="utf-8")


def _swap(finished: Path, place: Path) -> None:
    """Put the folder ``finished`` at ``place``, whatever is there."""
    aside, former = (place.with_name(f".{place.name}.{os.getpid()}.{part}") for part in ("new", "old"))
    shutil.move(finished, aside)
    if place.exists():
        place.rename(former)
    aside.rename(place)
    shutil.rmtree(former, ignore_errors=True)
