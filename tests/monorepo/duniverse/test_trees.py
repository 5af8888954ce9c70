"""The cache of prepared trees: a source is prepared once, placed in three ways, and never believed when changed."""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builder.digest import tree_digest
from monorepo.adapters.workers import ProcessWorkers
from monorepo.duniverse.placing import LinkMode, Placing, choose
from monorepo.duniverse.stamp import stamp
from monorepo.duniverse.state import read_state, source_digest
from monorepo.duniverse.trees import TreeCache
from monorepo.errors import DuniverseError, FetchError
from monorepo.fetch.tree import EPOCH
from monorepo.lock.model import ExtraSource, Lock, LockedSource
from tests.faults.namespace import cloning as cloning_at
from tests.faults.namespace import own_mounts, run
from tests.monorepo.fetch.sources import (
    checksum,
    lock,
    pulled,
    put,
    repository,
    run_git,
    source,
    tar,
    tar_members,
    tree,
    vendored,
)

CONTENT = tar_members(
    ("p-1/a", {}, b"text"),
    ("p-1/run.sh", {"mode": 0o755}, b"#!"),
    ("p-1/in/side", {}, b"more"),
    ("p-1/link", {"type": b"2", "linkname": "in/side"}, b""),
    ("p-1/empty", {"type": b"5"}, b""),
)
FILES = {"p/a": b"text", "p/run.sh": b"#!", "p/in/side": b"more", "p/link": "in/side"}
WAYS = [LinkMode.HARDLINK, LinkMode.COPY]


def one(folder: Path) -> Lock:
    return lock(source("p", put(folder, "upstream/p", CONTENT), CONTENT))


def entry(folder: Path, locked: Lock) -> Path:
    return TreeCache(folder / "cache").entry(source_digest(locked.sources[0]))


def again(folder: Path, locked: Lock) -> dict[str, bytes | str]:
    """What is pulled from the cache alone, its archives and the old duniverse being gone."""
    shutil.rmtree(folder / "project")
    shutil.rmtree(folder / "cache/archives", ignore_errors=True)
    shutil.rmtree(folder / "upstream", ignore_errors=True)
    report = pulled(locked, folder)
    assert (report.made, report.downloaded) == (("p",), 0)
    return vendored(folder / "project")


def test_a_prepared_source_needs_neither_network_nor_archive(tmp_path: Path) -> None:
    locked = one(tmp_path)
    pulled(locked, tmp_path)
    assert again(tmp_path, locked) == FILES
    assert (tmp_path / "project/duniverse/p/empty").is_dir()


def test_what_an_entry_is(tmp_path: Path) -> None:
    locked = one(tmp_path)
    pulled(locked, tmp_path)
    made = entry(tmp_path, locked)
    digest = source_digest(locked.sources[0]).removeprefix("sha256:")
    assert made == tmp_path / "cache/trees" / digest[:2] / digest
    assert sorted(path.name for path in made.iterdir()) == ["about.json", "files", "tree"]
    about = json.loads((made / "about.json").read_text())
    assert about["format"] == 1
    assert about["digest"] == tree_digest(made / "tree") == tree_digest(tmp_path / "project/duniverse/p")
    assert about["stamp"] == stamp(made / "tree") == stamp(tmp_path / "project/duniverse/p")
    assert (about["directory"], about["packages"]) == ("p", ["p"])
    assert about["url"] == locked.sources[0].url
    modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in (made / "tree").rglob("*")}
    assert modes == {"a": 0o444, "run.sh": 0o555, "in": 0o755, "side": 0o444, "link": 0o777, "empty": 0o755}
    assert stat.S_IMODE(made.stat().st_mode) == 0o755
    assert {path.lstat().st_mtime for path in (made / "tree").rglob("*") if not path.is_dir()} == {EPOCH}
    assert list((tmp_path / "cache/incoming").iterdir()) == []


def test_whoever_uses_an_entry_sets_its_time(tmp_path: Path) -> None:
    locked = one(tmp_path)
    pulled(locked, tmp_path)
    about = entry(tmp_path, locked) / "about.json"
    os.utime(about, (1, 1))
    again(tmp_path, locked)
    assert about.stat().st_mtime > 1


@pytest.mark.parametrize("mode", WAYS)
def test_every_way_gives_the_same_duniverse(tmp_path: Path, mode: LinkMode) -> None:
    locked = one(tmp_path)
    pulled(locked, tmp_path, link_mode=mode)
    assert vendored(tmp_path / "project") == FILES
    (tmp_path / "other").mkdir()
    pulled(locked, tmp_path / "other")
    assert tree(tmp_path / "project") == tree(tmp_path / "other/project")
    file, script = tmp_path / "project/duniverse/p/a", tmp_path / "project/duniverse/p/run.sh"
    shared = mode is LinkMode.HARDLINK
    assert (file.stat().st_nlink == 2) is shared
    assert stat.S_IMODE(file.stat().st_mode) == (0o444 if shared else 0o644)
    assert stat.S_IMODE(script.stat().st_mode) == (0o555 if shared else 0o755)
    assert pulled(locked, tmp_path, link_mode=LinkMode.COPY).made == ()


def test_a_file_that_is_the_projects_own_leaves_the_cache_as_it_is(tmp_path: Path) -> None:
    locked = one(tmp_path)
    pulled(locked, tmp_path, link_mode=LinkMode.COPY)
    (tmp_path / "project/duniverse/p/a").write_bytes(b"mine")
    assert again(tmp_path, locked) == FILES


def overwritten(file: Path) -> None:
    """As root may, whatever the mode says."""
    file.chmod(0o644)
    file.write_bytes(b"evil")
    file.chmod(0o444)


def through_a_link(file: Path) -> None:
    link = file.parents[5] / "project/duniverse/p/a"
    assert link.samefile(file)
    overwritten(link)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "edited": overwritten,
    "edited in duniverse/": through_a_link,
    "cut": lambda file: os.truncate(file, 1),
    "gone": lambda file: file.unlink(),
    "added": lambda file: (file.parent / "new").write_bytes(b""),
    "may be executed": lambda file: file.chmod(0o555),
    "may be written": lambda file: file.chmod(0o644),
    "another kind": lambda file: (file.unlink(), file.symlink_to("run.sh")),
    "no tree": lambda file: shutil.rmtree(file.parent),
    "no notes": lambda file: (file.parents[1] / "about.json").unlink(),
    "half notes": lambda file: os.truncate(file.parents[1] / "about.json", 30),
    "notes of another kind": lambda file: (file.parents[1] / "about.json").write_text('{"format": 2}'),
    "notes about nothing": lambda file: (file.parents[1] / "about.json").write_text("[]"),
    "a file instead": lambda file: (shutil.rmtree(file.parents[1]), file.parents[1].write_bytes(b"")),
    "an empty folder instead": lambda file: (shutil.rmtree(file.parents[1]), file.parents[1].mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_made_anew(tmp_path: Path, damage: str) -> None:
    locked = one(tmp_path)
    pulled(locked, tmp_path, link_mode=LinkMode.HARDLINK)
    DAMAGES[damage](entry(tmp_path, locked) / "tree/a")
    shutil.rmtree(tmp_path / "project")
    report = pulled(locked, tmp_path)
    assert report.downloaded == 0  # the archive is still there
    assert vendored(tmp_path / "project") == FILES
    assert again(tmp_path, locked) == FILES
    assert list((tmp_path / "cache/incoming").iterdir()) == []


def test_a_damaged_entry_is_fetched_again_without_its_archive(tmp_path: Path) -> None:
    locked = one(tmp_path)
    pulled(locked, tmp_path)
    overwritten(entry(tmp_path, locked) / "tree/a")
    shutil.rmtree(tmp_path / "project")
    shutil.rmtree(tmp_path / "cache/archives")
    assert pulled(locked, tmp_path).downloaded == 1
    assert vendored(tmp_path / "project") == FILES


def test_other_times_in_a_shared_file_are_set_right_and_it_stays_read_only(tmp_path: Path) -> None:
    locked = one(tmp_path)
    pulled(locked, tmp_path, link_mode=LinkMode.HARDLINK)
    file = tmp_path / "project/duniverse/p/a"
    os.utime(file)
    assert pulled(locked, tmp_path).made == ()
    assert file.stat().st_mtime == EPOCH
    assert stat.S_IMODE(file.stat().st_mode) == 0o444


def test_a_way_that_cannot_be_had_is_one_error(tmp_path: Path) -> None:
    put(tmp_path, "file", b"")
    elsewhere = Path("/dev/shm")
    if not os.access(elsewhere, os.W_OK) or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system to place a file on")
    target = elsewhere / f"mono-probe-{os.getpid()}"
    with pytest.raises(DuniverseError, match="cannot be placed here by hardlink: Invalid cross") as failure:
        choose(LinkMode.HARDLINK, tmp_path / "file", target, tmp_path)
    assert "without --link-mode" in failure.value.hint and "MONO_CACHE" in failure.value.hint
    assert failure.value.details == (f"the cache is {tmp_path}, on another file system",)
    assert not target.exists()


def clones(folder: Path) -> bool:
    """Whether the file system of ``folder`` has reflinks."""
    put(folder, "file", b"")
    return choose(None, folder / "file", folder / "clone", folder).mode is LinkMode.REFLINK


def test_a_pull_that_cannot_share_leaves_the_old_duniverse(tmp_path: Path) -> None:
    if clones(tmp_path):
        pytest.skip("this file system clones files")
    pulled(one(tmp_path), tmp_path)
    other = tar({"p/other": b""})
    before = tree(tmp_path / "project")
    with pytest.raises(DuniverseError, match="cannot be placed here by reflink") as failure:
        pulled(lock(source("p", put(tmp_path, "q", other), other)), tmp_path, link_mode=LinkMode.REFLINK)
    assert failure.value.place == str(tmp_path / "project")
    assert failure.value.details == (f"the cache is {tmp_path / 'cache'}",)
    assert tree(tmp_path / "project") == before
    assert [path.name for path in (tmp_path / "project").iterdir()] == ["duniverse"]


@pytest.fixture
def cloning(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that has reflinks."""
    folder = tmp_path / "cloning"
    with own_mounts():
        cloning_at(folder)
        yield folder


def used(folder: Path) -> int:
    """Bytes that are taken on the file system of ``folder``."""
    run("sync", "--file-system", folder)
    return shutil.disk_usage(folder).used


def test_a_clone_is_the_projects_own(cloning: Path) -> None:
    locked = one(cloning)
    for mode in (LinkMode.REFLINK, None):  # it is the cheapest way that leaves the cache alone
        pulled(locked, cloning, link_mode=mode)
        file, script = cloning / "project/duniverse/p/a", cloning / "project/duniverse/p/run.sh"
        assert (file.stat().st_nlink, stat.S_IMODE(file.stat().st_mode)) == (1, 0o644)
        assert (stat.S_IMODE(script.stat().st_mode), script.stat().st_mtime) == (0o755, EPOCH)
        assert pulled(locked, cloning).made == ()
        file.write_bytes(b"mine")
        script.chmod(0o777)
        assert again(cloning, locked) == FILES
        shutil.rmtree(cloning / "project")


def test_a_clone_takes_no_room(cloning: Path) -> None:
    content = tar({"p/large": random.Random(1).randbytes(20 << 20)}, "w")
    locked = lock(source("p", put(cloning, "upstream/p", content), content))
    pulled(locked, cloning, link_mode=LinkMode.COPY)
    room = {}
    for mode in (LinkMode.COPY, LinkMode.REFLINK):
        shutil.rmtree(cloning / "project")
        before = used(cloning)
        pulled(locked, cloning, link_mode=mode)
        room[mode] = used(cloning) - before
    assert room[LinkMode.COPY] > 19 << 20
    assert room[LinkMode.REFLINK] < 1 << 20


def test_files_are_cloned_within_one_file_system_alone(cloning: Path, tmp_path: Path) -> None:
    put(cloning, "file", b"text")
    put(tmp_path, "file", b"text")
    with pytest.raises(DuniverseError, match="cannot be placed here by reflink: Invalid cross"):
        choose(LinkMode.REFLINK, tmp_path / "file", cloning / "target", tmp_path)
    assert not (cloning / "target").exists()
    assert choose(None, tmp_path / "file", cloning / "target", tmp_path).mode is LinkMode.COPY
    assert choose(None, cloning / "file", cloning / "target", cloning).mode is LinkMode.REFLINK


def test_a_file_that_refuses_to_be_shared_is_copied(tmp_path: Path) -> None:
    put(tmp_path, "file", b"text")
    target = tmp_path / "target"
    Placing(LinkMode.REFLINK).file(str(tmp_path / "file"), str(target), 0o755)
    assert target.read_bytes() == b"text"
    assert (stat.S_IMODE(target.stat().st_mode), target.stat().st_mtime) == (0o755, EPOCH)


def test_leavings_of_a_killed_maker_are_cleared(tmp_path: Path) -> None:
    locked = one(tmp_path)
    put(tmp_path / "cache", "incoming/tree-killed/unpacked/x", b"")
    with TreeCache(tmp_path / "cache").making() as busy:
        pulled(locked, tmp_path)
        assert [path.name for path in (tmp_path / "cache/incoming").iterdir()] == [busy.name]
    assert list((tmp_path / "cache/incoming").iterdir()) == []


def test_an_unusable_cache_is_told(tmp_path: Path) -> None:
    put(tmp_path, "cache", b"a file")
    with pytest.raises(FetchError, match="cache cannot be used"):
        pulled(one(tmp_path), tmp_path)
    assert list((tmp_path / "project").iterdir()) == []


def test_what_shares_a_directorys_name_shares_nothing_else(tmp_path: Path) -> None:
    """Every entry is of one source, whatever the directory is called."""
    other = tar({"p-2/b": b"other"})
    pulled(one(tmp_path), tmp_path)
    pulled(lock(source("p", put(tmp_path, "p2", other), other)), tmp_path)
    assert vendored(tmp_path / "project") == {"p/b": b"other"}
    pulled(one(tmp_path), tmp_path)
    assert vendored(tmp_path / "project") == FILES
    assert len(list((tmp_path / "cache/trees").glob("*/*"))) == 2


@pytest.mark.parametrize("fork", [True, False])
def test_real_processes_do_the_same(tmp_path: Path, fork: bool) -> None:
    """A git source, a patch and an archive, prepared elsewhere; what goes wrong there is told here."""
    upstream = repository(tmp_path / "upstream/q", {"dune": b"", "lib/a.ml": b"1\n"})
    patch = b"--- a/lib/a.ml\n+++ b/lib/a.ml\n@@ -1 +1 @@\n-1\n+2\n"
    extra = ExtraSource("x.patch", put(tmp_path, "x.patch", patch), (), (checksum(patch),))
    git = LockedSource(
        "q",
        f"git+file://{upstream}",
        ("q",),
        commit=run_git(upstream, "rev-parse", "HEAD"),
        extra_sources=(extra,),
        patches=("x.patch",),
    )
    locked = lock(*one(tmp_path).sources, git)
    workers = ProcessWorkers(2, fork=fork)
    report = pulled(locked, tmp_path, workers=workers)
    assert report.made == ("p", "q")
    assert vendored(tmp_path / "project") == {
        **FILES,
        "q/dune": b"",
        "q/lib/a.ml": b"2\n",
        "q/x.patch": patch,
    }
    bad = [source(name, put(tmp_path, name, name.encode()), name.encode()) for name in ("r", "s")]
    with pytest.raises(FetchError) as failure:
        pulled(lock(*bad), tmp_path, workers=workers, force=True)
    assert failure.value.reason == "2 sources could not be prepared"
    assert "r: this is no archive that mono knows" in failure.value.details
    notes = read_state(tmp_path / "project/duniverse")
    assert notes is not None and set(notes) == {"p", "q"}
