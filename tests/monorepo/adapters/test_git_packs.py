"""Commits carried from one cache to another as packs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from monorepo.adapters.git import GitClones
from monorepo.errors import RepositoryError
from tests.monorepo.fetch.sources import commit, repository, run_git, tree

FILES = {"a": b"1", "lib/run.sh": b"#!", "large": os.urandom(70_000), "empty": b""}
NOWHERE = "https://nowhere.invalid/x"


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    folder = repository(tmp_path / "upstream", {"old": b"before"})
    run_git(folder, "rm", "-q", "old")
    (folder / "link").symlink_to("a")
    commit(folder, FILES)
    return folder


def packed(upstream: Path, cache: Path, pack: Path) -> str:
    head = run_git(upstream, "rev-parse", "HEAD")
    GitClones(cache).write_pack(upstream.as_uri(), head, pack)
    return head


def pack_of(folder: Path, objects: list[str]) -> bytes:
    """git's own pack of these objects and no others."""
    given = "".join(f"{one}\n" for one in objects).encode()
    command = ["git", "pack-objects", "--quiet", "--stdout"]
    return subprocess.run(command, cwd=folder, input=given, stdout=subprocess.PIPE, check=True).stdout


def test_a_commit_arrives_whole_and_alone(upstream: Path, tmp_path: Path) -> None:
    head = packed(upstream, tmp_path / "one", tmp_path / "pack")
    there = GitClones(tmp_path / "two").without_network()
    there.take_pack(NOWHERE, head, tmp_path / "pack")
    there.export(NOWHERE, head, tmp_path / "out")
    assert tree(tmp_path / "out") == {**FILES, "link": "a"}
    (clone,) = (tmp_path / "two/git").glob("*[0-9a-f]")
    assert there.damage(clone) == ""
    assert run_git(clone, "rev-list", "--count", head) == "1"
    assert not list((tmp_path / "two/git").glob("pack-*"))
    there.take_pack(NOWHERE, head, tmp_path / "absent")  # it is there


def test_the_same_commit_gives_the_same_bytes(upstream: Path, tmp_path: Path) -> None:
    packed(upstream, tmp_path / "one", tmp_path / "pack")
    run_git(upstream, "gc", "-q", "--aggressive")
    run_git(upstream, "config", "pack.compression", "9")
    packed(upstream, tmp_path / "two", tmp_path / "other")
    assert (tmp_path / "pack").read_bytes() == (tmp_path / "other").read_bytes()


def test_other_objects_stay_out(upstream: Path, tmp_path: Path) -> None:
    """A pack that holds more than the commit brings no more than it."""
    head = run_git(upstream, "rev-parse", "HEAD")
    run_git(upstream, "branch", "other")
    commit(upstream, {"evil": b"evil"})
    listing = run_git(upstream, "rev-list", "--objects", "--all").splitlines()
    (tmp_path / "pack").write_bytes(pack_of(upstream, [line.split()[0] for line in listing]))
    there = GitClones(tmp_path / "two").without_network()
    there.take_pack(NOWHERE, head, tmp_path / "pack")
    evil = run_git(upstream, "rev-parse", "HEAD:evil")
    with pytest.raises(RepositoryError):
        there.objects(NOWHERE, head).blob(evil)


@pytest.mark.parametrize("harm", ["absent", "cut", "changed", "another", "no pack", "incomplete"])
def test_a_bad_pack_brings_nothing(upstream: Path, tmp_path: Path, harm: str) -> None:
    head = packed(upstream, tmp_path / "one", tmp_path / "pack")
    pack = tmp_path / "pack"
    content = bytearray(pack.read_bytes())
    if harm == "cut":
        del content[len(content) // 2 :]
    elif harm == "changed":
        content[len(content) // 2] ^= 1
    elif harm == "no pack":
        content = bytearray(b"[core]\n")
    pack.write_bytes(content)
    if harm == "another":
        packed(repository(tmp_path / "third", {"z": b"z"}), tmp_path / "one", pack)
    elif harm == "incomplete":
        pack.write_bytes(pack_of(upstream, [head]))
    elif harm == "absent":
        pack.unlink()
    there = GitClones(tmp_path / "two").without_network()
    with pytest.raises(RepositoryError):
        there.take_pack(NOWHERE, head, pack)
    with pytest.raises(RepositoryError, match="does not have the commit"):
        there.objects(NOWHERE, head)
    assert not list((tmp_path / "two/git").glob("pack-*"))


def damaged(clone: Path) -> bytes:
    """Change a byte in its only pack; what the pack is now."""
    (found,) = clone.glob("objects/pack/*.pack")
    found.chmod(0o644)
    content = bytearray(found.read_bytes())
    content[100] ^= 1
    found.write_bytes(content)
    return bytes(content)


def test_damage_of_a_clone_is_found(upstream: Path, tmp_path: Path) -> None:
    packed(upstream, tmp_path / "one", tmp_path / "pack")
    (clone,) = (tmp_path / "one/git").glob("*[0-9a-f]")
    clones = GitClones(tmp_path / "one")
    assert clones.damage(clone) == ""
    damaged(clone)
    assert clones.damage(clone) != ""


def test_no_damage_is_looked_for_where_the_server_is_away(upstream: Path, tmp_path: Path) -> None:
    """To read all of a large clone takes minutes; and what is damaged can only be had again from the server."""
    packed(upstream, tmp_path / "one", tmp_path / "pack")
    (clone,) = (tmp_path / "one/git").glob("*[0-9a-f]")
    content = damaged(clone)
    head = run_git(upstream, "rev-parse", "HEAD")
    upstream.rename(upstream.with_name("away"))
    clones = GitClones(tmp_path / "one")
    for ask in (
        lambda: clones.objects(upstream.as_uri(), "1" * 40),
        lambda: clones.export(upstream.as_uri(), "1" * 40, tmp_path / "out"),
    ):
        with pytest.raises(RepositoryError, match="there is no git repository there"):
            ask()
        (found,) = clone.glob("objects/pack/*.pack")
        assert found.read_bytes() == content
    upstream.with_name("away").rename(upstream)
    clones.export(upstream.as_uri(), head, tmp_path / "out")
    assert clones.damage(clone) == ""
