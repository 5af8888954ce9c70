"""What git says a folder is, held against git itself."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from monorepo.fetch.git_tree import git_tree
from tests.monorepo.fetch.sources import put, repository, run_git

NAMES = st.text("ab.-/0é ", min_size=1, max_size=6).filter(
    lambda name: all(part not in ("", ".", "..") for part in name.split("/"))
)
FILES = st.dictionaries(
    NAMES, st.tuples(st.binary(max_size=9), st.sampled_from("flx")), min_size=1, max_size=8
)


def written(folder: Path) -> str:
    run_git(folder, "add", "--all", "--force")
    return run_git(folder, "write-tree")


@settings(max_examples=25)
@given(FILES)
def test_it_is_what_git_writes(files: dict[str, tuple[bytes, str]]) -> None:
    with tempfile.TemporaryDirectory() as aside:
        folder = Path(aside) / "tree"
        folder.mkdir()
        for name, (content, kind) in files.items():
            path = folder / name
            if any(parent.is_file() or parent.is_symlink() for parent in path.parents) or path.is_dir():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "l":
                path.symlink_to(f"./to//{name}")
            else:
                path.write_bytes(content)
                path.chmod(0o755 if kind == "x" else 0o644)
        computed = git_tree(folder)
        run_git(folder, "init", "-q")
        assert written(folder) == computed


def test_folders_sort_as_if_their_names_ended_in_a_slash(tmp_path: Path) -> None:
    for name in ("a/x", "a.b", "a-b", "a0", "ab/x"):
        put(tmp_path / "tree", name, b"x")
    computed = git_tree(tmp_path / "tree")
    run_git(tmp_path / "tree", "init", "-q")
    assert written(tmp_path / "tree") == computed


def test_a_link_counts_as_it_is_written(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", {"a": b"a"})
    os.symlink("./a//", repo / "link")  # noqa: PTH211 (a Path would tidy it up)
    (repo / ".git").rename(tmp_path / "git")
    computed = git_tree(repo)
    (tmp_path / "git").rename(repo / ".git")
    assert written(repo) == computed


def test_empty_folders_count(tmp_path: Path) -> None:
    """git itself cannot add one, but its trees can have it, and Software Heritage's do."""
    (tmp_path / "tree/empty").mkdir(parents=True)
    computed = git_tree(tmp_path / "tree")
    repo = repository(tmp_path / "repo", {"a": b"a"})
    nothing = run_git(repo, "hash-object", "-t", "tree", "-w", "/dev/null")
    assert run_git(repo, "mktree", given=f"040000 tree {nothing}\tempty\n") == computed
