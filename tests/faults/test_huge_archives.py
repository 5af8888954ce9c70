"""Archives that are many times what they seem: what is real passes, the rest is refused, within bounds."""

from __future__ import annotations

import gzip
import re
import sys
import tarfile
from pathlib import Path

import pytest

from tests.faults.scene import OLD, Scene, leftovers
from tests.monorepo.fetch.sources import put, source

MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""
"""Runs a command and tells the most memory (kB) that one of its processes took."""

MOST = 220_000
"""kB that a process of a pull may take with the largest source there may be."""


def measured(scene: Scene) -> None:
    scene.command = (sys.executable, "-c", MEASURED)


def peak(said: str) -> int:
    return int(re.findall(r"^peak (\d+)$", said, re.MULTILINE)[0])


def header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def refused(scene: Scene, content: bytes, reason: str) -> None:
    """The archive is refused for that reason, by processes that stay small and leave nothing."""
    old = scene.with_old_duniverse()
    measured(scene)
    scene.lock(source("huge", put(scene.outside, "huge.tgz", content), content))
    said = scene.refused(scene.pull(timeout=200), old)
    assert reason in said
    assert peak(said) < MOST
    assert leftovers(scene.cache) == []
    scene.lock(*scene.old_sources())
    scene.done(scene.pull(), {f"{name}/a": text for name, text in OLD.items()})


@pytest.mark.long
def test_a_hundred_thousand_entries_pass(scene: Scene, tmp_path: Path) -> None:
    scene.with_old_duniverse()
    measured(scene)
    parts = []
    for number in range(99_000):
        text = b"%d\n" % number
        parts += [header(f"p/{number % 1000}/{number}", size=len(text)), text.ljust(512, b"\0")]
    content = gzip.compress(b"".join(parts) + bytes(1024), 1, mtime=0)
    scene.lock(source("huge", put(scene.outside, "huge.tgz", content), content))
    said = scene.done(scene.pull(timeout=200))
    assert peak(said) < MOST
    files = [path for path in (scene.duniverse / "huge").rglob("*") if path.is_file()]
    assert len(files) == 99_000
    assert (scene.duniverse / "huge/7/98007").read_bytes() == b"98007\n"


@pytest.mark.long
def test_more_entries_than_any_source_has_are_refused(scene: Scene) -> None:
    refused(
        scene,
        gzip.compress(header("p/d/", tarfile.DIRTYPE) * 200_001, 1, mtime=0),
        "more than 200000 entries",
    )


@pytest.mark.long
def test_headers_without_end_are_refused(scene: Scene) -> None:
    """Extended headers hold for all that follows: hundreds of MB of them, each of another key, fit in 1 MB."""
    parts = []
    for number in range(400):
        record = b"1000000 %05d=" % number
        record = record.ljust(999_999, b"x") + b"\n"
        parts += [header("pax", tarfile.XGLTYPE, len(record)), record.ljust(1_000_448, b"\0")]
    refused(scene, gzip.compress(b"".join(parts) + b"\1" * 512, 1, mtime=0), "is damaged")


@pytest.mark.long
def test_a_header_of_many_records_takes_no_longer(scene: Scene) -> None:
    """Reading them is no work that grows with the square of their number."""
    records = b"8 a=bc\n" * 131_000
    part = header("pax", tarfile.XHDTYPE, len(records)) + records.ljust(-(-len(records) // 512) * 512, b"\0")
    refused(scene, gzip.compress(part * 20 + b"\1" * 512, 1, mtime=0), "is damaged")
