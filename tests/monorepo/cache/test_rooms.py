"""What is listed of a cache, what is pruned and when, and what `verify` finds damaged."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from builder.digest import tree_digest
from monorepo.adapters.git import GitClones
from monorepo.cache.prune import DAY, prune
from monorepo.cache.rooms import Room, contents
from monorepo.cache.use import alone, in_use
from monorepo.cache.verify import Bad, Verified, verify
from monorepo.errors import MonoError
from monorepo.fetch.progress import Silence
from monorepo.repositories import kept_archive, kept_folder
from overlays.cache import MetadataCache
from overlays.copies import copy_members
from overlays.repository import open_archive, open_folder
from tests.monorepo.fetch.sources import checksum, lock, pulled, put, repository, run_git, source, tar

NOW = time.time()
CONTENT = tar({"p-1/a": b"one"})
OPAM = b'opam-version: "2.0"\n'


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def full(tmp_path: Path, cache: Path) -> Path:
    """A cache with something in most rooms, made as mono makes it."""
    locked = lock(source("p", put(tmp_path, "upstream/p", CONTENT), CONTENT))
    pulled(locked, tmp_path)
    upstream = repository(tmp_path / "git", {"x": b"x"})
    GitClones(cache).objects(upstream.as_uri(), run_git(upstream, "rev-parse", "HEAD"))
    archive = tar({"packages/a/a.1/opam": OPAM})
    content = checksum(archive).replace("=", ":")
    put(cache, kept_archive(Path(), content).as_posix(), archive)
    open_archive("r", kept_archive(cache, content), cache / "repositories", MetadataCache(cache / "metadata"))
    put(tmp_path, "folder/packages/a/a.1/opam", OPAM)
    folder = open_folder("f", tmp_path / "folder")
    folder.package("a", "1")
    copy = kept_folder(cache, folder.content_hash())
    for name, bytes_ in copy_members(folder):
        if bytes_ is not None:
            put(copy, name, bytes_)
    tree = cache / "trees/ab" / ("ab" * 32)
    put(tree, "tree/a.ml", b"let a = 1\n")
    about = {"format": 1, "digest": tree_digest(tree / "tree"), "packages": ["a", "b"], "url": "https://x"}
    put(tree, "about.json", json.dumps(about).encode())
    put(cache, "answers/00ff.json", b"answer")
    put(cache, "fresh/00ff.json", b"note")
    put(cache, "incoming/sha256-00ff.part", b"part")
    return cache


def aged(cache: Path, room: Room, days: float) -> None:
    """Have every entry of a room used so long before `NOW`."""
    for path in (
        cache / {Room.SNAPSHOTS: "repositories", Room.NOTES: "fresh", Room.PARTS: "incoming"}.get(room, room)
    ).rglob("*"):
        os.utime(path, (NOW - days * DAY, NOW - days * DAY))


def rooms(cache: Path) -> dict[Room, int]:
    found: dict[Room, int] = {}
    for entry in contents(cache).entries:
        found[entry.room] = found.get(entry.room, 0) + 1
    return found


def verified(cache: Path, *, dry_run: bool = False) -> Verified:
    return verify(cache, GitClones(cache).without_network(), Silence(), dry_run=dry_run)


def test_each_entry_is_told_in_its_room(full: Path, tmp_path: Path) -> None:
    locked = lock(source("p", "https://nowhere.invalid/p", CONTENT))
    found = contents(full, locked)
    by_room = {entry.room: entry for entry in found.entries if entry.room is not Room.SNAPSHOTS}
    trees = {entry.about for entry in found.entries if entry.room is Room.TREES}
    assert rooms(full) == {
        Room.ARCHIVES: 1,
        Room.TREES: 2,
        Room.GIT: 1,
        Room.SNAPSHOTS: 3,
        Room.ANSWERS: 1,
        Room.NOTES: 1,
        Room.PARTS: 1,
    }
    assert by_room[Room.ARCHIVES].size == len(CONTENT)
    assert by_room[Room.ARCHIVES].about == "p"
    assert trees == {"a, b", "p"}
    assert by_room[Room.GIT].about == (tmp_path / "git").as_uri()
    assert {entry.path.name for entry in found.leftovers} <= {f"{by_room[Room.GIT].name}.lock"}


def test_an_absent_cache_is_empty(cache: Path) -> None:
    assert contents(cache).entries == ()
    assert prune(cache, NOW, 0, lambda: None).removed == ()
    assert verified(cache) == Verified(0, 0, ())
    assert not cache.exists()


def test_only_what_is_old_goes_and_all_leftovers(full: Path) -> None:
    for room in Room:
        aged(full, room, 1)
    aged(full, Room.ARCHIVES, 31)
    aged(full, Room.PARTS, 8)  # nobody goes on with it any more
    (git,) = (full / "git").glob("*[0-9a-f]")
    leftovers = (
        "git/pack-abcd_012/y",
        "repositories/downloads/new-abcd_012",
        f"repositories/{'ab' * 32}.snapshot.x",
        f"metadata/{'ab' * 16}.metadata.x",
        "archives/swh/ab/swh-abcd_012/y",
        f"trees/ab/{'ab' * 32}.gone/x",
        "incoming/bundle-abcd_012/y",
        f"answers/{'ab' * 32}.7",
        f"{git}.new/HEAD",
    )
    for leftover in leftovers:
        put(full, leftover, b"left")
    mine = (
        "mine.txt",
        "git/tree-sitter/x",
        "git/new-projects/x",
        "git/cafe.ml",
        "trees/mine",
        "archives/a/b/c",
        "answers/mine.json",
        "incoming/mine",
    )
    for name in mine:
        put(full, name, b"not mono's")
    before = {path for path in full.rglob("*") if path.is_file()}
    pruned = prune(full, NOW, 30 * DAY, pytest.fail, dry_run=True)
    assert {path for path in full.rglob("*") if path.is_file()} == before
    assert prune(full, NOW, 30 * DAY, pytest.fail) == pruned
    assert rooms(full) == {Room.TREES: 2, Room.GIT: 1, Room.SNAPSHOTS: 3, Room.ANSWERS: 1, Room.NOTES: 1}
    assert contents(full).leftovers == ()
    assert all((full / name).exists() for name in mine)
    assert not (full / "archives/sha256").exists()
    assert pruned.kept == 8


def test_using_an_entry_keeps_it(full: Path, tmp_path: Path) -> None:
    for room in Room:
        aged(full, room, 31)
    upstream = tmp_path / "git"
    GitClones(full).objects(upstream.as_uri(), run_git(upstream, "rev-parse", "HEAD"))
    (archive,) = (full / "repositories/downloads").iterdir()
    open_archive("r", archive, full / "repositories")
    prune(full, NOW, 30 * DAY, pytest.fail)
    assert {entry.room for entry in contents(full).entries} == {Room.GIT, Room.SNAPSHOTS}


def test_looking_at_history_keeps_the_commits(full: Path, tmp_path: Path) -> None:
    upstream = tmp_path / "git"
    run_git(upstream, "config", "uploadpack.allowFilter", "true")
    GitClones(full).history(upstream.as_uri(), None)
    aged(full, Room.GIT, 31)
    GitClones(full).history(upstream.as_uri(), None)
    prune(full, NOW, 30 * DAY, pytest.fail)
    assert [entry.name.partition(".")[2] for entry in contents(full).entries if entry.room is Room.GIT] == [
        "commits"
    ]


def test_prune_of_everything(full: Path) -> None:
    prune(full, NOW, float("-inf"), pytest.fail)
    assert contents(full) == contents(full / "nowhere")
    assert [path.name for path in full.iterdir()] == ["use.lock"]


def _hold(cache: Path, held: Event, go: Event) -> None:
    with in_use(cache):
        held.set()
        go.wait(30)


def test_prune_waits_for_who_uses_the_cache(full: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held, go = context.Event(), context.Event()
    user = context.Process(target=_hold, args=(full, held, go))
    user.start()
    assert held.wait(60)
    heard, done = threading.Event(), threading.Event()

    def work() -> None:
        prune(full, NOW, float("-inf"), heard.set)
        done.set()

    pruner = threading.Thread(target=work)
    pruner.start()
    assert heard.wait(30)
    time.sleep(0.1)
    assert not done.is_set()
    assert Room.ARCHIVES in rooms(full)
    go.set()
    pruner.join(30)
    user.join(30)
    assert rooms(full) == {}


def test_who_uses_the_cache_waits_for_prune_and_not_for_others(cache: Path) -> None:
    with in_use(cache, pytest.fail), in_use(cache, pytest.fail):
        pass
    heard = threading.Event()

    def use() -> None:
        with in_use(cache, heard.set):
            pass

    with alone(cache, pytest.fail):
        user = threading.Thread(target=use)
        user.start()
        assert heard.wait(30)
    user.join(30)
    assert not user.is_alive()


READER = """
import sys
from pathlib import Path
from monorepo.cache.use import LOCK, in_use
try:
    (Path(sys.argv[1]) / LOCK).open("ab")
except PermissionError:
    with in_use(Path(sys.argv[1])):
        print(1, flush=True)
        sys.stdin.read()
"""


@pytest.mark.skipif(
    os.geteuid() == 0 and subprocess.run(["unshare", "--user", "true"], check=False).returncode != 0,
    reason="root may write whatever a mode says, and there is no being anybody else",
)
def test_who_may_only_read_the_cache_holds_it_as_well(cache: Path) -> None:
    """A descriptor to write with could not be had there."""
    with in_use(cache, pytest.fail):
        pass
    (cache / "use.lock").chmod(0o444)
    plain = ("unshare", "--user") if os.geteuid() == 0 else ()  # root may write whatever a mode says
    command = [*plain, sys.executable, "-c", READER, str(cache)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdin is not None
        assert reader.stdout.readline() == b"1\n"
        heard = threading.Event()
        pruner = threading.Thread(target=prune, args=(cache, NOW, 0, heard.set))
        pruner.start()
        assert heard.wait(30)
        reader.stdin.close()
        pruner.join(30)


def test_a_cache_that_cannot_be_made_is_used_without_a_lock(tmp_path: Path) -> None:
    put(tmp_path, "file", b"")
    with in_use(tmp_path / "file/cache", pytest.fail):
        pass
    with pytest.raises(MonoError, match="cache cannot be used"), alone(tmp_path / "file/cache", pytest.fail):
        pass


def test_a_whole_cache_is_good(full: Path) -> None:
    found = verified(full)
    assert (found.count, found.bad) == (7, ())


def _flipped(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("pattern", "room", "reason"),
    [
        ("archives/sha256/*/*", Room.ARCHIVES, "its checksum is sha256="),
        (f"trees/ab/{'ab' * 32}/tree/a.ml", Room.TREES, "its digest is sha256:"),
        (f"trees/ab/{'ab' * 32}/about.json", Room.TREES, ""),
        ("git/*/objects/pack/*.pack", Room.GIT, ""),
        ("repositories/downloads/*", Room.SNAPSHOTS, "its checksum is sha256="),
        ("repositories/*.snapshot", Room.SNAPSHOTS, "damaged"),
        ("repositories/folders/*/statement", Room.SNAPSHOTS, "statement"),
        ("repositories/folders/*/tree/packages/a/a.1/opam", Room.SNAPSHOTS, "its files"),
    ],
)
def test_damage_is_found_and_removed(full: Path, pattern: str, room: Room, reason: str) -> None:
    (path,) = full.glob(pattern)
    _flipped(path)
    for dry_run in (True, False):
        found = verified(full, dry_run=dry_run)
        (bad,) = found.bad
        assert isinstance(bad, Bad)
        assert bad.entry.room is room
        assert reason in bad.reason
        assert bad.reason != ""
        assert bad.entry.path.exists() is dry_run
    assert verified(full).bad == ()
    assert not path.exists()


def test_what_cannot_be_read_is_bad(full: Path) -> None:
    (path,) = full.glob("archives/sha256/*/*")
    path.unlink()
    path.mkdir()
    (bad,) = verified(full).bad
    assert "cannot be read" in bad.reason
    assert not path.exists()
