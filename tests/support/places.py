"""Where tests find what they were not given: the programs under test, and what is kept between runs."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"


def program(name: str) -> Path:
    """The console program of this Python environment."""
    return Path(sysconfig.get_path("scripts")) / name


def kept_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """A folder outside the tree for what is dear to make and the same every time: snapshots, real archives."""
    chosen = environment.get("MONO_TEST_CACHE")
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(chosen) if chosen else Path(base) / "mono-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
