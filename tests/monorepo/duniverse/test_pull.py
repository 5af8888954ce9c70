"""Pull as a whole: what is on disk, what is left alone, and that a second one has nothing to do."""

from __future__ import annotations

import json
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from monorepo.adapters.git import GitClones
from monorepo.duniverse.state import source_digest
from monorepo.errors import DuniverseError, FetchError, LockError
from monorepo.fetch.progress import Silence
from monorepo.lock.model import ExtraSource, Lock, LockedSource
from tests.monorepo.fetch.sources import (
    checksum,
    commit,
    lock,
    pulled,
    put,
    repository,
    run_git,
    source,
    tar,
    tree,
    vendored,
)
from tests.support.git_server import serving_git

ONE, TWO, THREE = (tar({"p-1/a": text, "p-1/run.sh": b"#!"}) for text in (b"one", b"two", b"three"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


def archive(folder: Path, name: str, content: bytes) -> LockedSource:
    return source(name, put(folder, f"upstream/{name}-{len(content)}-{content[-8:].hex()}", content), content)


def two(folder: Path) -> Lock:
    return lock(archive(folder, "p", ONE), archive(folder, "q", TWO))


def test_what_a_pull_leaves(tmp_path: Path, project: Path) -> None:
    report = pulled(two(tmp_path), tmp_path)
    assert vendored(project) == {"p/a": b"one", "p/run.sh": b"#!", "q/a": b"two", "q/run.sh": b"#!"}
    assert (project / "duniverse/dune").read_text().endswith("(vendored_dirs *)\n")
    assert "mono pull" in (project / "duniverse/README.md").read_text()
    assert [path.name for path in project.iterdir()] == ["duniverse"]
    assert (report.made, report.kept, report.archives, report.downloaded) == (("p", "q"), (), 2, 2)


def test_the_same_lock_gives_the_same_bytes(tmp_path: Path) -> None:
    sources = two(tmp_path).sources
    pulled(lock(*sources), tmp_path)
    (tmp_path / "again").mkdir()
    old = os.umask(0o077)
    try:
        pulled(lock(*reversed(sources)), tmp_path / "again")
    finally:
        os.umask(old)
    first, second = tmp_path / "project", tmp_path / "again/project"
    assert tree(first) == tree(second)
    assert [stat.S_IMODE(path.stat().st_mode) for path in sorted((first / "duniverse").rglob("*"))] == [
        stat.S_IMODE(path.stat().st_mode) for path in sorted((second / "duniverse").rglob("*"))
    ]


def test_nothing_to_do_takes_neither_network_nor_cache(tmp_path: Path, project: Path) -> None:
    locked = two(tmp_path)
    pulled(locked, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*")}
    shutil.rmtree(tmp_path / "cache")
    shutil.rmtree(tmp_path / "upstream")
    report = pulled(locked, tmp_path)
    assert (report.made, report.kept) == ((), ("p", "q"))
    assert {path: path.stat().st_mtime_ns for path in project.rglob("*")} == before
    assert not (tmp_path / "cache").exists()


def test_only_what_changed_is_made_anew(tmp_path: Path, project: Path) -> None:
    pulled(two(tmp_path), tmp_path)
    inode = (project / "duniverse/p/a").stat().st_ino
    shutil.rmtree(tmp_path / "cache")
    report = pulled(lock(archive(tmp_path, "p", ONE), archive(tmp_path, "r", THREE)), tmp_path)
    assert (report.made, report.kept, report.removed, report.downloaded) == (("r",), ("p",), ("q",), 1)
    assert vendored(project) == {"p/a": b"one", "p/run.sh": b"#!", "r/a": b"three", "r/run.sh": b"#!"}
    assert (project / "duniverse/p/a").stat().st_ino == inode
    assert (project / "duniverse/p/a").stat().st_nlink == 1
    assert pulled(lock(archive(tmp_path, "p", ONE), archive(tmp_path, "r", THREE)), tmp_path).made == ()


def test_a_new_url_for_the_same_bytes_is_no_change(tmp_path: Path) -> None:
    pulled(lock(archive(tmp_path, "p", ONE)), tmp_path)
    assert pulled(lock(source("p", "https://nowhere.invalid/p", ONE)), tmp_path).made == ()


def test_everything_that_decides_the_content_changes_the_digest(tmp_path: Path) -> None:
    base = archive(tmp_path, "p", ONE)
    from dataclasses import replace

    from monorepo.lock.model import ExtraFile, ExtraSource, Substitution

    changed = [
        replace(base, checksums=archive(tmp_path, "p", TWO).checksums),
        replace(base, checksums=(), commit="0" * 40),
        replace(base, subpath="a"),
        replace(base, packages=("p", "z")),
        replace(base, patches=("x",)),
        replace(base, extra_files=(ExtraFile("x", "0" * 64),)),
        replace(base, extra_sources=(ExtraSource("x", "", (), ("md5=" + "0" * 32,)),)),
        replace(base, substitutions=(Substitution("x", (("v", True),)),)),
        replace(base, substitutions=(Substitution("x", (("v", "true"),)),)),
    ]
    digests = {source_digest(one) for one in (base, *changed)}
    assert len(digests) == 1 + len(changed)
    assert source_digest(replace(base, url="/other", mirrors=("/m",))) == source_digest(base)


@pytest.mark.parametrize("edit", ["change", "same size", "add", "remove", "mode", "link"])
def test_an_edit_by_hand_is_not_overwritten(tmp_path: Path, project: Path, edit: str) -> None:
    pulled(two(tmp_path), tmp_path)
    folder = project / "duniverse/p"
    if edit == "change":
        (folder / "a").write_bytes(b"mine, longer")
    elif edit == "same size":
        (folder / "a").write_bytes(b"ONE")
    elif edit == "add":
        (folder / "new").write_bytes(b"")
    elif edit == "remove":
        (folder / "a").unlink()
    elif edit == "mode":
        (folder / "a").chmod(0o755)
    else:
        shutil.rmtree(folder)
        folder.symlink_to(tmp_path)
    edited = tree(project)
    for locked in (two(tmp_path), lock(archive(tmp_path, "p", THREE)), lock(archive(tmp_path, "q", TWO))):
        with pytest.raises(
            DuniverseError, match="changed by hand since the last pull: duniverse/p"
        ) as failure:
            pulled(locked, tmp_path)
        assert "--force" in failure.value.hint
        assert failure.value.details == ("duniverse/p is not what mono wrote",)
        assert tree(project) == edited
    report = pulled(two(tmp_path), tmp_path, force=True)
    assert (report.made, report.kept) == (("p",), ("q",))
    assert vendored(project)["p/a"] == b"one"


def test_what_was_added_by_hand_is_not_removed(tmp_path: Path, project: Path) -> None:
    pulled(two(tmp_path), tmp_path)
    (project / "duniverse/mine").mkdir()
    with pytest.raises(DuniverseError) as failure:
        pulled(two(tmp_path), tmp_path)
    assert failure.value.details == ("duniverse/mine was not put there by mono",)
    assert (project / "duniverse/mine").is_dir()
    pulled(two(tmp_path), tmp_path, force=True)
    assert not (project / "duniverse/mine").exists()


def test_a_directory_that_was_removed_comes_back(tmp_path: Path, project: Path) -> None:
    pulled(two(tmp_path), tmp_path)
    shutil.rmtree(project / "duniverse/p")
    assert pulled(two(tmp_path), tmp_path).made == ("p",)
    assert vendored(project)["p/a"] == b"one"


def test_other_times_are_no_edit_and_are_set_right(tmp_path: Path, project: Path) -> None:
    """As after a fresh checkout of a duniverse that is kept in git."""
    pulled(two(tmp_path), tmp_path)
    state = (project / "duniverse/.mono.json").read_bytes()
    os.utime(project / "duniverse/p/a")
    (project / "duniverse/p/run.sh").chmod(0o775)
    assert pulled(two(tmp_path), tmp_path).made == ()
    assert (project / "duniverse/p/a").stat().st_mtime == 315532800
    assert (project / "duniverse/.mono.json").read_bytes() == state


def test_a_duniverse_of_another_tool_is_left(tmp_path: Path, project: Path) -> None:
    put(project, "duniverse/lwt/dune", b"")
    with pytest.raises(DuniverseError, match="a duniverse that mono did not make"):
        pulled(two(tmp_path), tmp_path)
    assert vendored(project) == {"lwt/dune": b""}
    pulled(two(tmp_path), tmp_path, force=True)
    assert "lwt/dune" not in vendored(project)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1, "directories": {"p": {}}}'])
def test_damaged_notes_are_told(tmp_path: Path, project: Path, text: str) -> None:
    pulled(two(tmp_path), tmp_path)
    (project / "duniverse/.mono.json").write_text(text)
    with pytest.raises(DuniverseError, match="notes on the duniverse cannot be read") as failure:
        pulled(two(tmp_path), tmp_path)
    assert "--force" in failure.value.hint
    pulled(two(tmp_path), tmp_path, force=True)
    assert set(json.loads((project / "duniverse/.mono.json").read_text())["directories"]) == {"p", "q"}


def test_the_generated_files_come_back(tmp_path: Path, project: Path) -> None:
    pulled(two(tmp_path), tmp_path)
    (project / "duniverse/dune").write_text("(dirs)")
    (project / "duniverse/README.md").unlink()
    pulled(two(tmp_path), tmp_path)
    assert (project / "duniverse/dune").read_text().endswith("(vendored_dirs *)\n")
    assert (project / "duniverse/README.md").exists()


def test_a_lock_without_sources_gives_an_empty_duniverse(tmp_path: Path, project: Path) -> None:
    pulled(lock(), tmp_path)
    assert vendored(project) == {}
    assert (project / "duniverse/dune").exists()
    assert pulled(lock(), tmp_path).made == ()


def test_leftovers_of_a_killed_pull_are_cleared(tmp_path: Path, project: Path) -> None:
    pulled(two(tmp_path), tmp_path)
    good = tree(project)
    put(project, ".duniverse.new/p/half", b"")
    put(project, ".duniverse.old/p/a", b"")
    assert pulled(two(tmp_path), tmp_path).made == ()
    assert tree(project) == good
    (project / "duniverse").rename(project / ".duniverse.old")
    put(project, ".duniverse.new/p/half", b"")
    assert pulled(two(tmp_path), tmp_path).made == ()
    assert tree(project) == good


def test_a_duniverse_that_is_a_link_is_not_followed(tmp_path: Path, project: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    project.mkdir()
    (project / "duniverse").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DuniverseError, match="symbolic link"):
        pulled(two(tmp_path), tmp_path)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert [path.name for path in project.iterdir()] == ["duniverse"]


@pytest.mark.parametrize("force", [False, True])
def test_a_duniverse_that_is_a_file_is_left(tmp_path: Path, project: Path, force: bool) -> None:
    put(project, "duniverse", b"mine")
    with pytest.raises(DuniverseError, match="it is a file"):
        pulled(two(tmp_path), tmp_path, force=force)
    assert tree(project) == {"duniverse": b"mine"}


def test_every_source_that_cannot_be_prepared_is_named(tmp_path: Path, project: Path) -> None:
    bad = [archive(tmp_path, name, b"no archive " + name.encode()) for name in ("p", "q")]
    with pytest.raises(FetchError) as failure:
        pulled(lock(*bad, archive(tmp_path, "r", ONE)), tmp_path)
    assert failure.value.reason == "2 sources could not be prepared"
    assert [line.split(":")[0] for line in failure.value.details if not line.startswith(" ")] == ["p", "q"]
    assert list(project.iterdir()) == []


def test_offline_says_all_that_is_missing_before_anything_changes(tmp_path: Path, project: Path) -> None:
    upstream = repository(tmp_path / "upstream", {"x": b"x"})
    head = run_git(upstream, "rev-parse", "HEAD")
    here = archive(tmp_path, "p", ONE)
    pulled(lock(here), tmp_path)
    before = tree(project)
    cached = source("p", "https://nowhere.invalid/p", ONE)
    missing = [
        source("q", "https://nowhere.invalid/q", TWO),
        LockedSource("g", "git+https://nowhere.invalid/g", ("g",), commit=head),
        replace(
            cached,
            directory="s",
            packages=("s",),
            extra_sources=(ExtraSource("extra", "https://nowhere.invalid/e", (), (checksum(b"extra"),)),),
        ),
    ]
    with pytest.raises(FetchError) as failure:
        pulled(lock(cached, *missing), tmp_path, offline=True)
    assert failure.value.reason.startswith("3 things that the lock wants are not on this machine")
    assert failure.value.details == (
        f"g: https://nowhere.invalid/g (commit {head})",
        f"q: https://nowhere.invalid/q ({checksum(TWO)})",
        f"s: https://nowhere.invalid/e ({checksum(b'extra')})",
    )
    assert "mono bundle create" in failure.value.hint
    assert tree(project) == before
    assert pulled(lock(cached), tmp_path, offline=True).kept == ("p",)


def test_offline_a_submodule_is_missing_as_well(tmp_path: Path) -> None:
    inner = repository(tmp_path / "git/inner", {"y": b"y"})
    outer = repository(tmp_path / "git/outer", {"x": b"x"})
    run_git(outer, "submodule", "--quiet", "add", "../inner", "sub")
    head = commit(outer, {})
    sub = run_git(inner, "rev-parse", "HEAD")
    with serving_git(tmp_path / "git") as url:
        locked = lock(LockedSource("g", f"git+{url}/outer", ("g",), commit=head))
        GitClones(tmp_path / "cache").objects(f"{url}/outer", head)
    with pytest.raises(FetchError) as failure:
        pulled(locked, tmp_path, offline=True)
    assert failure.value.details == (f"g: {url}/inner (commit {sub})",)


def test_relative_mirrors_are_the_projects(tmp_path: Path, project: Path) -> None:
    digest = archive(tmp_path, "p", ONE).checksums[0].removeprefix("sha256=")
    put(project, f"archives/sha256/{digest[:2]}/{digest}", ONE)
    report = pulled(lock(source("p", "https://nowhere.invalid/p", ONE), mirrors=("archives",)), tmp_path)
    assert report.downloaded == 1


class Heard(Silence):
    def __init__(self) -> None:
        self.words: list[str] = []

    def started(self, stage: str, items: int) -> None:
        self.words.append(f"{stage} {items}")

    def finished(self, item: str) -> None:
        self.words.append(item)


def test_progress_is_told(tmp_path: Path) -> None:
    heard = Heard()
    pulled(two(tmp_path), tmp_path, progress=heard)
    assert sorted(heard.words) == ["fetching 2", "p", "p", "preparing 2", "q", "q"]


def test_git_sources(tmp_path: Path, project: Path) -> None:
    upstream = repository(tmp_path / "upstream/q", {"dune": b"", "lib/a.ml": b"1"})
    commit = run_git(upstream, "rev-parse", "HEAD")
    locked = LockedSource("q", f"git+file://{upstream}#main", ("q",), commit=commit)
    report = pulled(lock(locked, archive(tmp_path, "p", ONE)), tmp_path)
    assert report.made == ("p", "q")
    assert vendored(project) == {"p/a": b"one", "p/run.sh": b"#!", "q/dune": b"", "q/lib/a.ml": b"1"}
    shutil.rmtree(upstream)
    assert pulled(lock(locked, archive(tmp_path, "p", ONE)), tmp_path).made == ()
    shutil.rmtree(project)
    assert pulled(lock(locked, archive(tmp_path, "p", ONE)), tmp_path, offline=True).made == ("p", "q")
    missing = LockedSource("r", f"git+file://{upstream}", ("r",), commit="1" * 40)
    with pytest.raises(FetchError, match=f"at {missing.commit}") as failure:
        pulled(lock(missing), tmp_path)
    assert failure.value.place == "r"


def test_a_lock_that_breaks_its_own_formulas_is_refused_before_anything_else(
    tmp_path: Path, project: Path
) -> None:
    locked = two(tmp_path)
    root, first, *others = locked.packages
    broken = replace(locked, packages=(root, replace(first, depends=("gone {>= 2}",)), *others))
    with pytest.raises(LockError, match="the lock breaks what it says of its own packages") as caught:
        pulled(broken, tmp_path)
    assert caught.value.details == ("p.1 on host: its dependency on gone is not met",)
    assert not project.exists() or not any(project.iterdir())
