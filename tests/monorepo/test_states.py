"""Which commit a date means: on real repositories with merges, equal dates and clocks that were wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from monorepo.adapters.git import GitClones
from monorepo.errors import RepositoryError
from monorepo.moments import read_moment
from monorepo.repository_url import repository_setting
from monorepo.states import States, choose_states
from tests.monorepo.fetch.sources import commit, run_git


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    folder = tmp_path / "upstream"
    folder.mkdir()
    run_git(folder, "init", "-q", "-b", "main")
    for subject, day in (("one", 1), ("two", 3), ("same day", 3), ("clock behind", 2), ("five", 5)):
        commit(folder, {"a": subject.encode()}, at=f"2025-01-0{day}T12:00:00Z", subject=subject)
    run_git(folder, "checkout", "-q", "-b", "beside", "HEAD~4")
    commit(folder, {"b": b""}, at="2025-01-04T12:00:00Z", subject="beside")
    run_git(folder, "checkout", "-q", "main")
    run_git(folder, "merge", "-q", "--no-ff", "-m", "merge", "beside", at="2025-01-06T12:00:00Z")
    return folder


@pytest.mark.parametrize(
    ("date", "branch", "expected"),
    [
        ("2025-01-01", "", "one"),
        ("2025-01-02", "", "clock behind"),
        ("2025-01-03", "", "clock behind"),
        ("2025-01-05", "", "five"),
        ("2025-01-06T11:59:59Z", "", "five"),
        ("2025-01-06T12:00:00Z", "", "merge"),
        ("2025-01-05", "#beside", "beside"),
        ("2999-01-01", "#beside", "beside"),
    ],
)
def test_the_newest_commit_that_is_not_later(
    upstream: Path, tmp_path: Path, date: str, branch: str, expected: str
) -> None:
    setting = repository_setting("main", f"git+{upstream.as_uri()}{branch}", tmp_path)
    own = repository_setting("own", "own", tmp_path)
    git = GitClones(tmp_path / "cache")
    chosen = choose_states(States(read_moment(date)), [setting, own], git)
    assert chosen.dated["main"].subject == expected
    assert chosen.commits == {"main": chosen.dated["main"].identifier}
    assert chosen.timeless == ("own",)


def test_of_equal_dates_the_last(upstream: Path, tmp_path: Path) -> None:
    run_git(upstream, "reset", "-q", "--hard", "main~3")
    setting = repository_setting("main", f"git+{upstream.as_uri()}", tmp_path)
    chosen = choose_states(States(read_moment("2025-01-03")), [setting], GitClones(tmp_path / "cache"))
    assert chosen.dated["main"].subject == "same day"


def test_a_revision_wins_over_the_date(upstream: Path, tmp_path: Path) -> None:
    settings = [repository_setting(name, f"git+{upstream.as_uri()}", tmp_path) for name in ("x", "y")]
    states = States(read_moment("2025-01-01"), {"y": "beside"})
    chosen = choose_states(states, settings, GitClones(tmp_path / "cache"))
    assert chosen.dated.keys() == {"x"}
    assert chosen.commits["y"] == run_git(upstream, "rev-parse", "beside")
    early = States(read_moment("2024-12-31"), {"y": "beside"})
    with pytest.raises(RepositoryError, match=r"no commit yet.*the first is of 2025-01-01T12:00:00Z"):
        choose_states(early, settings, GitClones(tmp_path / "cache"))
