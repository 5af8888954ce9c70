"""mono.lock: what is written is read again, whatever is damaged is told, and nothing is half written."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from monorepo.errors import LockError
from monorepo.lock.difference import difference
from monorepo.lock.format import FILE, FILES_FOLDER, canonical
from monorepo.lock.model import ExtraFile, Kind, Lock
from monorepo.lock.reader import load_lock, read_lock
from monorepo.lock.trees import text_without_trees, without_trees
from monorepo.lock.writer import clear_aside, save_lock, write_lock
from tests.monorepo.locks import lock_of, locks

GOLDEN = Path(__file__).parent / "written" / "mono.lock"


@given(locks())
@settings(max_examples=40)
def test_a_lock_comes_back_as_it_was(lock: Lock) -> None:
    text = write_lock(lock)
    assert read_lock(text, FILE) == lock
    assert write_lock(read_lock(text, FILE)) == text


@given(locks(), st.randoms())
@settings(max_examples=40)
def test_the_order_of_its_parts_does_not_show(lock: Lock, random: Any) -> None:
    shuffled = replace(
        lock,
        packages=tuple(random.sample(lock.packages, len(lock.packages))),
        sources=tuple(random.sample(lock.sources, len(lock.sources))),
        variables=tuple(random.sample(lock.variables, len(lock.variables))),
        roots=tuple(random.sample(lock.roots, len(lock.roots))),
    )
    assert canonical(shuffled) == lock
    assert write_lock(shuffled) == write_lock(lock)


@given(locks(), st.data())
@settings(max_examples=40)
def test_whatever_line_is_lost_it_is_read_or_refused_at_a_line(lock: Lock, data: st.DataObject) -> None:
    lines = write_lock(lock).split("\n")
    lost = data.draw(st.integers(0, len(lines) - 1))
    text = "\n".join(lines[:lost] + lines[lost + 1 :])
    try:
        read_lock(text, FILE)
    except LockError as error:
        file, line, *_ = error.place.split(":")
        assert file == FILE and 1 <= int(line) <= len(lines)
        assert error.reason


def test_every_list_has_one_item_a_line() -> None:
    lines = write_lock(lock_of(3)).split("\n")
    assert '  "package-001",' in lines
    assert not any(line.count('", "') for line in lines)


def test_the_format_is_what_it_was() -> None:
    """Byte for byte what an earlier mono wrote: a change here is a change of the format."""
    text = GOLDEN.read_text(encoding="utf-8")
    assert write_lock(read_lock(text, FILE)) == text


@pytest.mark.parametrize("revision", [0, 1])
def test_a_lock_of_an_earlier_revision_is_read(revision: int) -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    earlier = text_without_trees(text.encode()).decode().replace("revision = 2\n", f"revision = {revision}\n")
    assert read_lock(earlier, FILE) == without_trees(read_lock(text, FILE))


@given(locks())
@settings(max_examples=40)
def test_the_text_without_trees_is_that_of_the_lock_without_trees(lock: Lock) -> None:
    assert text_without_trees(write_lock(lock).encode()) == write_lock(without_trees(lock)).encode()


def edited(edit: Callable[[dict[str, Any]], object]) -> LockError:
    """What reading says of a sound lock of which ``edit`` spoilt something."""
    document = tomllib.loads(GOLDEN.read_text(encoding="utf-8"))
    edit(document)
    with pytest.raises(LockError) as caught:
        read_lock(tomli_w.dumps(document), FILE)
    error = caught.value
    assert error.place.startswith(f"{FILE}:")
    return error


def package(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in document["packages"] if row["name"] == name)


DAMAGE: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("other format", lambda d: d.update(format=3), "this lock is of format 3, and this mono reads >=2,<3"),
    ("format of another type", lambda d: d.update(format="1"), "format must be an integer, not a string"),
    ("no format", lambda d: d.pop("format"), 'the file has no "format"'),
    ("no project", lambda d: d.pop("project"), 'the file has no "project"'),
    ("unknown key", lambda d: d.update(projct="x"), '"projct" is no key of the file'),
    ("inputs", lambda d: d.update(inputs="sha256:12"), '"sha256:12" is not a digest'),
    ("no version", lambda d: package(d, "lwt").pop("version"), "has no \"version\""),
    ("version of another type", lambda d: package(d, "lwt").update(version=5.6), "version must be a string, not a number"),
    ("kind", lambda d: package(d, "lwt").update(kind="vendor"), '"vendor" is no kind of package'),
    ("dangling dependency", lambda d: package(d, "lwt")["dependencies"].append("gone"), "gone is no package of this lock"),
    ("unknown target", lambda d: package(d, "lwt").update(targets=["xen"]), "xen is no target of this lock"),
    ("no target", lambda d: [package(d, "lwt").pop(key) for key in ("targets", "host-for")], "lwt is for no target"),
    ("unknown repository", lambda d: package(d, "lwt").update(repository="x"), "x is no repository of this lock"),
    ("unknown repository beneath", lambda d: package(d, "lwt").update({"port-of": "x"}), "x is no repository of this lock"),
    ("twice", lambda d: d["packages"].append(package(d, "lwt")), "lwt is there twice for host"),
    ("no directory", lambda d: package(d, "lwt").pop("directory"), "lwt is vendored, but has no directory"),
    ("no source", lambda d: package(d, "lwt").update(directory="other"), "lwt is vendored, but has no source"),
    ("provided with a directory", lambda d: package(d, "dune").update(directory="lwt"), "dune is provided, so it has no directory"),
    ("leaving directory", lambda d: package(d, "lwt").update(directory=".."), '".." cannot be a folder of the duniverse'),
    ("root unknown", lambda d: d.update(roots=["gone"]), "gone is no root among the packages"),
    ("root missing", lambda d: d.pop("roots"), "kind and roots disagree"),
    ("unpinned repository", lambda d: d["repositories"][1].pop("commit"), "needs a commit or the hash of its content"),
    ("commit", lambda d: d["repositories"][0].update(commit="main"), '"main" is not a commit'),
    ("unpinned", lambda d: d["sources"][0].pop("checksums"), "nothing pins the source of lwt"),
    ("pinned twice", lambda d: d["sources"][0].update(commit="a" * 40), "lwt is pinned by a commit and by checksums"),
    ("checksum", lambda d: d["sources"][0]["checksums"].append("sha256=xyz"), '"sha256=xyz" is not a checksum'),
    ("source of no package", lambda d: d["sources"][0].update(packages=["dune"]), "lwt is vendored, but has no source"),
    ("stranger in a source", lambda d: d["sources"][0]["packages"].append("dune"), "dune is no package that is vendored in lwt"),
    ("extra file", lambda d: d["sources"][0]["extra-files"][0].update(file="../x"), '"../x" leads out of its folder'),
    ("extra file's hash", lambda d: d["sources"][0]["extra-files"][0].update(sha256="x"), '"x" is not a sha256'),
    ("step out of its folder", lambda d: d["targets"][1]["steps"][0].update(output="../x"), '"../x" leads out of its folder'),
    ("companion from outside", lambda d: d["targets"][1]["companions"][1].update(file="/x"), '"/x" leads out of its folder'),
    ("tree", lambda d: d["sources"][1].update(tree="x"), '"x" is not a digest'),
    ("tree of unknown rules", lambda d: d.pop("preparation"), "nothing says by which rules it was prepared"),
    ("rules", lambda d: d.update(preparation=0), "0 is no number of rules of preparation"),
    ("pinned and unverified", lambda d: d["sources"][1].update(unverified=True), "uri is pinned after all"),
    ("extra source", lambda d: d["sources"][0]["extra-sources"][0].pop("checksums"), "nothing pins the extra source"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "reason"), [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_damage_is_told_with_its_place(edit: Callable[[dict[str, Any]], object], reason: str) -> None:
    assert reason in edited(edit).reason


def test_damage_is_told_at_its_line() -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    spoilt = text.replace('kind = "vendored"', 'kind = "vendor"')
    with pytest.raises(LockError) as caught:
        read_lock(spoilt, FILE)
    line = int(caught.value.place.removeprefix(f"{FILE}:"))
    assert spoilt.split("\n")[line - 1] == 'kind = "vendor"'


def test_an_unknown_format_is_refused_with_what_to_do() -> None:
    assert "update mono" in edited(lambda document: document.update(format=3)).hint


def test_a_later_revision_is_read_and_its_new_keys_passed_over() -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    later = text.replace("revision = 2\n", 'revision = 7\nnew-key = "x"\n')
    assert later != text
    assert read_lock(later, FILE) == read_lock(text, FILE)


def test_a_merge_conflict_is_told_at_its_line() -> None:
    text = GOLDEN.read_text(encoding="utf-8").replace('version = "5.6.1"', '<<<<<<< ours\nversion = "5.6.1"')
    with pytest.raises(LockError) as caught:
        read_lock(text, FILE)
    line = int(caught.value.place.split(":")[1])
    assert text.split("\n")[line - 1] == "<<<<<<< ours"


def test_no_lock_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LockError, match=r"mono\.lock: there is no lock") as caught:
        load_lock(tmp_path)
    assert caught.value.hint == "run mono lock"


def with_files(lock: Lock, *contents: bytes) -> tuple[Lock, dict[str, bytes]]:
    carried = {hashlib.sha256(content).hexdigest(): content for content in contents}
    extra = tuple(ExtraFile(f"{position}.patch", sha256) for position, sha256 in enumerate(carried))
    return replace(lock, sources=(replace(lock.sources[0], extra_files=extra), *lock.sources[1:])), carried


def test_saving_keeps_what_packages_carry_and_removes_what_is_stale(tmp_path: Path) -> None:
    lock, carried = with_files(lock_of(2), b"one", b"two")
    assert save_lock(lock, tmp_path, carried)
    assert load_lock(tmp_path) == lock
    assert {path.name: path.read_bytes() for path in (tmp_path / FILES_FOLDER).iterdir()} == carried

    fewer, kept = with_files(lock_of(2), b"two")
    assert save_lock(fewer, tmp_path, {})
    assert {path.name: path.read_bytes() for path in (tmp_path / FILES_FOLDER).iterdir()} == kept

    assert save_lock(lock_of(2), tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_saving_the_same_lock_touches_nothing(tmp_path: Path) -> None:
    lock, carried = with_files(lock_of(2), b"one")
    save_lock(lock, tmp_path, carried)
    os.utime(tmp_path / FILE, (1, 1))
    assert not save_lock(lock, tmp_path, carried)
    assert (tmp_path / FILE).stat().st_mtime == 1


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_the_mode_stays(tmp_path: Path, mode: int) -> None:
    save_lock(lock_of(1), tmp_path, {})
    (tmp_path / FILE).chmod(mode)
    assert save_lock(lock_of(2), tmp_path, {})
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == mode


def test_lines_that_git_ends_with_crlf_stay_so(tmp_path: Path) -> None:
    """As in a checkout with core.autocrlf: it is the same lock, and what is written to it looks like it."""

    def crlf(lock: Lock) -> bytes:
        return write_lock(lock).replace("\n", "\r\n").encode()

    (tmp_path / FILE).write_bytes(crlf(lock_of(1)))
    assert load_lock(tmp_path) == lock_of(1)
    assert not save_lock(lock_of(1), tmp_path, {})
    assert save_lock(lock_of(2), tmp_path, {})
    assert (tmp_path / FILE).read_bytes() == crlf(lock_of(2))
    assert text_without_trees(crlf(lock_of(2))) == write_lock(without_trees(lock_of(2))).encode()


def test_what_a_killed_writer_left_is_cleared_away(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    for name in (str(gone.pid), str(os.getpid()), "writing"):
        (tmp_path / f".{FILE}.{name}").touch()
    clear_aside(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f".{FILE}.{os.getpid()}"]


def test_a_damaged_carried_file_is_mended(tmp_path: Path) -> None:
    lock, carried = with_files(lock_of(2), b"one")
    save_lock(lock, tmp_path, carried)
    (path,) = (tmp_path / FILES_FOLDER).iterdir()
    path.write_bytes(b"other")
    assert save_lock(lock, tmp_path, carried)
    assert path.read_bytes() == b"one"


def test_a_missing_or_wrong_carried_file_leaves_the_old_lock(tmp_path: Path) -> None:
    save_lock(lock_of(1), tmp_path, {})
    lock, carried = with_files(lock_of(2), b"one")
    for files in ({}, dict.fromkeys(carried, b"other")):
        with pytest.raises(LockError) as caught:
            save_lock(lock, tmp_path, files)
        assert caught.value.place == f"{FILES_FOLDER}/{next(iter(carried))}"
        assert load_lock(tmp_path) == lock_of(1)
        assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_the_difference_between_two_locks() -> None:
    before, after = lock_of(3), lock_of(4)
    newer = replace(after.packages[1], version="2.0.0")
    other = replace(after.packages[2], reason="another")
    after = replace(after, packages=(after.packages[0], newer, other, *after.packages[3:]))
    told = difference(before, after)
    assert [package.name for package in told.added] == ["package-003"]
    assert told.removed == ()
    assert [(was.version, now.version) for was, now in told.updated] == [("1.2.3", "2.0.0")]
    assert [now.name for _, now in told.recorded] == ["app", "package-001"]
    assert told.repositories == ()
    assert len(difference(None, after).added) == 5
    assert [package.name for package in difference(after, before).removed] == ["package-003"]


def test_kinds_are_few() -> None:
    assert {kind.value for kind in Kind} == {"vendored", "provided", "virtual", "compiler", "root"}
