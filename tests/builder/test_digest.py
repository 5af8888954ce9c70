"""The digest of a folder: what counts, what does not, and that a shell can compute it too."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.digest import bytes_digest, file_digest, tree_digest
from builder.errors import InputsError

NAMES = st.text("abc.-é ", min_size=1, max_size=4).filter(lambda name: name not in {".", ".."})


def make(folder: Path) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_bytes(b"content")
    (folder / "sub.x").write_bytes(b"")
    (folder / "run").write_bytes(b"#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("sub/file")
    return folder


def test_is_the_documented_one(tmp_path: Path) -> None:
    """The command of docs/context-format.md gives the same."""
    make(tmp_path / "tree")
    script = r"""
    cd "$1" && find . -type f -o -type l | sed 's|^\./||' | LC_ALL=C sort | while IFS= read -r path; do
      if [ -L "$path" ]; then kind=l; hash=$(printf %s "$(readlink "$path")" | sha256sum)
      elif [ -x "$path" ]; then kind=x; hash=$(sha256sum <"$path")
      else kind=f; hash=$(sha256sum <"$path"); fi
      printf '%s %s %s\0' $kind "${hash%% *}" "$path"
    done | sha256sum
    """
    printed = subprocess.run(
        ["sh", "-c", script, "sh", tmp_path / "tree"], stdout=subprocess.PIPE, check=True, text=True
    ).stdout
    assert tree_digest(tmp_path / "tree") == f"sha256:{printed.split()[0]}"


def _remove_link(tree: Path) -> None:
    (tree / "link").unlink()


def _turn_link(tree: Path) -> None:
    (tree / "link").unlink()
    (tree / "link").symlink_to("run")


def _link_to_file(tree: Path) -> None:
    (tree / "link").unlink()
    (tree / "link").write_text("sub/file")


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda tree: (tree / "sub" / "file").write_bytes(b"Content"),
    "a file more": lambda tree: (tree / "more").write_bytes(b""),
    "a hidden file more": lambda tree: (tree / ".more").write_bytes(b""),
    "a name": lambda tree: (tree / "run").rename(tree / "ran"),
    "a place": lambda tree: (tree / "run").rename(tree / "sub" / "run"),
    "an executable bit": lambda tree: (tree / "run").chmod(0o644),
    "a link less": _remove_link,
    "where a link leads": _turn_link,
    "a file where a link was": _link_to_file,
}


@pytest.mark.parametrize("change", CHANGES)
def test_sees(change: str, tmp_path: Path) -> None:
    before = tree_digest(make(tmp_path))
    CHANGES[change](tmp_path)
    assert tree_digest(tmp_path) != before


def test_does_not_see_times_other_permissions_empty_folders_or_its_place(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one"), make(tmp_path / "deep" / "other")
    os.utime(other / "run", (0, 0))
    (other / "sub" / "file").chmod(0o600)
    (other / "empty").mkdir()
    assert tree_digest(one) == tree_digest(other)


def test_a_broken_link_and_a_link_to_a_folder_count_by_their_target(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "folder").symlink_to("sub")
    before = tree_digest(tmp_path)
    (tmp_path / "folder").unlink()
    (tmp_path / "folder").symlink_to("sub/")
    assert tree_digest(tmp_path) != before


@given(st.dictionaries(NAMES, st.binary(max_size=8), max_size=6))
def test_does_not_depend_on_the_order_of_making(files: dict[str, bytes]) -> None:
    orders = [sorted(files), sorted(files, reverse=True)]
    digests = set()
    for order in orders:
        with TemporaryDirectory() as folder:
            for name in order:
                Path(folder, name).write_bytes(files[name])
            digests.add(tree_digest(Path(folder)))
    assert len(digests) == 1


@given(
    st.dictionaries(NAMES, st.binary(max_size=3), max_size=3),
    st.dictionaries(NAMES, st.binary(max_size=3), max_size=3),
)
def test_is_equal_for_equal_files_only(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    digests = []
    for files in (one, other):
        with TemporaryDirectory() as folder:
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            digests.append(tree_digest(Path(folder)))
    assert (digests[0] == digests[1]) == (one == other)


def test_a_file_larger_than_what_is_read_at_once(tmp_path: Path) -> None:
    content = b"x" * (3 * (1 << 20) + 1)
    (tmp_path / "large").write_bytes(content)
    assert file_digest(tmp_path / "large") == bytes_digest(content)


@pytest.mark.parametrize(
    ("make_it", "reason"),
    [
        (lambda folder: os.mkfifo(folder / "pipe"), "neither a file"),
        (lambda folder: folder.rmdir(), "cannot be read"),
    ],
)
def test_refuses(make_it: Callable[[Path], object], reason: str, tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    make_it(folder)
    with pytest.raises(InputsError, match=reason) as caught:
        tree_digest(folder)
    assert caught.value.place.startswith(str(folder))
