"""Hostile patches through a whole pull: each is refused with its reason, and nothing gets out."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Mapping

import pytest

from monorepo.lock.model import ExtraFile, LockedSource
from tests.faults.patches import A, B, Patched, bombs, hostile_patches, making, slow_bombs
from tests.faults.scene import OLD, Scene
from tests.monorepo.fetch.sources import put, source, tar_members

FILES = tar_members(
    ("p/a", {}, A), ("p/b", {}, B), ("p/d/link", {"type": tarfile.SYMTYPE, "linkname": "../a"}, b"")
)


def patched(name: str, url: str, content: bytes, *patches: bytes) -> LockedSource:
    """A source with patches that the lock carries."""
    files = [
        ExtraFile(f"{index}.patch", hashlib.sha256(patch).hexdigest()) for index, patch in enumerate(patches)
    ]
    return source(name, url, content, extra_files=tuple(files), patches=tuple(file.file for file in files))


def refuse_all(scene: Scene, cases: Mapping[str, Patched]) -> None:
    """One pull of sources with all of them, and each is refused with its reason; the next good one goes through."""
    old = scene.with_old_duniverse()
    url = put(scene.outside, "p.tgz", FILES)
    scene.lock(
        *(patched(name, url, FILES, *case.patches) for name, case in cases.items()),
        files=[patch for case in cases.values() for patch in case.patches],
    )
    told = scene.refused(scene.pull(), old).splitlines()
    wrong = []
    for name, case in cases.items():
        at = [index for index, line in enumerate(told) if line.strip().startswith(f"{name}: ")]
        about = "\n".join(told[at[0] : at[0] + 3]) if at else ""
        if not re.search(case.reason, about):
            wrong.append((name, case.reason, about))
    assert not wrong, "\n".join(map(str, wrong))
    scene.lock(*scene.old_sources())
    scene.done(scene.pull(), {f"{name}/a": text for name, text in OLD.items()})


def test_hostile_patches_are_refused(scene: Scene) -> None:
    refuse_all(scene, hostile_patches(scene.outside))


def test_patches_that_are_many_times_what_they_seem_are_refused(scene: Scene) -> None:
    refuse_all(scene, bombs())


@pytest.mark.long
def test_patches_that_fill_a_gigabyte_first_are_refused(scene: Scene) -> None:
    refuse_all(scene, slow_bombs())


def test_nothing_is_written_through_a_link_that_a_patch_made(scene: Scene) -> None:
    """What comes after the patches (substitutions, hiding packages) would write where the link leads."""
    old = scene.with_old_duniverse()
    put(scene.outside, "dune", b"(library (public_name q))\n")
    put(scene.outside, "dune-project", b"(lang dune 3.0)\n(package (name p))\n(package (name q))\n")
    content = tar_members(("p/p.opam", {}, b""), ("p/q.opam", {}, b""), ("p/a", {}, b"a"))
    url = put(scene.outside, "p.tgz", content)
    project = making("dune-project", text="(lang dune 3.0)\n(package (name p))\n(package (name q))\n")
    cases = {
        "stanzas": (project, making("dune", "120000", str(scene.outside / "dune"))),
        "project": (making("dune-project", "120000", str(scene.outside / "dune-project")),),
        "folder": (project, making("sub", "120000", str(scene.outside))),
        "climbing": (project, making("dune", "120000", "../../../../outside/dune")),
    }
    scene.lock(
        *(patched(name, url, content, *patches) for name, patches in cases.items()),
        files=[patch for patches in cases.values() for patch in patches],
    )
    said = scene.refused(scene.pull(), old)
    assert said.count("leaves its folder and is refused") == len(cases)


def test_harmless_patches_of_every_kind_apply(scene: Scene) -> None:
    patches = (
        making("new", "100755"),
        making("dir/l", "120000", "../a"),
        making("device", "020644"),
        making("sub", "160000", f"Subproject commit {'1' * 40}\n"),
        b"diff --git a/b b/c\nsimilarity index 100%\nrename from b\nrename to c\n",
    )
    scene.lock(patched("p", put(scene.outside, "p.tgz", FILES), FILES, *patches), files=patches)
    made = {f"p/{index}.patch": patch for index, patch in enumerate(patches)}
    made |= {f"p/{name}": b"evil\n" for name in ("new", "device")}  # a plain file, whatever the patch says
    scene.done(scene.pull(), {"p/a": A, "p/c": B, "p/d/link": "../a", "p/dir/l": "../a", **made})
