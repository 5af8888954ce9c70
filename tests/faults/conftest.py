"""What every test of faults may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.scene import Scene
from tests.faults.server import FaultyServer, faulty_server


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "scene")


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as faulty:
        yield faulty
