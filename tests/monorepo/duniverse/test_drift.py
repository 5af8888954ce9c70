"""What `drifts` tells of a duniverse that is not as it should be, without touching anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from monorepo.duniverse.drift import Drift, What, drifts
from monorepo.duniverse.files import Comparison
from monorepo.duniverse.state import RULES
from monorepo.errors import DuniverseError
from monorepo.lock.model import Lock
from tests.monorepo.fetch.sources import lock, pulled, put, source, tar, tree

FILES = {"p-1/a": b"a", "p-1/b": b"b", "p-1/sub/c": b"c", "p-1/run.sh": b"#!"}


@pytest.fixture
def asked(tmp_path: Path) -> Lock:
    """A lock of two sources, which were pulled."""
    made = {name: tar({**FILES, "p-1/name": name.encode()}) for name in ("p", "q")}
    asked = lock(
        *(source(n, put(tmp_path, f"upstream/{n}", content), content) for n, content in made.items())
    )
    pulled(asked, tmp_path)
    return asked


def edited(*changed: str, missing: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> Drift:
    return Drift("p", What.EDITED, Comparison(changed, missing, extra))


def link(folder: Path) -> None:
    (folder / "a").unlink()
    (folder / "a").symlink_to("b")


def to_a_link(folder: Path) -> None:
    folder.rename(folder.parent.parent / "elsewhere")
    folder.symlink_to("../elsewhere")


def silent(folder: Path) -> None:
    """Another text of the same size and time."""
    about = (folder / "a").stat()
    (folder / "a").write_bytes(b"A")
    os.utime(folder / "a", ns=(about.st_atime_ns, about.st_mtime_ns))


EDITS: dict[str, tuple[Callable[[Path], object], tuple[Drift, ...]]] = {
    "nothing": (lambda p: None, ()),
    "times": (lambda p: os.utime(p / "a"), ()),
    "mode that does not count": (lambda p: (p / "a").chmod(0o600), ()),
    "changed": (lambda p: (p / "a").write_bytes(b"other"), (edited("a"),)),
    "executable": (lambda p: (p / "a").chmod(0o755), (edited("a"),)),
    "link": (link, (edited("a"),)),
    "missing": (lambda p: (p / "sub/c").unlink(), (edited(missing=("sub/c",)),)),
    "extra": (lambda p: put(p, "new/\u00e9", b""), (edited(extra=("new/\u00e9",)),)),
    "several": (
        lambda p: ((p / "b").unlink(), put(p, "z", b""), put(p, "a", b"z")),
        (edited("a", missing=("b",), extra=("z",)),),
    ),
    "gone": (shutil.rmtree, (Drift("p", What.ABSENT),)),
    "a link to elsewhere": (to_a_link, (Drift("p", What.NO_FOLDER),)),
    "stranger": (lambda p: put(p.parent, "mine/x", b""), (Drift("mine", What.STRANGER),)),
    "own file": (lambda p: put(p.parent, "dune", b"(dirs)"), (Drift("dune", What.EDITED),)),
    "own file gone": (lambda p: (p.parent / "README.md").unlink(), (Drift("README.md", What.ABSENT),)),
    "no list": (
        lambda p: ((p.parent / ".mono.files/p").unlink(), put(p, "a", b"z")),
        (Drift("p", What.UNLISTED),),
    ),
    "damaged list": (
        lambda p: (put(p.parent, ".mono.files/p", b"f 0 a\0"), put(p, "a", b"z")),
        (Drift("p", What.UNLISTED),),
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_told_and_nothing_is_touched(edit: str, asked: Lock, tmp_path: Path) -> None:
    change, expected = EDITS[edit]
    project = tmp_path / "project"
    change(project / "duniverse/p")
    shutil.rmtree(tmp_path / "cache")
    before = tree(project), {path: path.lstat() for path in project.rglob("*")}
    assert drifts(asked, project) == expected
    assert drifts(asked, project, thorough=False) == expected
    assert (tree(project), {path: path.lstat() for path in project.rglob("*")}) == before


def test_only_a_thorough_look_sees_what_size_and_time_hide(asked: Lock, tmp_path: Path) -> None:
    silent(tmp_path / "project/duniverse/p")
    assert drifts(asked, tmp_path / "project") == (edited("a"),)
    assert drifts(asked, tmp_path / "project", thorough=False) == ()


def test_a_clone_of_a_committed_duniverse_is_as_good(asked: Lock, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "project", tmp_path / "clone", symlinks=True, copy_function=shutil.copyfile)
    for script in (tmp_path / "clone/duniverse").glob("*/run.sh"):
        script.chmod(0o755)
    assert drifts(asked, tmp_path / "clone") == ()
    (tmp_path / "clone/duniverse/p/b").write_bytes(b"")
    assert drifts(asked, tmp_path / "clone") == (edited("b"),)


def test_another_state_of_the_lock_is_told(asked: Lock, tmp_path: Path) -> None:
    content = tar(FILES)
    other = source("p", put(tmp_path, "upstream/new", content), content)
    fresh = source("r", put(tmp_path, "upstream/r", content), content)
    assert drifts(lock(other, fresh), tmp_path / "project") == (
        Drift("p", What.OUTDATED),
        Drift("q", What.UNLOCKED),
        Drift("r", What.ABSENT),
    )


def test_what_the_lock_records_counts(asked: Lock, tmp_path: Path) -> None:
    first, *others = asked.sources
    other = replace(first, tree="sha256:" + "0" * 64)
    recorded = replace(asked, preparation=RULES, sources=(other, *others))
    assert drifts(recorded, tmp_path / "project") == (Drift("p", What.UNLIKE),)
    assert drifts(replace(recorded, preparation=RULES + 1), tmp_path / "project") == ()


def test_where_no_pull_was(asked: Lock, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    absent = (Drift("p", What.ABSENT), Drift("q", What.ABSENT))
    assert drifts(asked, tmp_path / "bare") == absent
    put(tmp_path, "bare/duniverse/other/dune", b"")
    assert drifts(asked, tmp_path / "bare") == (Drift("other", What.STRANGER), *absent)
    put(tmp_path, "file/duniverse", b"")
    assert drifts(asked, tmp_path / "file") == (Drift("", What.NO_FOLDER),)
    put(tmp_path, "bare/duniverse/.mono.json", b"{")
    with pytest.raises(DuniverseError, match="cannot be read"):
        drifts(asked, tmp_path / "bare")


def test_lists_that_are_missing_are_made_again(asked: Lock, tmp_path: Path) -> None:
    """As after an update of a mono that kept none."""
    lists = tmp_path / "project/duniverse/.mono.files"
    good = tree(lists)
    shutil.rmtree(lists)
    assert pulled(asked, tmp_path).made == ()
    assert tree(lists) == good
