"""Hostile git repositories through a whole pull: refused or harmless, and nothing of theirs ever runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from monorepo.lock.model import LockedSource
from tests.faults.gits import (
    SOMEWHERE,
    Tree,
    commit_of,
    hostile_addresses,
    hostile_modules,
    hostile_trees,
)
from tests.faults.patches import making
from tests.faults.scene import OLD, Scene, Snapshot
from tests.faults.server import FaultyServer, redirect
from tests.faults.test_hostile_patches import patched
from tests.monorepo.fetch.sources import commit, put, repository, run_git, tar_members
from tests.support.git_server import serving_git


@pytest.fixture
def upstream(scene: Scene) -> Path:
    repository(scene.outside / "other", {"secret": b"of this machine\n"})
    put(scene.outside, "modules", f'[submodule "s"]\n\tpath = sub\n\turl = {scene.outside}/other\n'.encode())
    return repository(scene.folder / "served/upstream", {"a": b"its own\n"})


@pytest.fixture
def served(upstream: Path) -> Iterator[str]:
    """The repository's address, of another machine as far as mono can tell."""
    with serving_git(upstream.parent) as url:
        yield f"{url}/upstream/.git"


def at(name: str, url: str, identifier: str) -> LockedSource:
    return LockedSource(name, url, (name,), commit=identifier)


def refuse_all(scene: Scene, old: Snapshot, reasons: Mapping[str, str]) -> None:
    told = scene.refused(scene.pull(), old).splitlines()
    wrong = []
    for name, reason in reasons.items():
        about = [line for line in told if re.match(rf" *(error: )?{name}: ", line)]
        if len(about) != 1 or not re.search(reason, about[0]):
            wrong.append((name, reason, about))
    assert not wrong, "\n".join(map(str, wrong))


def refuse_trees(scene: Scene, upstream: Path, url: str, cases: Mapping[str, Tree]) -> None:
    old = scene.with_old_duniverse()
    commits = {name: commit_of(upstream, name, case.entries) for name, case in cases.items()}
    scene.lock(*(at(name, f"git+{url}", identifier) for name, identifier in commits.items()))
    refuse_all(scene, old, {name: case.reason for name, case in cases.items()})
    head = run_git(upstream, "rev-parse", "main")
    scene.lock(*scene.old_sources(), at("good", f"git+{url}", head))
    new = {f"{name}/a": text for name, text in OLD.items()}
    scene.done(scene.pull(), {**new, "good/a": b"its own\n"})


def test_hostile_trees_are_refused(scene: Scene, upstream: Path, served: str) -> None:
    refuse_trees(scene, upstream, served, hostile_trees(scene.outside))


def test_hostile_submodules_are_refused(scene: Scene, upstream: Path, served: str) -> None:
    refuse_trees(scene, upstream, served, hostile_modules(scene.outside))


def test_hostile_addresses_are_refused(scene: Scene, upstream: Path) -> None:
    old = scene.with_old_duniverse()
    addresses = hostile_addresses(scene.outside)
    scene.lock(*(at(name, url, SOMEWHERE) for name, url in addresses.items()))
    refuse_all(scene, old, dict.fromkeys(addresses, "mono takes no git repository from there"))


def test_what_is_not_there_is_told(scene: Scene, upstream: Path, served: str, server: FaultyServer) -> None:
    old = scene.with_old_duniverse()
    server.on("/x/info/refs?service=git-upload-pack", redirect(f"file://{upstream}/.git/info/refs"))
    scene.lock(
        at("commit", f"git+{served}", SOMEWHERE),
        at("repository", f"git+{served}-not", SOMEWHERE),
        at("server", "git+http://127.0.0.1:9/x", SOMEWHERE),
        at("redirect", f"git+{server.url}/x", SOMEWHERE),
        at("blob", f"git+{served}", run_git(upstream, "rev-parse", "main:a")),
    )
    reasons = {
        "commit": "no commit|not our ref",
        "repository": "not found|no git repository there",
        "server": "onnect|cannot be reached",
        "redirect": "edirect|rotocol",
        "blob": "no commit|not our ref",
    }
    refuse_all(scene, old, reasons)


def test_what_a_repository_asks_for_is_not_done(scene: Scene, upstream: Path, served: str) -> None:
    """Hooks, filters, attributes and settings come with it as files, and are files."""
    scene.with_old_duniverse()
    ran = f"touch {scene.outside}/ran"
    files = {
        ".gitattributes": b"* filter=evil diff=evil merge=evil text eol=crlf ident\na export-ignore\n",
        ".gitconfig": f"[core]\n\tfsmonitor = {ran}\n".encode(),
        ".lfsconfig": f"[lfs]\n\turl = ext::{ran}\n".encode(),
        "HEAD": b"ref: refs/heads/main\n",
        "config": f'[core]\n\tbare = true\n\tfsmonitor = {ran}\n\tsshCommand = {ran}\n[filter "evil"]\n\tsmudge = {ran}\n'.encode(),
        "hooks/post-checkout": f"#!/bin/sh\n{ran}\n".encode(),
        "hooks/reference-transaction": f"#!/bin/sh\n{ran}\n".encode(),
        "objects/info/x": b"",
        "refs/heads/x": b"",
    }
    head = commit(upstream, files)
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        put(upstream, f".git/hooks/{name}", files["hooks/post-checkout"]).removeprefix("file://")
        (upstream / ".git/hooks" / name).chmod(0o755)
    members = [(f"p/{name}", {"mode": 0o755}, content) for name, content in files.items()]
    members += [(f"p/.git/{name}", {"mode": 0o755}, content) for name, content in files.items()]
    content = tar_members(*members)
    patch = making("made-by-patch", text="x\n")
    inner = making("hooks/evil", text="x\n")
    scene.lock(
        at("network", f"git+{served}", head),
        at("file", f"git+{upstream.as_uri()}", head),
        patched("archive", put(scene.outside, "p.tgz", content), content, patch, inner),
        files=[patch, inner],
    )
    expected = {
        f"{name}/{path}": text for name in ("network", "file", "archive") for path, text in files.items()
    }
    expected |= {"network/a": b"its own\n", "file/a": b"its own\n"}
    expected |= {
        "archive/0.patch": patch,
        "archive/1.patch": inner,
        "archive/made-by-patch": b"x\n",
        "archive/hooks/evil": b"x\n",
    }
    scene.done(scene.pull(), expected)


def test_no_nested_repository_comes_along(scene: Scene) -> None:
    """A folder .git of an archive is settings and hooks for whoever runs git there."""
    scene.with_old_duniverse()
    members = [(f"p/{folder}.git/config", {}, b"[core]\n\tfsmonitor = evil\n") for folder in ("", "sub/")]
    content = tar_members(("p/a", {}, b"a"), ("p/sub/b", {}, b"b"), *members)
    scene.lock(patched("p", put(scene.outside, "p.tgz", content), content))
    scene.done(scene.pull(), {"p/a": b"a", "p/sub/b": b"b"})
