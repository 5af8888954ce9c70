"""A source that vendors a package itself, which is locked from elsewhere as well: the locked one serves."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from builder.digest import tree_digest
from monorepo.duniverse.drift import Drift, What, drifts
from monorepo.duniverse.state import read_state
from monorepo.errors import DuniverseError
from monorepo.lock.model import Lock, LockedSource
from monorepo.lock.reader import load_lock
from monorepo.lock.writer import replace_lock
from tests.monorepo.fetch.sources import lock, pulled, put, source, tar, vendored

LANG = b"(lang dune 2.0)\n"
COPY = b"(library (public_name deep))\n"
TOP = {
    "top-1/dune-project": LANG,
    "top-1/top.opam": b"",
    "top-1/top.ml": b"let text = Deep.text",
    "top-1/dune": b"(vendored_dirs vendor)\n(library (public_name top) (libraries deep))\n",
    "top-1/vendor/deep/dune-project": LANG,
    "top-1/vendor/deep/deep.opam": b"",
    "top-1/vendor/deep/dune": COPY,
    "top-1/vendor/deep/deep.ml": b'let text = "copy"',
    "top-1/vendor/own/dune-project": LANG,
    "top-1/vendor/own/own.opam": b"",
    "top-1/vendor/own/dune": b"(library (public_name own))\n",
}
DEEP = {
    "deep-1/dune-project": LANG,
    "deep-1/deep.opam": b"",
    "deep-1/dune": COPY,
    "deep-1/deep.ml": b'let text = "locked"',
}
HIDDEN = "top/vendor/deep/deep.opam"


def archive(folder: Path, name: str, files: dict[str, bytes]) -> LockedSource:
    made = tar(files)
    return source(name, put(folder, f"upstream/{name}", made), made)


@pytest.fixture
def top(tmp_path: Path) -> LockedSource:
    return archive(tmp_path, "top", TOP)


@pytest.fixture
def deep(tmp_path: Path) -> LockedSource:
    return archive(tmp_path, "deep", DEEP)


def test_the_copy_is_hidden_while_another_is_locked(
    tmp_path: Path, top: LockedSource, deep: LockedSource
) -> None:
    project = tmp_path / "project"
    alone, both = lock(top), lock(top, deep)
    pulled(alone, tmp_path)
    with_copy = tree_digest(project / "duniverse/top")
    assert vendored(project)["top/vendor/deep/dune"] == COPY
    assert drifts(both, project) == (Drift("deep", What.ABSENT), Drift("top", What.OUTDATED))

    report = pulled(both, tmp_path)
    assert (report.made, report.kept) == (("deep", "top"), ())
    assert report.hidden == {"top": ("deep",)}
    found = vendored(project)
    assert HIDDEN not in found and found["top/vendor/deep/dune"] == b"\n"
    assert found["top/vendor/own/dune"] == TOP["top-1/vendor/own/dune"]
    assert drifts(both, project) == ()
    assert pulled(both, tmp_path).made == ()

    shutil.rmtree(tmp_path / "upstream")
    assert drifts(alone, project) == (Drift("deep", What.UNLOCKED), Drift("top", What.OUTDATED))
    assert pulled(alone, tmp_path).made == ("top",)  # from the cache, which was not touched
    assert tree_digest(project / "duniverse/top") == with_copy


def test_only_the_directory_that_has_the_copy_is_made_anew(
    tmp_path: Path, top: LockedSource, deep: LockedSource
) -> None:
    other = archive(tmp_path, "other", {"other-1/a": b""})
    pulled(lock(top, other), tmp_path)
    report = pulled(lock(top, other, deep), tmp_path)
    assert (report.made, report.kept) == (("deep", "top"), ("other",))


def test_a_copy_of_the_projects_own_package_is_hidden(tmp_path: Path, top: LockedSource) -> None:
    asked = lock(top)
    (tmp_path / "project").mkdir()
    put(tmp_path, "project/dune-project", LANG)
    root = replace(asked.packages[0], name="deep")
    own = replace(asked, roots=("deep",), packages=(root, *asked.packages[1:]))
    assert pulled(own, tmp_path).hidden == {"top": ("deep",)}


def test_targets_that_do_not_see_the_locked_one_keep_the_copy(
    tmp_path: Path, top: LockedSource, deep: LockedSource
) -> None:
    asked = lock(replace(top, targets=("host",)), replace(deep, targets=("other",)))
    assert pulled(asked, tmp_path).hidden == {}


def test_what_the_lock_records_does_not_depend_on_its_neighbours(
    tmp_path: Path, top: LockedSource, deep: LockedSource
) -> None:
    project = tmp_path / "project"
    project.mkdir()

    def pull(asked: Lock) -> str:
        replace_lock(replace(asked, inputs="sha256:" + "0" * 64), project)
        pulled(load_lock(project), tmp_path)
        return next(one.tree for one in load_lock(project).sources if one.directory == "top")

    assert pull(lock(top)) == pull(lock(top, deep))
    state = read_state(project / "duniverse")
    assert state is not None
    assert state["top"].tree == tree_digest(project / "duniverse/top") != state["top"].recorded


def test_a_copy_in_files_that_cannot_be_edited_is_told(tmp_path: Path, deep: LockedSource) -> None:
    script = b'(* -*- tuareg -*- *)\nlet () = Jbuild_plugin.V1.send ("(library (public_" ^ "name deep))")'
    files = {**TOP, "top-1/vendor/deep/dune": script}
    with pytest.raises(DuniverseError, match="two sources define the package deep"):
        pulled(lock(archive(tmp_path, "top", files), deep), tmp_path)


@pytest.mark.ocaml
@pytest.mark.long
@pytest.mark.parametrize("locked", [False, True])
def test_dune_builds_with_the_one_that_serves(
    tmp_path: Path, top: LockedSource, deep: LockedSource, locked: bool
) -> None:
    pulled(lock(top, deep) if locked else lock(top), tmp_path)
    project = tmp_path / "project"
    put(project, "dune-project", LANG)
    put(project, "dune", b"(executable (name main) (libraries top))\n")
    put(project, "main.ml", b"let () = print_string Top.text")
    done = subprocess.run(
        ["dune", "exec", "--root", ".", "./main.exe"], cwd=project, capture_output=True, encoding="utf-8"
    )
    assert (done.returncode, done.stdout) == (0, "locked" if locked else "copy"), done.stderr
