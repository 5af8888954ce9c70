"""What a pull did: one line for people, one document for scripts."""

from __future__ import annotations

from collections.abc import Mapping

from monorepo.cli.sizes import size_text
from monorepo.cli.words import counted
from monorepo.duniverse.pull import PullReport
from monorepo.lock.model import Kind, Lock


def pull_summary(report: PullReport, lock: Lock, seconds: float) -> str:
    """``duniverse/ has 3 packages in 2 sources (1 made, 1 kept), from 1 archive (…) in 0.4 s``.

    What there is none of is left out.
    """
    packages = counted(sum(package.kind is Kind.VENDORED for package in lock.packages), "package")
    contents = f"{packages} in {counted(len(report.made) + len(report.kept), 'source')}"
    if not report.made and not report.removed:
        return f"duniverse/ is up to date ({contents}) in {seconds:.1f} s"
    done = {"made": len(report.made), "kept": len(report.kept), "removed": len(report.removed)}
    told = f"duniverse/ has {contents} ({_some(done)})"
    if report.archives:
        cached = report.archives - report.downloaded
        came = _some({f"fetched, {size_text(report.received)}": report.downloaded, "from the cache": cached})
        told += f", from {counted(report.archives, 'archive')} ({came})"
    return f"{told} in {seconds:.1f} s"


def _some(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def pull_row(report: PullReport, seconds: float) -> dict[str, object]:
    """The same for ``--json``; ``received`` counts bytes, ``recorded`` trees, the other numbers archives."""
    return {
        "made": list(report.made),
        "kept": list(report.kept),
        "removed": list(report.removed),
        "archives": report.archives,
        "downloaded": report.downloaded,
        "from-cache": report.archives - report.downloaded,
        "received": report.received,
        "recorded": report.recorded,
        "hidden": {directory: list(names) for directory, names in sorted(report.hidden.items())},
        "seconds": round(seconds, 3),
        "notes": list(report.notes),
    }
