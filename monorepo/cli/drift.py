"""What in duniverse/ is not as the lock says, in words and as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monorepo.cli.words import one_line
from monorepo.duniverse import DUNIVERSE
from monorepo.duniverse.drift import Drift

_FEW = 3


def drift_line(drift: Drift) -> str:
    """One line, with the number of files that differ where that is known."""
    files = drift.files
    counts = (("changed", files.changed), ("missing", files.missing), ("extra", files.extra))
    told = ", ".join(f"{len(paths)} {what}" for what, paths in counts if paths)
    return f"{DUNIVERSE}/{one_line(drift.name)} {drift.what}{f' ({told})' if told else ''}"


def drift_lines(drift: Drift, *, whole: bool) -> Iterator[str]:
    """The same, and then a few names of files, or all where ``whole``."""
    yield drift_line(drift)
    files = drift.files
    for what, paths in (("changed", files.changed), ("missing", files.missing), ("extra", files.extra)):
        shown = paths if whole or len(paths) <= _FEW + 1 else paths[:_FEW]
        yield from (f"  {what}: {one_line(path)}" for path in shown)
        if len(shown) < len(paths):
            yield f"  {what}: and {len(paths) - len(shown)} more"


def drift_rows(drifts: Sequence[Drift]) -> list[dict[str, object]]:
    """For scripts: everything."""
    return [
        {
            "directory": drift.name,
            "what": drift.what.name.lower(),
            "changed": drift.files.changed,
            "missing": drift.files.missing,
            "extra": drift.files.extra,
        }
        for drift in drifts
    ]
