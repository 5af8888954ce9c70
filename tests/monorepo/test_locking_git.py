"""Repositories of packages, pins and sources in git: what is asked of them, and what is kept."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from monorepo.cli.explanation import sentences
from monorepo.errors import ManifestError, RepositoryError
from monorepo.lock.answer import NoAnswerError
from tests.monorepo.test_locking import Place, library, place

__all__ = ["place"]


def git(folder: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
    }  # fmt: skip
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path) -> str:
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")
    return git(folder, "rev-parse", "HEAD")


def test_a_repository_in_git_stays_at_its_commit_until_upgraded(place: Place) -> None:
    place.publish({"lib.1": library()})
    place.root('depends: ["lib"]')
    first = commit(place.repository)
    place.toml(f'[[repositories]]\nname = "test"\nurl = "git+file://{place.repository}"\n')
    assert place.lock().lock.repositories[0].commit == first
    place.publish({"lib.2": library(file="lib-2.tbz")})
    second = commit(place.repository)
    place.root('depends: ["lib"]\nsynopsis: "edited"')
    assert place.lock().lock.repositories[0].commit == first
    assert place.check().good
    upgraded = place.lock(upgrade=True).lock
    assert upgraded.repositories[0].commit == second
    found = upgraded.package("lib", "host")
    assert found is not None
    assert found.version == "2"


def test_a_pin_is_the_only_candidate(place: Place, tmp_path: Path) -> None:
    place.publish({"lib.1": library(), "lib.9": library(file="lib-9.tbz")})
    pinned = tmp_path / "pinned"
    pinned.mkdir()
    (pinned / "lib.opam").write_text(
        'opam-version: "2.0"\ndepends: ["dune"]\nbuild: ["dune"]\n', encoding="utf-8"
    )
    head = commit(pinned)
    place.root(f'depends: ["lib"]\npin-depends: [["lib.dev" "git+file://{pinned}#main"]]')
    lock = place.lock().lock
    found = lock.package("lib", "host")
    assert found is not None
    assert (found.version, found.repository) == ("dev", None)
    (locked,) = lock.sources
    assert (locked.commit, locked.checksums) == (head, ())
    assert place.check().good
    place.root(f'depends: ["lib" {{< "1"}}]\npin-depends: [["lib.dev" "git+file://{pinned}#main"]]')
    with pytest.raises(NoAnswerError) as caught:
        place.lock()
    assert sentences(caught.value)[-1] == "lib is pinned to dev"


def test_check_asks_for_the_commits_of_sources_in_git(place: Place, tmp_path: Path) -> None:
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    (upstream / "lib.ml").write_text("", encoding="utf-8")
    head = commit(upstream)
    url = f'url {{ src: "git+file://{upstream}#main" }}'
    place.publish({"lib.1": f'depends: ["dune"]\nbuild: ["dune" "build"]\n{url}'})
    place.root('depends: ["lib"]')
    (locked,) = place.lock().lock.sources
    assert locked.commit == head
    assert place.check().good
    path = place.project / "mono.lock"
    path.write_text(path.read_text(encoding="utf-8").replace(head, "d" * 40), encoding="utf-8")
    assert any("its commit dddddddddddd cannot be had" in str(v) for v in place.check().violations)


def test_a_pin_outside_git_is_refused(place: Place) -> None:
    place.root('depends: ["dune"]\npin-depends: [["lib.1" "https://example.org/lib.tbz"]]')
    with pytest.raises(ManifestError, match="which is not in git") as caught:
        place.lock()
    assert caught.value.place == "app.opam:3"


def test_what_cannot_be_had_from_git_is_told_with_who_wants_it(place: Place, tmp_path: Path) -> None:
    url = f"git+file://{tmp_path}/nowhere"
    gone = f"cannot be had: file://{tmp_path}/nowhere: there is no git repository there"
    place.root(f'depends: ["lib"]\npin-depends: [\n  ["other.1" "git+file://{tmp_path}/nowhere"]\n]')
    with pytest.raises(RepositoryError) as caught:
        place.lock()
    assert (caught.value.place, caught.value.reason) == ("app.opam:4", f"the pin of other {gone}")
    place.root('depends: ["lib"]')
    place.publish({"lib.1": f'depends: ["dune"]\nbuild: ["dune"]\nurl {{ src: "{url}" }}'})
    with pytest.raises(RepositoryError) as caught:
        place.lock()
    assert (caught.value.place, caught.value.reason) == ("lib.1 in test", f"its source {gone}")
