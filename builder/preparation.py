"""What comes before a build: the context is read and certified, inputs are verified, tools are found."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from builder.certificate import refuse_uncertified
from builder.context import FILE_NAME as CONTEXT
from builder.context import Context, read_context
from builder.digest import file_digest
from builder.errors import ContextError
from builder.inputs import own_sources, verify_inputs
from builder.record import Dependency, dependencies_of
from builder.remembered import Digests
from builder.sandbox import Wish, find_bubblewrap
from builder.toolchain import Installation, find_installation

WORK = "_work"

_DIGESTS = "digests.json"

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
    """A context whose inputs and tools are what it asks for.

    Args:
        folder, project: of the context, and of the sources.
        bubblewrap: the program to build in a sandbox with; None to build without one.
        dependencies: all that it will be built with.
        began: by the clock, in seconds since 1970.
    """

    folder: Path
    project: Path
    context: Context
    installation: Installation
    bubblewrap: str | None
    dependencies: tuple[Dependency, ...]
    wishes: Wishes
    digests: Digests
    began: float
    durations: Mapping[str, float]

    @property
    def work(self) -> Path:
        """The folder in which builds leave what the next one goes on with."""
        return self.folder / WORK

    @property
    def manner(self) -> str:
        return "in a sandbox" if self.bubblewrap else "without a sandbox"

    def remember(self) -> None:
        """Keep the digests of the toolchain, so that the next build need not read all of it."""
        self.digests.save(self.work / _DIGESTS)


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


def prepare(folder: Path, wishes: Wishes, further_tools: Sequence[str] = ()) -> Prepared:
    """Read the context in ``folder``, certify its packages, and verify its inputs and tools.

    Raises:
        BuilderError: they are not as they should be.
    """
    folder = folder.resolve()
    began, watch = time.time(), Stopwatch()
    context = read_context(folder)
    refuse_uncertified(context.locked, context.project.packages, context.asked)
    project = (folder / context.project.folder).resolve()
    verify_inputs(context, project)
    own = own_sources(context, project)
    watch.lap("inputs")
    digests = Digests(folder / WORK / _DIGESTS)
    installation = find_installation(context, wishes.environment, digests, further_tools)
    bubblewrap = find_bubblewrap(wishes.sandbox, context, wishes.environment)
    dependencies = dependencies_of(context, file_digest(folder / CONTEXT), own, installation)
    watch.lap("toolchain")
    return Prepared(
        folder,
        project,
        context,
        installation,
        bubblewrap,
        dependencies,
        wishes,
        digests,
        began,
        watch.laps,
    )


def keep_only_if_made_alike(prepared: Prepared, work: Path) -> None:
    """Have the folder ``work``, with what is in it only if the same toolchain made that in the same manner.

    dune does not notice another compiler or C library, and where an object was built is written into it.
    """
    tools = (each for each in prepared.dependencies if each.kind not in ("context", "input", "project"))
    made_with = "\n".join(
        [prepared.manner, str(prepared.project), *(f"{tool.name} {tool.digest}" for tool in tools)]
    )
    stamp = work / "made-with"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != made_with:
        if os.path.lexists(work):
            shutil.rmtree(work)
        work.mkdir(parents=True)
        stamp.write_text(made_with, encoding="utf-8")


class Stopwatch:
    """Seconds from one lap to the next, by name."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 3)
        self._last = now
