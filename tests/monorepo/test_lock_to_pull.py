"""From opam files to duniverse/ with real archives and repositories: whatever was chosen arrives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from monorepo.adapters.git import GitClones
from monorepo.duniverse.pull import pull
from monorepo.lock.model import Lock
from monorepo.lock.reader import load_lock
from tests.monorepo.fetch.sources import Inline, NoHttp, commit, put, repository, run_git, tar, vendored
from tests.monorepo.test_locking import Place, place

__all__ = ["place"]


def pulled(place: Place) -> tuple[Lock, dict[str, bytes | str]]:
    """Lock, pull what the lock on disk says, and give what came."""
    place.lock()
    lock = load_lock(place.project)
    pull(lock, place.project, place.cache, NoHttp(), GitClones(place.cache), Inline())
    return lock, vendored(place.project)


def library(url: str, fields: str = "") -> str:
    return f'depends: ["dune"]\nbuild: ["dune"]\n{fields}\nurl {{ {url} }}'


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """A repository whose first commit has two tags, with a second commit on another branch too."""
    inner = repository(tmp_path / "inner", {"x": b"inner"})
    upstream = repository(tmp_path / "upstream", {"lib/a": b"1"})
    run_git(upstream, "tag", "light")
    run_git(upstream, "tag", "-a", "v1", "-m", "one")
    run_git(upstream, "submodule", "--quiet", "add", inner.as_uri(), "lib/sub")
    commit(upstream, {"lib/a": b"2"})
    run_git(upstream, "branch", "topic/x")
    return upstream


FIRST = {"upstream/lib/a": b"1"}
SECOND = {"upstream/.gitmodules", "upstream/lib/a", "upstream/lib/sub/x"}


@pytest.mark.parametrize("reference", ["", "#main", "#topic/x", "#light", "#v1", "#COMMIT"])
def test_every_reference_of_git(place: Place, upstream: Path, reference: str) -> None:
    first, second = run_git(upstream, "rev-parse", "v1^{commit}"), run_git(upstream, "rev-parse", "main")
    wanted = reference.replace("COMMIT", first)
    place.publish(
        {"lib.1": library(f'src: "git+file://{upstream}{wanted}"', f'dev-repo: "git+file://{upstream}"')}
    )
    place.root('depends: ["lib"]')
    lock, found = pulled(place)
    old = reference in ("#light", "#v1", "#COMMIT")
    assert lock.sources[0].commit == (first if old else second)
    assert found == FIRST if old else set(found) == SECOND
    assert place.check().good


def test_a_folder_of_a_repository(place: Place, upstream: Path) -> None:
    place.publish({"lib.1": library(f'src: "git+file://{upstream}"', 'x-subpath: "lib"')})
    place.root('depends: ["lib"]')
    _, found = pulled(place)
    assert found == {"lib/a": b"2", "lib/sub/x": b"inner"}


@pytest.mark.parametrize("algorithms", [("md5",), ("sha256",), ("sha512",), ("md5", "sha256", "sha512")])
def test_every_kind_of_checksum(place: Place, tmp_path: Path, algorithms: tuple[str, ...]) -> None:
    content = tar({"p-1/a": b"1"})
    url = put(tmp_path, "upstream/p.tgz", content)
    sums = " ".join(f'"{name}={hashlib.new(name, content).hexdigest()}"' for name in algorithms)
    place.publish({"lib.1": library(f'src: "{url}" checksum: [{sums}]')})
    place.root('depends: ["lib"]')
    lock, found = pulled(place)
    assert len(lock.sources[0].checksums) == len(algorithms)
    assert found == {"lib/a": b"1"}


def test_no_dev_repo_and_one_name_for_two(place: Place, tmp_path: Path) -> None:
    """What was dropped in silence elsewhere: om#341 (no dev-repo), om#377 (two of one directory name)."""
    repositories = {"one": "git+https://a.example/x/Lib.git", "two": "git+https://b.example/lib", "bare": ""}
    for name, dev_repo in repositories.items():
        content = tar({f"{name}-1/name": name.encode()})
        url = put(tmp_path, f"upstream/{name}.tgz", content)
        field = f'dev-repo: "{dev_repo}"' if dev_repo else ""
        checksum = f'checksum: "sha256={hashlib.sha256(content).hexdigest()}"'
        place.publish({f"{name}.1": library(f'src: "{url}" {checksum}', field)})
    place.root('depends: ["one" "two" "bare"]')
    lock, found = pulled(place)
    homes = {source.packages: source.directory for source in lock.sources}
    assert {homes[name,]: found[f"{homes[name,]}/name"] for name in repositories} == {
        "lib-one": b"one",
        "lib-two": b"two",
        "bare": b"bare",
    }
