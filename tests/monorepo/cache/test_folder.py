"""Where the cache is."""

from __future__ import annotations

from pathlib import Path

from monorepo.cache import cache_folder


def test_the_environment_chooses(tmp_path: Path) -> None:
    assert cache_folder({"MONO_CACHE": str(tmp_path)}) == tmp_path
    assert cache_folder({"MONO_CACHE": "here"}) == Path("here").absolute()


def test_the_platforms_own_place_otherwise() -> None:
    for environment in ({}, {"MONO_CACHE": ""}):
        folder = cache_folder(environment)
        assert folder.is_absolute()
        assert "mono" in folder.parts
