"""Trees in the lock: recorded by the first pull, compared by every later one, and no change of the lock."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from builder.digest import tree_digest
from monorepo.adapters.git import GitClones
from monorepo.duniverse.pull import fetch_trees
from monorepo.duniverse.state import RULES
from monorepo.errors import DuniverseError, FetchError
from monorepo.fetch.progress import Silence
from monorepo.lock.difference import difference
from monorepo.lock.format import FILE, REVISION
from monorepo.lock.model import Lock, LockedSource
from monorepo.lock.reader import load_lock
from monorepo.lock.trees import trees_of, without_trees
from monorepo.lock.writer import replace_lock
from tests.monorepo.fetch.sources import (
    Inline,
    NoHttp,
    commit,
    lock,
    pulled,
    put,
    run_git,
    source,
    tar,
    tree,
    vendored,
)

OTHER = "sha256:" + "0" * 64


def archive(folder: Path, name: str, content: bytes = b"1") -> LockedSource:
    made = tar({"p-1/a": content})
    return source(name, put(folder, f"upstream/{name}", made), made)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose lock no pull has seen."""
    project = tmp_path / "project"
    project.mkdir()
    asked = lock(archive(tmp_path, "p"), archive(tmp_path, "q", b"2"))
    write(replace(asked, inputs=OTHER), project)
    return project


def write(asked: Lock, project: Path) -> Lock:
    replace_lock(asked, project)
    return load_lock(project)


def again(tmp_path: Path, **options: object) -> None:
    """Pull with what mono.lock says, as if on another machine."""
    shutil.rmtree(tmp_path / "project/duniverse", ignore_errors=True)
    pulled(load_lock(tmp_path / "project"), tmp_path, **options)


def recorded(project: Path) -> dict[str, str]:
    return {one.directory: one.tree for one in load_lock(project).sources}


def test_the_first_pull_records_and_the_next_writes_nothing(tmp_path: Path, project: Path) -> None:
    before = load_lock(project)
    report = pulled(before, tmp_path)
    assert (report.recorded, report.notes) == (2, ())
    now = load_lock(project)
    assert now.preparation == RULES
    assert recorded(project) == {name: tree_digest(project / "duniverse" / name) for name in ("p", "q")}
    assert without_trees(now) == before
    written = (project / FILE).stat()
    assert pulled(now, tmp_path).recorded == 0
    again(tmp_path)
    assert (project / FILE).stat() == written
    assert sorted(path.name for path in project.iterdir()) == ["duniverse", FILE]


def test_a_pull_with_nothing_to_do_records_what_is_there(tmp_path: Path, project: Path) -> None:
    before = load_lock(project)
    pulled(before, tmp_path)
    good = recorded(project)
    write(before, project)
    report = pulled(before, tmp_path)
    assert (report.made, report.recorded) == ((), 2)
    assert recorded(project) == good


def test_only_what_is_missing_is_added(tmp_path: Path, project: Path) -> None:
    pulled(load_lock(project), tmp_path)
    now = load_lock(project)
    write(
        replace(
            now, sources=tuple(replace(s, tree=s.tree if s.directory == "p" else "") for s in now.sources)
        ),
        project,
    )
    assert pulled(load_lock(project), tmp_path).recorded == 1
    assert load_lock(project) == now


@pytest.mark.parametrize("there", [True, False])
def test_another_tree_is_refused_and_nothing_changes(tmp_path: Path, project: Path, there: bool) -> None:
    pulled(load_lock(project), tmp_path)
    now = load_lock(project)
    good = recorded(project)["q"]
    bad = write(replace(now, sources=(now.sources[0], replace(now.sources[1], tree=OTHER))), project)
    if not there:
        shutil.rmtree(project / "duniverse/q")
    before = tree(project)
    with pytest.raises(DuniverseError, match=r"not what mono\.lock records") as failure:
        pulled(bad, tmp_path)
    assert failure.value.place == "q"
    assert good in failure.value.details[0] and OTHER in failure.value.details[1]
    assert "delete the line tree of q in mono.lock" in failure.value.hint
    assert tree(project) == before


def test_trees_of_older_rules_are_recorded_anew(tmp_path: Path, project: Path) -> None:
    now = load_lock(project)
    write(
        replace(now, preparation=RULES - 1, sources=tuple(replace(s, tree=OTHER) for s in now.sources)),
        project,
    )
    report = pulled(load_lock(project), tmp_path)
    assert report.recorded == 2
    assert report.notes == ("the trees in mono.lock were prepared by older rules: all are recorded anew",)
    assert OTHER not in recorded(project).values()
    assert load_lock(project).preparation == RULES


def test_trees_of_newer_rules_are_left(tmp_path: Path, project: Path) -> None:
    now = load_lock(project)
    write(
        replace(now, preparation=RULES + 1, sources=tuple(replace(s, tree=OTHER) for s in now.sources)),
        project,
    )
    before = (project / FILE).read_bytes()
    report = pulled(load_lock(project), tmp_path)
    assert report.recorded == 0 and "a newer mono's" in report.notes[0]
    assert (project / FILE).read_bytes() == before


def test_a_newer_monos_lock_is_not_rewritten(tmp_path: Path, project: Path) -> None:
    text = (
        (project / FILE)
        .read_text()
        .replace(f"revision = {REVISION}\n", f"revision = {REVISION + 1}\nx = 1\n")
    )
    (project / FILE).write_text(text)
    report = pulled(load_lock(project), tmp_path)
    assert "a newer mono's" in report.notes[0]
    assert (project / FILE).read_text() == text


def test_a_lock_that_changed_meanwhile_is_left(tmp_path: Path, project: Path) -> None:
    first = load_lock(project)
    other = write(replace(first, constraints=("p {= 1}",)), project)
    assert "changed meanwhile" in pulled(first, tmp_path).notes[0]
    assert load_lock(project) == other


def test_what_another_pull_recorded_meanwhile_stays(tmp_path: Path, project: Path) -> None:
    """This one waited for it, with the lock as it was before."""
    before = load_lock(project)
    pulled(before, tmp_path)
    now = load_lock(project)
    (p, q) = now.sources
    other = write(replace(now, sources=(replace(p, tree=OTHER), replace(q, tree=""))), project)
    assert pulled(before, tmp_path).recorded == 1
    assert load_lock(project) == replace(other, sources=(other.sources[0], q))


def test_a_lock_that_cannot_be_written_is_a_note(tmp_path: Path, project: Path) -> None:
    asked = load_lock(project)
    text = (project / FILE).read_bytes()
    (project / FILE).unlink()
    (project / FILE).mkdir()
    report = pulled(asked, tmp_path)
    assert report.made == ("p", "q")
    assert report.notes[0].startswith("what was pulled is not recorded in mono.lock: ")
    (project / FILE).rmdir()
    (project / FILE).write_bytes(text)


def test_a_lock_that_is_no_file_of_the_project_is_not_written(tmp_path: Path, project: Path) -> None:
    asked = load_lock(project)
    (project / FILE).unlink()
    assert pulled(asked, tmp_path).recorded == 0
    assert not (project / FILE).exists()
    assert set(vendored(project)) == {"p/a", "q/a"}


def test_trees_stay_with_the_sources_that_stay(tmp_path: Path, project: Path) -> None:
    asked = load_lock(project)
    pulled(asked, tmp_path)
    now = load_lock(project)
    moved = replace(asked, sources=(asked.sources[0], archive(tmp_path, "q", b"3")))
    kept = trees_of(now).put_into(moved)
    assert [bool(one.tree) for one in kept.sources] == [True, False]
    assert kept.preparation == RULES
    assert difference(asked, now) == difference(asked, asked)


def test_offline_all_that_is_missing_is_told(tmp_path: Path, project: Path) -> None:
    gone = [source("p", "https://h.invalid/p", b"1"), source("q", "https://h.invalid/q", b"2")]
    asked = write(replace(lock(*gone), inputs=OTHER), project)
    ports = NoHttp(), GitClones(tmp_path / "cache"), Inline(), Silence()
    with pytest.raises(FetchError, match="2 things that the lock wants are not on this machine"):
        fetch_trees(asked, project, tmp_path / "cache", *ports, offline=True)


def test_trees_can_be_recorded_without_a_duniverse(tmp_path: Path, project: Path) -> None:
    cache = tmp_path / "cache"
    ports = NoHttp(), GitClones(cache), Inline(), Silence()
    assert fetch_trees(load_lock(project), project, cache, *ports).trees == 2
    assert not (project / "duniverse").exists()
    now = load_lock(project)
    assert fetch_trees(now, project, cache, *ports).trees == 0
    report = pulled(now, tmp_path)
    assert (report.made, report.recorded, report.downloaded) == (("p", "q"), 0, 0)


def merged(project: Path, ours: Lock, theirs: Lock) -> None:
    """Have the project's lock be what git, finding no conflict, makes of two that came of the one there."""
    run_git(project, "init", "-q", "-b", "main")
    for branch, asked in (("theirs", theirs), ("ours", ours)):
        if branch == "theirs":
            commit(project, {})
        run_git(project, "checkout", "-q", "-b", branch, "main")
        replace_lock(asked, project)
        run_git(project, "commit", "-qa", "-m", branch)
    run_git(project, "merge", "-q", "--no-edit", "theirs")


def test_the_tree_of_another_version_beside_a_checksum_is_passed_over(tmp_path: Path, project: Path) -> None:
    """Two branches, of which one took another archive and the other was pulled, go together without a conflict."""
    before = load_lock(project)
    pulled(before, tmp_path)
    ours = load_lock(project)
    replace_lock(before, project)
    other = archive(tmp_path / "other", "q", b"3")
    merged(project, ours, replace(before, sources=(before.sources[0], other)))
    text = (project / FILE).read_text(encoding="utf-8")
    assert ours.sources[1].tree in text and other.checksums[0] in text
    assert recorded(project) == {"p": ours.sources[0].tree, "q": ""}
    assert pulled(load_lock(project), tmp_path).recorded == 1
    assert vendored(project) == {"p/a": b"1", "q/a": b"3"}
    assert recorded(project)["q"] == tree_digest(project / "duniverse/q")
