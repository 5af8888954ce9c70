"""git, for real: every kind of reference, submodules, and everything hostile refused."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from monorepo.adapters.git import GitClones
from monorepo.adapters.submodules import submodules
from monorepo.errors import FetchError, RepositoryError
from tests.monorepo.fetch.sources import commit, put, repository, run_git, tree


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    return repository(tmp_path / "upstream", {"a": b"1", "lib/b": b"2", "lib/run.sh": b"#!"})


@pytest.fixture
def clones(tmp_path: Path) -> GitClones:
    return GitClones(tmp_path / "cache")


def test_every_kind_of_reference(upstream: Path, clones: GitClones) -> None:
    first = run_git(upstream, "rev-parse", "HEAD")
    run_git(upstream, "tag", "light")
    run_git(upstream, "tag", "-a", "v1", "-m", "one")
    run_git(upstream, "tag", "-a", "both", "-m", "both")
    second = commit(upstream, {"a": b"3"})
    run_git(upstream, "branch", "both")
    run_git(upstream, "branch", "topic/x")
    url = upstream.as_uri()
    expected = {
        None: second,
        "main": second,
        "topic/x": second,
        "refs/heads/main": second,
        "light": first,
        "v1": first,
        "both": first,
        first: first,
        first[:8]: first,
        run_git(upstream, "rev-parse", "v1"): first,
    }
    assert {reference: clones.resolve(url, reference) for reference in expected} == expected
    assert clones.resolve(str(upstream), "v1") == first


def test_a_known_commit_needs_no_network(upstream: Path, clones: GitClones) -> None:
    url = upstream.as_uri()
    head = clones.resolve(url, "main")
    upstream.rename(upstream.with_name("moved"))
    assert clones.resolve(url, head) == head
    assert clones.objects(url, head).blob(clones.objects(url, head).files(head, "")["a"]) == b"1"
    with pytest.raises(RepositoryError) as failure:
        clones.resolve(url, "main")
    assert failure.value.place == url


def test_offline_only_this_machine_is_asked(upstream: Path, clones: GitClones) -> None:
    head = run_git(upstream, "rev-parse", "HEAD")
    assert clones.without_network().resolve(upstream.as_uri(), head) == head
    with pytest.raises(RepositoryError, match=f"does not have the commit {head}, and mono is offline"):
        clones.without_network().objects("https://nowhere.invalid/x", head)
    with pytest.raises(RepositoryError, match="mono is offline and cannot ask which commit main is"):
        clones.without_network().resolve("https://nowhere.invalid/x", "main")


def test_a_commit_that_no_branch_has_any_more(upstream: Path, clones: GitClones) -> None:
    lost = commit(upstream, {"a": b"lost"})
    run_git(upstream, "reset", "-q", "--hard", "HEAD~1")
    assert clones.resolve(upstream.as_uri(), lost) == lost


@pytest.mark.parametrize(
    "reference", ["none", "0" * 40, "abcdef12", "v1:a", "main~1", "a..b", "-x", "--all", "", "a b"]
)
def test_what_is_not_there_is_told(upstream: Path, clones: GitClones, reference: str) -> None:
    with pytest.raises(RepositoryError) as failure:
        clones.resolve(upstream.as_uri(), reference)
    assert reference in failure.value.reason
    assert failure.value.place == upstream.as_uri()


def test_objects_are_read_by_commit(upstream: Path, clones: GitClones) -> None:
    (upstream / "link").symlink_to("a")
    put(upstream, "grüße \n x", b"odd name")
    head = commit(upstream, {"packages/p/p.1/opam": b"opam"})
    objects = clones.objects(upstream.as_uri(), head)
    assert set(objects.files(head, "")) == {"a", "lib/b", "lib/run.sh", "grüße \n x", "packages/p/p.1/opam"}
    assert set(objects.files(head, "packages")) == {"packages/p/p.1/opam"}
    assert objects.files(head, "absent") == {}
    assert objects.blob(objects.files(head, "packages")["packages/p/p.1/opam"]) == b"opam"
    with pytest.raises(RepositoryError, match="no object"):
        objects.blob("0" * 40)
    with pytest.raises(RepositoryError, match="not the id"):
        objects.blob("HEAD:a")


def test_export_gives_the_committed_bytes(upstream: Path, clones: GitClones, tmp_path: Path) -> None:
    put(upstream, ".gitattributes", b"* text eol=crlf\na export-ignore\nv export-subst filter=evil\n")
    (upstream / "link").symlink_to("lib/b")
    (upstream / "lib/run.sh").chmod(0o755)
    head = commit(upstream, {"v": b"$Format:%H$\n"})
    clones.export(upstream.as_uri(), head, tmp_path / "out")
    assert tree(tmp_path / "out") == {
        ".gitattributes": b"* text eol=crlf\na export-ignore\nv export-subst filter=evil\n",
        "a": b"1",
        "lib/b": b"2",
        "lib/run.sh": b"#!",
        "link": "lib/b",
        "v": b"$Format:%H$\n",
    }
    assert os.access(tmp_path / "out/lib/run.sh", os.X_OK)


def test_submodules_at_their_locked_commits(upstream: Path, clones: GitClones, tmp_path: Path) -> None:
    repository(tmp_path / "inner", {"x": b"inner"})
    middle = repository(tmp_path / "middle", {"y": b"middle"})
    run_git(middle, "submodule", "--quiet", "add", "../inner", "deep")
    commit(middle, {})
    run_git(upstream, "submodule", "--quiet", "add", middle.as_uri(), "vendor/middle")
    head = commit(upstream, {})
    commit(middle, {"y": b"changed later"})
    clones.export(upstream.as_uri(), head, tmp_path / "out")
    found = tree(tmp_path / "out")
    assert found["vendor/middle/y"] == b"middle"
    assert found["vendor/middle/deep/x"] == b"inner"
    assert not [name for name in found if ".git/" in name or name.endswith("/.git")]


def test_a_submodule_without_url_is_told(upstream: Path, clones: GitClones, tmp_path: Path) -> None:
    inner = repository(tmp_path / "inner", {"x": b"inner"})
    run_git(upstream, "submodule", "--quiet", "add", inner.as_uri(), "sub")
    head = commit(upstream, {".gitmodules": b""})
    with pytest.raises(RepositoryError, match="submodule sub has no url"):
        clones.export(upstream.as_uri(), head, tmp_path / "out")


@pytest.mark.parametrize(
    ("url", "parent", "expected"),
    [
        ("https://h/x", "https://g/y", "https://h/x"),
        ("../x.git", "https://g/o/y.git", "https://g/o/x.git"),
        ("./x", "https://g/o/y", "https://g/o/y/x"),
        ("../../p/x", "ssh://git@g/o/y/", "ssh://git@g/p/x"),
        ("../x", "/srv/y", "/srv/x"),
        ("file:///x", "/srv/y", "file:///x"),
        ("../../../../x", "https://g/o/y", None),
        ("/etc/x", "https://g/o/y", None),
        ("file:///x", "https://g/o/y", None),
    ],
)
def test_where_a_submodule_is(url: str, parent: str, expected: str | None) -> None:
    settings = f"submodule.a.b.path\nsub\0submodule.a.b.url\n{url}\0core.x\ny\0"
    if expected is None:
        with pytest.raises(RepositoryError, match="refused"):
            list(submodules(settings, parent))
    else:
        assert [one.url for one in submodules(settings, parent)] == [expected]


@pytest.mark.parametrize(
    "url",
    [
        "--upload-pack=touch evil",
        "-x",
        "ext::sh -c touch% evil",
        "fd::3",
        "http://-x/y",
        "ssh://-oProxyCommand=touch evil/x",
        "git@-h:x",
        "ftp://h/x",
        "relative/path",
        "",
    ],
)
def test_hostile_urls_are_refused(clones: GitClones, tmp_path: Path, url: str) -> None:
    with pytest.raises(RepositoryError, match="takes no git repository from there"):
        clones.resolve(url, None)
    assert not (tmp_path / "cache").exists()


def hostile_tree(folder: Path, *names: str) -> str:
    """A commit with a tree that git itself would not make: entries of any name, each a file."""
    blob = run_git(folder, "hash-object", "-w", "a")
    raw = b"".join(b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob) for name in names)
    put(folder, "raw", raw)
    tree_id = run_git(folder, "hash-object", "-w", "-t", "tree", "--literally", "raw")
    made = run_git(folder, "commit-tree", tree_id, "-m", "hostile")
    run_git(folder, "update-ref", "refs/heads/hostile", made)
    return made


@pytest.mark.parametrize("names", [("..",), (".git",), (".GIT",)])
def test_hostile_trees_are_refused(
    upstream: Path, clones: GitClones, tmp_path: Path, names: tuple[str, ...]
) -> None:
    head = hostile_tree(upstream, *names)
    with pytest.raises((RepositoryError, FetchError)):
        clones.export(upstream.as_uri(), head, tmp_path / "out")
    assert tree(tmp_path / "out") == {}


def test_links_out_of_the_tree_are_refused(upstream: Path, clones: GitClones, tmp_path: Path) -> None:
    (upstream / "out").symlink_to("../../etc/passwd")
    with pytest.raises(FetchError, match="leaves its folder"):
        clones.export(upstream.as_uri(), commit(upstream, {}), tmp_path / "out")


def test_settings_for_another_repository_do_not_count(
    upstream: Path, clones: GitClones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when mono is run by a hook of the user's own repository."""
    own = repository(tmp_path / "own", {"mine": b"mine"})
    before = tree(own)
    for name, value in {
        "GIT_DIR": str(own / ".git"),
        "GIT_WORK_TREE": str(own),
        "GIT_INDEX_FILE": str(own / ".git/index"),
        "GIT_OBJECT_DIRECTORY": str(own / ".git/objects"),
    }.items():
        monkeypatch.setenv(name, value)
    head = clones.resolve(upstream.as_uri(), "main")
    clones.export(upstream.as_uri(), head, tmp_path / "out")
    (tmp_path / "x.patch").write_bytes(
        b"--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n\\ No newline at end of file\n+2\n"
    )
    clones.apply_patch(tmp_path / "out", tmp_path / "x.patch")
    assert (tmp_path / "out/a").read_bytes() == b"2\n"
    assert tree(own) == before


def test_a_file_as_it_was_committed(upstream: Path, clones: GitClones, tmp_path: Path) -> None:
    head = clones.resolve(upstream.as_uri(), "main")
    name = next(iter(clones.objects(upstream.as_uri(), head).files(head, "")))
    committed = clones.committed(upstream, "HEAD", name)
    (upstream / name).write_bytes(b"changed since")
    assert clones.committed(upstream, head[:12], name) == committed != b"changed since"
    (tmp_path / "nowhere").mkdir()
    for folder, revision, reason in (
        (upstream, "HEAD", "^absent was not committed at HEAD$"),
        (upstream, "nosuch", "^git knows no revision nosuch$"),
        (upstream, "--help", "is no revision"),
        (upstream, "HEAD:a", "is no revision"),
        (tmp_path / "nowhere", "HEAD", "^the project is in no git repository$"),
    ):
        with pytest.raises(RepositoryError, match=reason):
            clones.committed(folder, revision, "absent")


def test_hooks_of_the_user_are_not_run(
    upstream: Path, clones: GitClones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "hooks/reference-transaction"
    put(tmp_path, "hooks/reference-transaction", f"#!/bin/sh\ntouch {tmp_path}/evil\n".encode())
    hook.chmod(0o755)
    put(
        tmp_path,
        "config",
        f"[core]\n hooksPath = {tmp_path}/hooks\n[init]\n templateDir = {tmp_path}\n".encode(),
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    clones.resolve(upstream.as_uri(), "main")
    assert not (tmp_path / "evil").exists()


def test_one_clone_for_each_url(upstream: Path, clones: GitClones, tmp_path: Path) -> None:
    url = upstream.as_uri()
    clones.resolve(url, "main")
    clones.resolve(url, None)
    name = hashlib.sha256(url.encode()).hexdigest()[:40]
    assert {path.name for path in (tmp_path / "cache/git").iterdir()} == {name}


def test_a_missing_git_is_told(tmp_path: Path) -> None:
    script = f"""
from pathlib import Path
from monorepo.adapters.git import GitClones
from monorepo.errors import RepositoryError
try:
    GitClones(Path({str(tmp_path / "cache")!r})).resolve({tmp_path.as_uri()!r}, None)
except RepositoryError as error:
    print(error.reason)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        env={"PATH": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.stdout, done.stderr) == ("git is not installed, or not on PATH\n", "")
