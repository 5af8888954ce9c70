"""Two states of a project with many sources, between which a pull is disturbed."""

from __future__ import annotations

import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from monorepo.lock.model import LockedSource
from tests.faults.scene import Scene, Snapshot, snapshot
from tests.faults.server import FaultyServer, body
from tests.monorepo.fetch.sources import source, tar


@dataclass
class Generations:
    """``scene`` has the first state when this is made; ``trees`` are the two duniverses, whole."""

    scene: Scene
    locks: tuple[str, str]
    trees: tuple[Snapshot, Snapshot]
    seconds: float
    """How long a pull with an empty cache takes, from start to end."""

    def choose(self, generation: int) -> None:
        """Have the lock say this state."""
        self.scene.write_lock(self.locks[generation])

    def standing(self) -> int:
        """Which of the two the duniverse is, byte for byte."""
        found = shared_or_not(snapshot(self.scene.duniverse))
        assert found in self.trees, "neither the old duniverse nor the new one"
        return self.trees.index(found)

    def forget(self) -> None:
        """Empty the cache."""
        shutil.rmtree(self.scene.cache, ignore_errors=True)


def shared_or_not(found: Snapshot) -> Snapshot:
    """``found`` with nothing to be written: a file that the cache has as well is read-only, a copy is not."""
    return {name: (str(mode).replace("w", "-"), held) for name, (mode, held) in found.items()}


def sources_of(server: FaultyServer, generation: int, count: int, files: int) -> list[LockedSource]:
    """Of ``count`` sources every second differs by ``generation``, and one is there in that alone."""
    found = []
    for index in [*range(count), 1000 + generation]:
        own = random.Random(index * 2 + (generation if index % 2 else 0))
        content = tar({f"p/{number}": own.randbytes(400) for number in range(files)}, "w")
        found.append(source(f"p{index}", server.on(f"/{index}-{generation}", body(content)), content))
    return found


def generations(folder: Path, server: FaultyServer, count: int = 20, files: int = 30) -> Generations:
    """A project pulled in its second state and then in its first."""
    scene = Scene(folder)
    locks, trees, seconds = [], [], []
    for generation in (1, 0):
        shutil.rmtree(scene.cache, ignore_errors=True)
        scene.lock(*sources_of(server, generation, count, files))
        began = time.monotonic()
        scene.done(scene.pull())
        seconds.append(time.monotonic() - began)
        locks.insert(0, (scene.project / "mono.lock").read_text(encoding="utf-8"))
        trees.insert(0, shared_or_not(snapshot(scene.duniverse)))
    assert trees[0] != trees[1]
    return Generations(scene, (locks[0], locks[1]), (trees[0], trees[1]), min(seconds))
