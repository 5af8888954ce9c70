"""Builds what a record tells of once more, and compares what it is made of, with what, and what comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from builder.artefacts import Artefact
from builder.building import ARTEFACTS
from builder.difference import difference_between
from builder.digest import file_digest
from builder.errors import RecordError, ReproducibilityError
from builder.preparation import Prepared, Wishes, alone_in, prepare
from builder.record import Identity, Recorded, read_record
from builder.rooms import Conditions
from builder.twice import DIFFERING, build_in

_SOURCES = frozenset({"context", "input", "project"})
"""Kinds of what a build is made of; the rest is what it is made with."""
_MOST = 10


def verify(record: Path, folder: Path, wishes: Wishes) -> tuple[Artefact, ...]:
    """Build the context in ``folder`` anew, apart from what is there, and compare with the record.

    Another toolchain is no reason not to build, as what it gives may be the same; it is told of. What is
    beside the context stays as it is.

    Returns:
        the artefacts, which are gone by then.

    Raises:
        RecordError: the record cannot be read, or is of another context or other sources; nothing is built
            then.
        ReproducibilityError: an artefact is not what the record says.
        BuilderError: whatever `builder.build.build` raises.
    """
    recorded = read_record(record)
    with alone_in(folder), TemporaryDirectory(prefix="mono-build-") as temporary:
        prepared = prepare(folder, wishes)
        _refuse_other_sources(recorded, prepared)
        others = tuple(_other_tools(recorded, prepared))
        built = build_in(prepared, Path(temporary, "again"), Conditions(jobs=wishes.jobs))
        _compare(recorded, prepared, built.artefacts, others)
    for line in others:
        wishes.report(f"it is the same although {line}")
    return built.artefacts


def _refuse_other_sources(recorded: Recorded, prepared: Prepared) -> None:
    differences = _differences(recorded, prepared, sources=True)
    lines = tuple(f"{name}: {verdict}" for _, name, verdict in differences)
    if lines:
        raise RecordError(
            "its sources are not those that the record tells of",
            place=prepared.context.target,
            hint="check out what it was made of, or build anew for a new record",
            details=_shortened(lines),
        )


def _other_tools(recorded: Recorded, prepared: Prepared) -> Iterator[str]:
    if recorded.sandboxed is (prepared.bubblewrap is None):
        yield f"it was built {'in' if recorded.sandboxed else 'without'} a sandbox then"
    for kind, name, verdict in _differences(recorded, prepared, sources=False):
        yield f"{kind} {name} {verdict}"


def _differences(recorded: Recorded, prepared: Prepared, *, sources: bool) -> Iterator[tuple[str, str, str]]:
    """Kind and name of everything that is not as the record says, and what it is instead."""
    now: dict[Identity, str] = {
        (each.kind, each.name): each.digest.removeprefix("sha256:") for each in prepared.dependencies
    }
    then = recorded.dependencies
    for kind, name in sorted(then.keys() | now.keys()):
        if (kind in _SOURCES) is sources and then.get((kind, name)) != now.get((kind, name)):
            yield kind, name, _verdict(then, now, (kind, name))


def _verdict(then: Mapping[Identity, str], now: Mapping[Identity, str], key: Identity) -> str:
    if key not in now:
        return "is not there any more"
    return "has changed" if key in then else "was not there"


def _compare(
    recorded: Recorded, prepared: Prepared, artefacts: Sequence[Artefact], others: Sequence[str]
) -> None:
    found = {artefact.name: artefact for artefact in artefacts}
    for name in sorted(recorded.artefacts.keys() | found.keys()):
        artefact, expected = found.get(name), recorded.artefacts.get(name)
        if artefact is None or expected is None:
            reason = "the record tells of it, but it was not built" if expected else "the record lacks it"
            raise ReproducibilityError(reason, place=name, details=_shortened(others))
        if artefact.digest != expected:
            error = _difference(artefact, expected, prepared)
            error.details = (*error.details, *_shortened(others))
            raise error


def _difference(artefact: Artefact, expected: str, prepared: Prepared) -> ReproducibilityError:
    """How an artefact differs from the recorded one, in detail if that is still beside the context."""
    before = prepared.folder / ARTEFACTS / artefact.name
    if before.is_file() and file_digest(before) == expected:
        then = Artefact(artefact.name, before, artefact.source, before.stat().st_size, expected)
        keep = prepared.work / DIFFERING
        return difference_between(then, artefact, keep, prepared.wishes.environment)
    return ReproducibilityError(
        "is not what the record says",
        place=artefact.name,
        hint="mono-build --twice finds what it is that changes, if it does so here too",
        details=(f"recorded {expected}", f"found    {artefact.digest}"),
    )


def _shortened(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - _MOST
    return (*lines[:_MOST], *((f"and {more} more",) if more > 0 else ()))
