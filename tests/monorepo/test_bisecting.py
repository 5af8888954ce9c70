"""`bisect_project` against solving every commit, and how little it solves."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from monorepo.adapters.git import GitClones
from monorepo.bisecting import Change, Culprit, bisect_project
from monorepo.errors import LockError, RepositoryError, UnsolvableError
from monorepo.lock.answer import NoAnswerError
from monorepo.locking import lock_project
from monorepo.renewal import Renewal
from monorepo.states import States
from tests.monorepo.fetch.sources import NoHttp, commit, run_git
from tests.monorepo.test_locking import Place, library


class CountingGit(GitClones):
    """git that counts how often each commit is opened: once to look at it, once more to solve it."""

    def __init__(self, cache: Path) -> None:
        super().__init__(cache)
        self.opened: Counter[str] = Counter()

    def objects(self, url: str, commit: str) -> Any:
        self.opened[commit] += 1
        return super().objects(url, commit)


class History(Place):
    """A project whose one repository is in git."""

    def __init__(self, top: Path) -> None:
        super().__init__(top)
        self.git = CountingGit(self.cache)
        self.commits: list[str] = []
        run_git(self.repository, "init", "-q", "-b", "main")
        self.toml(f'[[repositories]]\nname = "test"\nurl = "git+{self.repository.as_uri()}"\n')
        self.root('depends: ["lib"]')

    def commit(self, packages: dict[str, str] | None = None, remove: str = "") -> None:
        """Publish ``packages``, withdraw one, and commit."""
        self.publish(packages or {})
        if remove:
            (self.repository / "packages" / remove.partition(".")[0] / remove / "opam").unlink()
        self.commits.append(commit(self.repository, {}, subject=str(len(self.commits))))

    def bisect(self, *packages: str, good: str | int | None = None, **options: Any) -> Culprit:
        options.setdefault("tell", lambda commits, solves: None)
        return bisect_project(
            self.project,
            cache=self.cache,
            http=NoHttp(),
            git=self.git,
            packages=packages,
            good=good,
            **options,
        )

    def outcome(self, revision: str) -> dict[str, str] | None:
        """What `mono lock` chooses at a commit, None where there is no answer."""
        renewal = Renewal(states=States(None, {"test": revision}))
        try:
            lock = lock_project(self.project, renewal, cache=self.cache, http=NoHttp(), git=self.git).lock
        except UnsolvableError:
            return None
        return {package.name: package.version for package in lock.packages}


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_found_is_where_the_outcome_changes(history: History, seed: int) -> None:
    """Where the newest commit has no answer, that alone counts; else every version does."""
    chance = random.Random(seed)
    history.commit({"lib.1": library(depends='"leaf"'), "leaf.1": library()})
    versions = 1
    for _ in range(chance.randrange(3, 10)):
        match chance.randrange(5):
            case 0 | 1:
                history.commit({f"other.{len(history.commits)}": library()})
            case 2:
                versions += 1
                history.commit({f"lib.{versions}": library(depends='"leaf"')})
            case 3:
                history.commit({"leaf.1": library(f'synopsis: "{len(history.commits)}"')})
            case 4:
                history.commit({f"leaf.{len(history.commits) + 1}": library('available: os = "none"')})
    versions += 1
    history.commit({f"lib.{versions}": library(depends='"leaf" "absent"')}, remove="leaf.1")
    for _ in range(chance.randrange(3)):
        history.commit({f"other.{len(history.commits)}": library()})
    outcomes = [history.outcome(revision) for revision in history.commits]
    (history.project / "mono.lock").unlink(missing_ok=True)
    found = history.bisect(good=history.commits[0])
    place = history.commits.index(found.commit.identifier)
    assert found.parent.identifier == history.commits[place - 1]
    assert outcomes[place - 1] is not None and outcomes[place] is None
    assert found.before.versions == outcomes[place - 1]
    assert found.after.failure is not None
    last = max(number for number, outcome in enumerate(outcomes) if outcome is not None)
    assert place == last + 1  # what is withdrawn does not come back
    if outcomes[last] != outcomes[0]:
        found = history.bisect(good=history.commits[0], bad=history.commits[last])
        place = history.commits.index(found.commit.identifier)
        assert outcomes[place - 1] == outcomes[0] != outcomes[place]
        assert found.before.versions == outcomes[place - 1]
        assert found.after.versions == outcomes[place]


def test_harmless_changes_do_not_hide_what_broke_the_solve(history: History) -> None:
    history.commit({"lib.1": library(depends='"leaf"'), "leaf.1": library()})
    for version in range(2, 8):
        history.commit({f"leaf.{version}": library()})
    history.commit({"lib.1": library(depends='"absent"')})
    history.commit({"leaf.8": library()})
    for packages in ((), ("leaf",)):
        found = history.bisect(*packages, good=history.commits[0])
        assert found.commit.identifier == history.commits[7]
        assert found.after.failure is not None
        assert found.before.versions["leaf"] == "7"


def test_commits_that_cannot_matter_are_not_solved(history: History) -> None:
    history.commit({"lib.1": library()})
    for number in range(20):
        history.commit({f"other.{number}": library()})
    history.commit({"lib.2": library()})
    for number in range(20, 31):
        history.commit({f"other.{number}": library()})
    told: list[tuple[int, int]] = []
    found = history.bisect(good=history.commits[0], tell=lambda *left: told.append(left))
    assert found.commit.identifier == history.commits[21]
    assert found.files == {"packages/lib/lib.2/opam": Change.ADDED}
    solved = {revision for revision, times in history.git.opened.items() if times > 1}
    ends = {history.commits[0], history.commits[-1]}
    assert solved - {found.commit.identifier, found.parent.identifier} <= ends
    assert told[0] == (32, 5)
    assert len(told) <= 5


def test_packages_beside_the_project(history: History) -> None:
    history.commit({"lib.1": library(), "extra.1": library()})
    history.commit({"lib.2": library()})
    history.commit({"extra.2": library()})
    history.commit({"lib.2": library(depends='"extra" {= "1"}')})
    assert history.bisect("extra", good=history.commits[0], bad=history.commits[2]).after.versions == {
        "extra": "2"
    }
    gained = history.bisect("extra", good=history.commits[0])
    assert (gained.before.versions, gained.after.versions) == ({}, {"extra": "1"})
    with pytest.raises(RepositoryError, match="the outcome is the same"):
        history.bisect("dune", good=history.commits[0])
    with pytest.raises(RepositoryError, match='no repository has a package "extr"'):
        history.bisect("extr", good=history.commits[0])


def test_a_good_commit_without_answer_is_told(history: History) -> None:
    history.commit({"lib.1": library(depends='"absent"')})
    history.commit({"absent.1": library()})
    with pytest.raises(NoAnswerError) as failure:
        history.bisect(good=history.commits[0])
    assert failure.value.where == f"at the good commit {history.commits[0][:12]}"
    assert failure.value.hint == "choose another commit with --good"


def test_from_the_lock_to_the_newest(history: History) -> None:
    history.commit({"lib.1": library()})
    with pytest.raises(LockError, match="there is no lock"):
        history.bisect()
    history.lock()
    with pytest.raises(RepositoryError, match="good and bad are one commit"):
        history.bisect()
    history.commit({"lib.2": library()})
    before = (history.project / "mono.lock").read_bytes()
    assert history.bisect().after.versions["lib"] == "2"
    assert (history.project / "mono.lock").read_bytes() == before
    history.toml(f'[[repositories]]\nname = "test"\nurl = "git+{history.repository.as_uri()}#main"\n')
    with pytest.raises(RepositoryError, match='records no commit of the repository "test"'):
        history.bisect()


def test_a_good_commit_that_was_only_merged(history: History) -> None:
    history.commit({"lib.1": library()})
    run_git(history.repository, "checkout", "-q", "-b", "topic")
    history.commit({"lib.2": library()})
    run_git(history.repository, "checkout", "-q", "main")
    history.commit({"other.1": library()})
    run_git(history.repository, "merge", "-q", "--no-ff", "-m", "merge", "topic")
    with pytest.raises(RepositoryError, match="is not among the first parents"):
        history.bisect(good="topic")
    assert history.bisect(good=history.commits[0]).commit.subject == "merge"
