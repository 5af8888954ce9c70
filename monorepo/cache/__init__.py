"""Where mono keeps what can be had again: archives, bare git clones, parsed metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str]) -> Path:
    """mono's cache: ``MONO_CACHE`` where it is set, else the user's cache folder as the platform has it."""
    chosen = environment.get("MONO_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("mono", appauthor=False))
