"""History of real repositories: first-parent lines, with and without contents, over every transport."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monorepo.adapters.git import GitClones
from monorepo.errors import RepositoryError
from monorepo.ports import Commit
from tests.monorepo.fetch.sources import commit, repository, run_git
from tests.support.git_server import serving_git

DAY = 24 * 60 * 60
FIRST = 1_700_000_000


def moment(day: int) -> str:
    return f"{FIRST + day * DAY} +0300"


@pytest.fixture(params=[True, False], ids=["filters", "no-filters"])
def upstream(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Five commits on main, of which the fourth merges two of a topic; and a branch beside it."""
    folder = tmp_path / "served/upstream"
    folder.mkdir(parents=True)
    run_git(folder, "init", "-q", "-b", "main")
    run_git(folder, "config", "uploadpack.allowFilter", str(request.param).lower())
    commit(folder, {"a": b"1"}, at=moment(1), subject="one")
    commit(folder, {"a": b"2"}, at=moment(2), subject="two")
    run_git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"b": b"1"}, at=moment(3), subject="topic one")
    commit(folder, {"b": b"2"}, at=moment(4), subject="topic two")
    run_git(folder, "checkout", "-q", "main")
    commit(folder, {"a": b"3"}, at=moment(3), subject="three")
    run_git(folder, "merge", "-q", "--no-ff", "-m", "merge topic", "topic", at=moment(5))
    commit(folder, {"a": b"5"}, at=moment(6), subject="five")
    run_git(folder, "tag", "-a", "v1", "-m", "v1", "HEAD~2")
    return folder


@pytest.fixture
def clones(tmp_path: Path) -> GitClones:
    return GitClones(tmp_path / "cache")


def subjects(line: tuple[Commit, ...]) -> list[str]:
    return [commit.subject for commit in line]


MAIN = ["five", "merge topic", "three", "two", "one"]
TOPIC = ["topic two", "topic one", "two", "one"]


def test_the_first_parents_of_every_kind_of_reference(upstream: Path, clones: GitClones) -> None:
    url = upstream.as_uri()
    third = run_git(upstream, "rev-parse", "HEAD~2")
    lost = commit(upstream, {"a": b"lost"}, at=moment(7), subject="lost")
    run_git(upstream, "reset", "-q", "--hard", "HEAD~1")
    expected = {
        None: MAIN,
        "main": MAIN,
        "refs/heads/main": MAIN,
        "topic": TOPIC,
        "v1": MAIN[2:],
        third: MAIN[2:],
        third[:9]: MAIN[2:],
        lost: ["lost", *MAIN],
    }
    found = {reference: subjects(clones.history(url, reference)) for reference in expected}
    assert found == expected
    newest = clones.history(url, None)[0]
    assert newest == Commit(run_git(upstream, "rev-parse", "main"), FIRST + 6 * DAY, "a@example.org", "five")
    for unknown in ("none", "0" * 40, "abcdef1234", "main~1"):
        with pytest.raises(
            RepositoryError, match=f"no (branch, tag or )?commit.* {unknown}|{unknown!r} is no"
        ):
            clones.history(url, unknown)


def test_contents_stay_away_where_the_server_can_leave_them_out(
    upstream: Path, clones: GitClones, tmp_path: Path
) -> None:
    commit(upstream, {"a": b"6"}, at=moment(7), subject="six")
    filters = run_git(upstream, "config", "uploadpack.allowFilter") == "true"
    clones.history(upstream.as_uri(), None)
    clones.history(upstream.as_uri(), "topic")
    commit(upstream, {"a": b"7"}, at=moment(8), subject="seven")
    assert subjects(clones.history(upstream.as_uri(), None)) == ["seven", "six", *MAIN]
    (pack, *more) = (tmp_path / "cache/git").glob("*/objects/pack/*.pack")
    clone = pack.parents[2]
    assert {other.parents[2] for other in more} == {clone}
    types = run_git(clone, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)").split()
    assert set(types) == ({"commit"} if filters else {"commit", "tree", "blob"})


def test_after_the_contents_of_one_commit_its_history_is_whole(upstream: Path, clones: GitClones) -> None:
    url = upstream.as_uri()
    head = clones.resolve(url, None)
    assert subjects(clones.history(url, None)) == MAIN
    assert subjects(clones.history(url, head)) == MAIN
    newer = commit(upstream, {"a": b"6"}, at=moment(7), subject="six")
    assert clones.resolve(url, None) == newer
    assert subjects(clones.history(url, None)) == ["six", *MAIN]
    for known in clones.history(url, None):
        objects = clones.objects(url, known.identifier)
        assert objects.blob(objects.files(known.identifier, "")["a"])


def test_a_server_may_begin_and_cease_to_filter(upstream: Path, clones: GitClones) -> None:
    url, line = upstream.as_uri(), MAIN
    for round_, filters in enumerate(["true", "false", "true", "false"]):
        run_git(upstream, "config", "uploadpack.allowFilter", filters)
        commit(upstream, {"a": b"%d" % (10 + round_)}, at=moment(10 + round_), subject=str(round_))
        line = [str(round_), *line]
        assert subjects(clones.history(url, None)) == line


def test_nobody_is_asked_for_what_is_known(upstream: Path, clones: GitClones) -> None:
    url = upstream.as_uri()
    head = run_git(upstream, "rev-parse", "HEAD")
    known = clones.history(url, None)
    assert clones.history(url, head) == known
    upstream.rename(upstream.with_name("gone"))
    assert clones.history(url, None, after=FIRST + 6 * DAY - 1) == known
    assert clones.history(url, head) == known
    for after in (None, FIRST + 6 * DAY):  # another commit may have come at that very second
        with pytest.raises(RepositoryError) as failure:
            clones.history(url, None, after=after)
        assert failure.value.place == url


def test_a_branch_that_was_rewound(upstream: Path, clones: GitClones) -> None:
    clones.history(upstream.as_uri(), None)
    run_git(upstream, "reset", "-q", "--hard", "HEAD~2")
    assert subjects(clones.history(upstream.as_uri(), None)) == MAIN[2:]


def test_a_server_that_knows_only_the_last_commits(upstream: Path, clones: GitClones, tmp_path: Path) -> None:
    run_git(tmp_path, "clone", "-q", "--depth=2", upstream.as_uri(), "cut")
    assert subjects(clones.history((tmp_path / "cut").as_uri(), None)) == MAIN[:2]


def test_texts_that_are_not_utf8_and_times_beyond_any_calendar(tmp_path: Path, clones: GitClones) -> None:
    folder = repository(tmp_path / "upstream", {"a": b"1"})
    tree = run_git(folder, "rev-parse", "HEAD^{tree}")
    raw = b"tree %s\nauthor \xff <x> 1 +0000\ncommitter c <c> 99999999999999 +0000\n\n\x1b[1m\xfe\n\nmore\n"
    (folder / "raw").write_bytes(raw % tree.encode())
    odd = run_git(folder, "hash-object", "-w", "-t", "commit", "--literally", "raw")
    run_git(folder, "update-ref", "refs/heads/odd", odd)
    (found,) = clones.history(folder.as_uri(), "odd")
    assert (found.time, found.author) == (253_402_300_799, "\N{REPLACEMENT CHARACTER}")
    assert found.subject.startswith("\x1b[1m")


@pytest.fixture
def http(upstream: Path) -> Iterator[str]:
    with serving_git(upstream.parent) as url:
        yield f"{url}/upstream"


def test_over_http(http: str, upstream: Path, clones: GitClones, tmp_path: Path) -> None:
    assert subjects(clones.history(http, None)) == MAIN
    head = clones.resolve(http, "main")
    commit(upstream, {"a": b"6"}, at=moment(7), subject="six")
    assert subjects(clones.history(http, "main")) == ["six", *MAIN]
    assert subjects(clones.history(http, head)) == MAIN
    alone = list((tmp_path / "cache/git").glob("*.commits/objects/pack/*.pack"))
    assert bool(alone) == (run_git(upstream, "config", "uploadpack.allowFilter") == "true")
    with pytest.raises(RepositoryError, match="mono is offline"):
        clones.without_network().history(http, "main")
    assert subjects(clones.without_network().history(http, head)) == MAIN


def test_over_ssh(upstream: Path, clones: GitClones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n', encoding="utf-8")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    url = f"ssh://somewhere{upstream}"
    assert subjects(clones.history(url, None)) == MAIN
    commit(upstream, {"a": b"6"}, at=moment(7), subject="six")
    assert subjects(clones.history(url, None)) == ["six", *MAIN]
    assert subjects(clones.history(url, "topic")) == TOPIC
