"""Snapshots of real repositories, unpacked once for all runs and all processes of a run."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

from monorepo.alone import alone_at

SAFELY: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Newer Pythons want to be told; Debian 12's cannot be."""


def unpacked(archive: Path, kept: Path) -> Path:
    """The single top folder of ``archive``, unpacked below ``kept`` under the hash of its bytes; to be read only."""
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = kept / "snapshots" / digest[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with alone_at(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            aside = folder.with_name(f"{folder.name}.{os.getpid()}")
            aside.mkdir()
            try:
                with tarfile.open(archive) as packed:
                    packed.extractall(aside, **SAFELY)
                aside.rename(folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    tops = list(folder.iterdir())
    return tops[0] if len(tops) == 1 else folder
