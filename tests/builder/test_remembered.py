"""Digests that are remembered are those that reading would give; what may have changed is read again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from builder.digest import file_digest, tree_digest
from builder.remembered import Digests

OLD = Path("/bin/sh")
"""A file that nobody has changed for a while."""


def remembering(memory: Path, *paths: Path) -> Digests:
    """Digests that remember these files, and what `Digests.save` wrote of them in ``memory``."""
    digests = Digests(memory)
    for path in paths:
        digests.of_file(path)
    digests.save(memory)
    return Digests(memory)


def test_what_is_remembered_is_not_read_again(tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    assert remembering(memory, OLD).of_file(OLD) == file_digest(OLD)
    memory.write_text(memory.read_text().replace(file_digest(OLD)[7:], "0" * 64))
    assert Digests(memory).of_file(OLD) == f"sha256:{'0' * 64}"


def test_what_changed_lately_is_read_again(tmp_path: Path) -> None:
    file, memory = tmp_path / "file", tmp_path / "memory"
    file.write_bytes(b"before")
    digests = remembering(memory, file)
    assert json.loads(memory.read_text()) == {}
    file.write_bytes(b"after!")
    assert digests.of_file(file) == file_digest(file)


def test_a_file_put_in_place_of_another_is_read(tmp_path: Path) -> None:
    """Of the same name, size and time of change, as a restored backup has them."""
    link, other, memory = tmp_path / "link", tmp_path / "other", tmp_path / "memory"
    link.symlink_to(OLD)
    digests = remembering(memory, link)
    told = OLD.stat()
    other.write_bytes(b"\0" * told.st_size)
    os.utime(other, ns=(told.st_atime_ns, told.st_mtime_ns))
    other.replace(link)
    assert digests.of_file(link) == file_digest(link) != file_digest(OLD)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"/bin/sh": 3}', '{"/bin/sh": [[], 1, 2]}'])
def test_a_damaged_memory_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "memory").write_text(text)
    assert Digests(tmp_path / "memory").of_file(OLD) == file_digest(OLD)


def test_files_right_in_a_folder(tmp_path: Path) -> None:
    digests = Digests(tmp_path / "memory")
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "file").write_bytes(b"1")
    assert digests.of_files_in(folder) == tree_digest(folder)
    (folder / "sub" / "more").write_bytes(b"2")
    before = digests.of_files_in(folder)
    assert before != tree_digest(folder)
    (folder / "file").write_bytes(b"3")
    assert digests.of_files_in(folder) != before
