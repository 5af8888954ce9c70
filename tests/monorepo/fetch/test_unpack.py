"""Archives of every format come out the same; hostile and damaged ones are refused, and nothing gets out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monorepo.errors import FetchError
from monorepo.fetch.tree import EPOCH, Limits, recheck, safe_path
from monorepo.fetch.unpack import single_folder, unpack
from tests.monorepo.fetch.sources import put, tar, tar_members, tree, zipped

FILES = {"p-1.0/dune": b"(library)", "p-1.0/src/a.ml": b"let a = 1\n" * 9000, "p-1.0/run.sh": b"#!/bin/sh\n"}
NOISE = {"p-1.0/noise": random.Random(1).randbytes(20_000)}
LONG = "p-1.0/" + "deep/" * 50 + "file.ml"
LINK = {"type": tarfile.SYMTYPE}
HARD = {"type": tarfile.LNKTYPE}


def unpacked(content: bytes, folder: Path, limits: Limits | None = None) -> Path:
    archive = folder / "archive"
    archive.write_bytes(content)
    unpack(archive, folder / "out", limits)
    return folder / "out"


@pytest.mark.parametrize(
    "content",
    [
        tar(FILES, "w:gz"),
        tar(FILES, "w:bz2"),
        tar(FILES, "w:xz"),
        tar(FILES, "w"),
        zipped(FILES, {"p-1.0/run.sh": 0o100755}),
    ],
    ids=["gz", "bz2", "xz", "plain", "zip"],
)
def test_every_format_comes_out_the_same(tmp_path: Path, content: bytes) -> None:
    top = single_folder(unpacked(content, tmp_path))
    assert top.name == "p-1.0"
    assert tree(top) == {name.removeprefix("p-1.0/"): body for name, body in FILES.items()}
    assert stat.S_IMODE((top / "run.sh").stat().st_mode) == 0o555
    assert stat.S_IMODE((top / "dune").stat().st_mode) == 0o444
    assert {path.stat().st_mtime for path in top.rglob("*") if path.is_file()} == {EPOCH}


@pytest.mark.parametrize("dialect", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_dialect_of_tar(tmp_path: Path, dialect: int) -> None:
    names = ["p-1.0/a", "p-1.0/" + "x" * 90 + "/" + "y" * 60]
    if dialect != tarfile.USTAR_FORMAT:
        names += [LONG, "p-1.0/" + "z" * 200, "p-1.0/grüße.ml"]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=dialect) as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name.encode())
            archive.addfile(member, io.BytesIO(name.encode()))
        link = tarfile.TarInfo("p-1.0/link")
        link.type, link.linkname = tarfile.SYMTYPE, "x" * 90 if dialect == tarfile.USTAR_FORMAT else "z" * 200
        archive.addfile(link)
    out = unpacked(gzip.compress(buffer.getvalue()), tmp_path)
    expected: dict[str, bytes | str] = {name: name.encode() for name in names}
    assert tree(out) == {**expected, "p-1.0/link": link.linkname}


def test_sizes_around_blocks_and_pieces(tmp_path: Path) -> None:
    sizes = [0, 1, 511, 512, 513, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 511, 0, 1]
    files = {f"file{number}": os.urandom(size) for number, size in enumerate(sizes)}
    folder = unpacked(tar(files), tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_links_within_the_folder_stand(tmp_path: Path) -> None:
    content = tar_members(
        ("p/a/file", {"mode": 0o755}, b"text"),
        ("p/b/link", LINK | {"linkname": "../a/file"}, b""),
        ("p/folder", LINK | {"linkname": "a"}, b""),
        ("p/nowhere", LINK | {"linkname": "missing"}, b""),
        ("p/again", HARD | {"linkname": "p/a/file"}, b""),
    )
    out = unpacked(content, tmp_path)
    assert tree(out) == {
        "p/a/file": b"text",
        "p/again": b"text",
        "p/b/link": "../a/file",
        "p/folder": "a",
        "p/nowhere": "missing",
    }
    assert (out / "p/again").stat().st_nlink == 1
    assert os.access(out / "p/again", os.X_OK)


def test_the_later_of_two_entries_counts(tmp_path: Path) -> None:
    content = tar_members(
        ("p/a", {}, b"a longer first text"),
        ("p/a", {}, b"second"),
        ("p/b", LINK | {"linkname": "a"}, b""),
        ("p/b", {}, b"file"),
        ("p/c", {}, b"file"),
        ("p/c", LINK | {"linkname": "a"}, b""),
    )
    assert tree(unpacked(content, tmp_path)) == {"p/a": b"second", "p/b": b"file", "p/c": "a"}


def test_set_uid_bits_are_dropped(tmp_path: Path) -> None:
    out = unpacked(tar_members(("p/a", {"mode": 0o6777}, b"x"), ("p/b", {"mode": 0o000}, b"x")), tmp_path)
    assert [stat.S_IMODE((out / name).stat().st_mode) for name in ("p/a", "p/b")] == [0o555, 0o444]


HOSTILE = {
    "absolute": (tar_members(("/tmp/evil", {}, b"x")), "absolute path"),
    "parent": (tar_members(("p/../../evil", {}, b"x")), "leaves its folder"),
    "folder outside": (tar_members(("../evil", {"type": tarfile.DIRTYPE}, b"")), "leaves its folder"),
    "absolute link": (tar_members(("p/l", LINK | {"linkname": "/etc/passwd"}, b"")), "leaves its folder"),
    "link outside": (tar_members(("p/l", LINK | {"linkname": "../../evil"}, b"")), "leaves its folder"),
    "link by a link": (
        tar_members(
            ("p/d/here", LINK | {"linkname": "."}, b""),
            ("p/out", LINK | {"linkname": "d/here/../../.."}, b""),
        ),
        "leaves its folder",
    ),
    "through a link": (
        tar_members(("p/l", LINK | {"linkname": ".."}, b""), ("p/l/evil", {}, b"x")),
        "both a folder and something else",
    ),
    "link over a folder": (
        tar_members(("p/l/a", {}, b"x"), ("p/l", LINK | {"linkname": "."}, b"")),
        "both a file and a folder",
    ),
    "hard link outside": (tar_members(("p/l", HARD | {"linkname": "../evil"}, b"")), "leaves its folder"),
    "hard link to nothing": (
        tar_members(("p/l", HARD | {"linkname": "p/none"}, b"")),
        "no file of this source",
    ),
    "hard link to a link": (
        tar_members(("p/l", LINK | {"linkname": "x"}, b""), ("p/h", HARD | {"linkname": "p/l"}, b"")),
        "no file of this source",
    ),
    "absurdly deep": (tar_members(("p/" * 2000 + "evil", {}, b"x")), "more than 256 folders deep"),
    "device": (tar_members(("p/d", {"type": tarfile.CHRTYPE}, b"")), "a device is refused"),
    "pipe": (tar_members(("p/d", {"type": tarfile.FIFOTYPE}, b"")), "a named pipe is refused"),
    "unknown type": (tar_members(("p/d", {"type": b"V"}, b"")), "unknown type"),
    "zip parent": (zipped({"p/../../evil": b"x"}), "leaves its folder"),
    "zip absolute": (zipped({"/tmp/evil": b"x"}), "absolute path"),
    "zip link": (zipped({"p/l": b"../../evil"}, {"p/l": 0o120777}), "leaves its folder"),
    "zip device": (zipped({"p/l": b""}, {"p/l": 0o020666}), "device or the like"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_refused(tmp_path: Path, case: str) -> None:
    content, reason = HOSTILE[case]
    with pytest.raises(FetchError, match=reason):
        unpacked(content, tmp_path)
    assert not list(tmp_path.rglob("evil"))
    assert {path.name for path in tmp_path.iterdir()} == {"archive", "out"}


ADDED = {
    "bytes": ({"p/b": bytes(200)}, "more than 1000 bytes"),
    "entries": ({f"p/{number}": b"" for number in range(4)}, "more than 5 entries"),
    "case": ({"p/A": b""}, "it and p/A would be one name"),
    "case of folders": ({"p/D/x": b""}, "it and p/D would be one name"),
}


@pytest.mark.parametrize("name", ADDED)
def test_what_was_added_later_is_held_to_the_same(tmp_path: Path, name: str) -> None:
    few = Limits(entries=5, bytes=1000)
    out = unpacked(tar({"p/a": bytes(900), "p/d/b": b""}), tmp_path, few)
    recheck(out, few)
    added, reason = ADDED[name]
    for path, content in added.items():
        put(out, path, content)
    with pytest.raises(FetchError, match=reason):
        recheck(out, few)


def test_bombs_are_refused(tmp_path: Path) -> None:
    few = Limits(entries=10, bytes=1000)
    many = tar({f"p/{index}": b"" for index in range(11)})
    for name, content, reason in (
        ("entries", many, "more than 10 entries"),
        ("bytes", tar({"p/a": bytes(1001)}), "more than 1000 bytes"),
        ("zip", zipped({"p/a": bytes(10**6)}), "more than 1000 bytes"),
    ):
        (tmp_path / name).mkdir()
        with pytest.raises(FetchError, match=reason):
            unpacked(content, tmp_path / name, few)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>not found</html>", "no archive that mono knows"),
        (b"", "no archive that mono knows"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "zstandard"),
        (tar(NOISE)[:-10_000], "damaged"),
        (tar(NOISE, "w:bz2")[:-10_000], "damaged"),
        (tar(NOISE, "w:xz")[:-10_000], "damaged"),
        (gzip.compress(tar(FILES, "w")[:700], mtime=0), "ends within an entry"),
        (gzip.compress(b"x" * 1024, mtime=0), "no number|wrong checksum"),
        (bz2.compress(tar(FILES, "w").replace(b"ustar", b"ustax", 1)), "wrong checksum"),
        (lzma.compress(b"short"), "ends within an entry"),
        (zipped(FILES)[:-30], "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damaged_archives_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(FetchError, match=reason):
        unpacked(content, tmp_path)


def test_a_huge_extended_header_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("p")
    header.type, header.size = tarfile.XHDTYPE, 1 << 33
    with pytest.raises(FetchError, match="a header of"):
        unpacked(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024), tmp_path)


def test_only_a_lone_folder_is_stripped(tmp_path: Path) -> None:
    out = unpacked(tar({"a/x": b"", "b": b""}), tmp_path)
    assert single_folder(out) == out


@given(st.text(alphabet="a./\0\\é", max_size=12))
def test_a_safe_path_stays_inside(name: str) -> None:
    try:
        path = safe_path(name)
    except FetchError:
        assert name.startswith("/") or ".." in name.split("/") or "\0" in name
    else:
        full = os.path.normpath(f"/top/{path}")
        assert full == "/top" or full.startswith("/top/")
        assert safe_path(path) == path


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "a/b", "a/b/c", "b/../a", "./a/c"]),
            st.sampled_from(["file", "folder", "symlink", "hardlink"]),
            st.sampled_from(["a", "b", "..", "../..", "a/b", "../b", ".", "a/../.."]),
        ),
        max_size=6,
    )
)
def test_nothing_ever_leaves(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    types = {"file": b"0", "folder": b"5", "symlink": b"2", "hardlink": b"1"}
    members = [
        (name, {"type": types[kind], "linkname": target}, b"x" if kind == "file" else b"")
        for name, kind, target in entries
    ]
    try:
        out = unpacked(tar_members(*members), folder)
    except FetchError:
        pass
    else:
        for path in out.rglob("*"):
            assert Path(os.path.realpath(path)).is_relative_to(os.path.realpath(out))
    assert {path.name for path in folder.iterdir()} <= {"archive", "out"}
