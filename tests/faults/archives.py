"""Archives that no source should have, in every dialect, and odd ones that must pass."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.monorepo.fetch.sources import tar_members, zipped

LINK = {"type": tarfile.SYMTYPE}
HARD = {"type": tarfile.LNKTYPE}
FOLDER = {"type": tarfile.DIRTYPE}
DIALECTS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
OWN = ("p/a", {}, b"its own\n")
"""A member that does no harm, so that the archive has something to unpack first."""

Member = tuple[str, dict[str, Any], bytes]


@dataclass(frozen=True, slots=True)
class Hostile:
    """An archive, and what is said when it is refused."""

    content: bytes
    reason: str


def hostile_archives(outside: Path) -> dict[str, Hostile]:
    """By name; those that try to write or read a certain place choose one in ``outside``."""
    return {
        **dict(_by_dialect(outside)),
        **dict(_by_links(outside)),
        **dict(_by_kind()),
        **dict(_by_name()),
        **dict(_zips(outside)),
    }


def _by_dialect(outside: Path) -> Iterator[tuple[str, Hostile]]:
    far = "x" * 90 + "/../" * 2 + "y" * 60
    for dialect, format_ in DIALECTS.items():
        for name, path, reason in (
            ("absolute", f"{outside}/evil", "an absolute path is refused"),
            ("parent", "p/../../evil", "a path that leaves its folder is refused"),
            ("long-parent", f"p/{far}/../../../evil", "a path that leaves its folder is refused"),
        ):
            yield f"{dialect}-{name}", Hostile(_dialect(format_, OWN, (path, {}, b"x")), reason)
        link = ("p/l", LINK | {"linkname": "../../" + "z/../" * (5 if format_ == 0 else 40)}, b"")
        yield f"{dialect}-link", Hostile(_dialect(format_, OWN, link), "leaves its folder and is refused")
    before_ustar = bytearray(tarfile.TarInfo("../evil").tobuf(tarfile.USTAR_FORMAT))
    before_ustar[257:500] = bytes(243)
    before_ustar[148:156] = b"        "
    before_ustar[148:156] = b"%06o\0 " % sum(before_ustar)
    yield "v7-parent", Hostile(gzip.compress(bytes(before_ustar) + bytes(1024)), "leaves its folder")
    buffer = io.BytesIO()
    everywhere = {"path": "../evil"}
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT, pax_headers=everywhere) as made:
        made.addfile(tarfile.TarInfo("p/a"))
    yield "pax-everywhere", Hostile(buffer.getvalue(), "leaves its folder")


def _by_links(outside: Path) -> Iterator[tuple[str, Hostile]]:
    for name, members, reason in (
        ("absolute", (("p/l", LINK | {"linkname": str(outside / "canary")}, b""),), "leaves its folder"),
        ("out", (("p/l", LINK | {"linkname": "../../evil"}, b""),), "leaves its folder"),
        ("out-of-top", (("p/d/l", LINK | {"linkname": "../.."}, b""),), "leaves its folder"),
        ("top", (("p", LINK | {"linkname": "../.."}, b""),), "leaves its folder"),
        (
            "chain",
            (("p/one", LINK | {"linkname": "."}, b""), ("p/two", LINK | {"linkname": "one/../../.."}, b"")),
            "leaves its folder",
        ),
        (
            "chain-forwards",
            (
                ("p/one", LINK | {"linkname": "two/.."}, b""),
                ("p/two", LINK | {"linkname": "three/.."}, b""),
                ("p/three", LINK | {"linkname": "../.."}, b""),
            ),
            "leaves its folder",
        ),
        (
            "replaced",
            (
                ("p/real/x", {}, b""),
                ("p/l", LINK | {"linkname": "real"}, b""),
                ("p/l", LINK | {"linkname": "../.."}, b""),
                ("p/l/evil", {}, b"x"),
            ),
            "both a folder and something else",
        ),
        (
            "folder-for-link",
            (("p/l/x", {}, b""), ("p/l", LINK | {"linkname": "../.."}, b""), ("p/l/evil", {}, b"x")),
            "both a file and a folder",
        ),
        (
            "through",
            (("p/l", LINK | {"linkname": str(outside)}, b""), ("p/l/evil", {}, b"x")),
            "leaves its folder|both a folder and something else",
        ),
        ("endless", (("p/l", LINK | {"linkname": "x/" * 5000}, b""),), "too long"),
        ("hard-absolute", (("p/h", HARD | {"linkname": str(outside / "canary")}, b""),), "an absolute path"),
        ("hard-out", (("p/h", HARD | {"linkname": "../outside/canary"}, b""),), "leaves its folder"),
        (
            "hard-by-link",
            (
                ("p/l", LINK | {"linkname": str(outside / "canary")}, b""),
                ("p/h", HARD | {"linkname": "p/l"}, b""),
            ),
            "leaves its folder|no file of this source",
        ),
    ):
        members_before = () if name == "top" else (OWN,)
        yield f"link-{name}", Hostile(tar_members(*members_before, *members), reason)


def _by_kind() -> Iterator[tuple[str, Hostile]]:
    for name, kind, reason in (
        ("characters", tarfile.CHRTYPE, "a device is refused"),
        ("blocks", tarfile.BLKTYPE, "a device is refused"),
        ("pipe", tarfile.FIFOTYPE, "a named pipe is refused"),
        ("sparse", tarfile.GNUTYPE_SPARSE, "a sparse file is refused"),
        ("unknown", b"V", "unknown type"),
    ):
        about = {"type": kind, "devmajor": 1, "devminor": 3}
        yield f"kind-{name}", Hostile(tar_members(OWN, ("p/d", about, b"")), reason)


def _by_name() -> Iterator[tuple[str, Hostile]]:
    collisions = {
        "case": ("p/Readme", "p/README"),
        "case-of-folders": ("p/Lib/x", "p/lib/y"),
        "case-beyond-ascii": ("p/grüße", "p/GRÜSSE"),
        "composition": ("p/é", "p/e\u0301"),
        "case-of-link": ("p/l", "p/L"),
    }
    for name, (one, other) in collisions.items():
        about = LINK | {"linkname": "a"} if name == "case-of-link" else {}
        content = tar_members(OWN, (one, {}, b"one"), (other, about, b"" if about else b"other"))
        yield name, Hostile(content, "one name where upper and lower case are one")
    yield "zero-byte", Hostile(_pax(b"20 path=p/x\0../evil\n"), "a zero byte")
    for name, record in (
        ("no-number", b"x path=p/x\n"),
        ("endless-number", b"9" * 5000 + b" path=p/x\n"),
        ("too-much", b"99 path=p/x\n"),
        ("too-little", b"3 path=p/x\n"),
    ):
        yield f"pax-{name}", Hostile(_pax(record), "an extended header is malformed")
    endless_size = b"5011 size=" + b"9" * 5000 + b"\n"
    yield "pax-endless-size", Hostile(_pax(endless_size), "holds what is no number")
    yield "too-long", Hostile(tar_members(OWN, ("p/" + "n" * 300, {}, b"")), "ame too long")
    yield "much-too-long", Hostile(tar_members(OWN, ("p/" + "n" * 100_000, {}, b"")), "ame too long")
    yield "path-too-long", Hostile(tar_members(OWN, ("p/" + ("n" * 99 + "/") * 90, {}, b"")), "ame too long")
    yield "too-deep", Hostile(tar_members(OWN, ("p/" * 300 + "x", {}, b"")), "more than 256 folders deep")
    terminal = "p/\x1b[2J\x1b]0;evil\x07\r\nerror: all is well\n/../../../evil"
    yield "terminal", Hostile(tar_members(OWN, (terminal, {}, b"")), "leaves its folder")


def _zips(outside: Path) -> Iterator[tuple[str, Hostile]]:
    for name, path, mode, content, reason in (
        ("absolute", f"{outside}/evil", 0o100644, b"x", "an absolute path is refused"),
        ("parent", "p/../../evil", 0o100644, b"x", "leaves its folder"),
        ("link", "p/l", 0o120777, b"../../evil", "leaves its folder"),
        ("link-absolute", "p/l", 0o120777, str(outside / "canary").encode(), "leaves its folder"),
        ("device", "p/d", 0o020666, b"", "a device or the like is refused"),
        ("pipe", "p/d", 0o010666, b"", "a device or the like is refused"),
        ("case", "p/A", 0o100644, b"x", "one name where upper and lower case are one"),
    ):
        yield f"zip-{name}", Hostile(zipped({"p/a": b"its own\n", path: content}, {path: mode}), reason)
    yield "zip-cut", Hostile(zipped({"p/a": b"x" * 1000})[:-30], "the archive is damaged")
    damaged = bytearray(zipped({"p/a": bytes(range(256)) * 40}))
    damaged[60] ^= 0xFF
    yield "zip-damaged", Hostile(bytes(damaged), "the archive is damaged")


def bombs() -> dict[str, Hostile]:
    """A few kB each, that say they hold more than any source does."""
    limit = "unpacks to more than 4294967296 bytes"
    one = tarfile.TarInfo("p/zeros")
    one.size = 5 << 30
    several = [tarfile.TarInfo(f"p/zeros-{number}") for number in range(2)]
    several[0].size, several[1].size = 1 << 20, (4 << 30) - 1
    parts = [several[0].tobuf(tarfile.GNU_FORMAT) + bytes(1 << 20), several[1].tobuf(tarfile.GNU_FORMAT)]
    pax_size = _pax(b"19 size=5368709120\n", "p/zeros")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("p/zeros", bytes(1 << 20))
        made.filelist[0].file_size = (4 << 30) + 1
    return {
        "tar-gz": Hostile(gzip.compress(one.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 22)), limit),
        "tar-gz-several": Hostile(gzip.compress(b"".join(parts) + bytes(1 << 20)), limit),
        "pax-size": Hostile(pax_size, limit),
        "zip": Hostile(buffer.getvalue(), limit),
    }


def odd_archives() -> dict[str, tuple[bytes, Mapping[str, bytes | str]]]:
    """By name: the archive, and the files that it comes out as."""
    odd = [
        "-rf",
        "--upload-pack=x",
        "a b",
        "a\\..\\b",
        "new\nline",
        "\x1b[31m",
        "’“”",
        "*",
        "$(x)",
        "~",
        "n" * 255,
    ]
    uncommon = tar_members(*((f"p/{name}", {}, name.encode()) for name in odd))
    latin = tar_members(OWN, ("p/NAME", {}, b"latin"), mode="w").replace(b"NAME", b"caf\xe9")
    number = sum(latin[1024:1172]) + sum(latin[1180:1536]) + 8 * 32
    latin = latin[:1172] + b"%06o\0 " % number + latin[1180:]
    return {
        "names": (uncommon, {name: name.encode() for name in odd}),
        "not-utf-8": (gzip.compress(latin), {"a": b"its own\n", "caf\udce9": b"latin"}),
        "many-tops": (
            tar_members(OWN, ("q/b", {}, b"b"), ("r", {}, b"c")),
            {"p/a": OWN[2], "q/b": b"b", "r": b"c"},
        ),
        "empty": (tar_members(), {}),
        "empty-zip": (zipped({}), {}),
        "dots": (tar_members(("./././p//./a", {}, b"a"), ("p/.", FOLDER, b"")), {"a": b"a"}),
        "links": (
            tar_members(
                OWN,
                ("p/d/up", LINK | {"linkname": "../a"}, b""),
                ("p/circle", LINK | {"linkname": "circle"}, b""),
                ("p/dangling", LINK | {"linkname": "nothing"}, b""),
                ("p/again", HARD | {"linkname": "p/a"}, b""),
            ),
            {"a": OWN[2], "again": OWN[2], "d/up": "../a", "circle": "circle", "dangling": "nothing"},
        ),
        "modes": (
            tar_members(
                ("p/a", {"mode": 0o6777}, b""), ("p/b", {"mode": 0}, b""), ("p/d", FOLDER | {"mode": 0}, b"")
            ),
            {"a": b"", "b": b""},
        ),
        "owner": (tar_members(("p/a", {"uid": 12345, "gid": 54321, "uname": "evil"}, b"x")), {"a": b"x"}),
    }


def _dialect(format_: int, *members: Member) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=format_) as archive:
        for name, about, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for field, value in about.items():
                setattr(member, field, value)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _pax(record: bytes, name: str = "p/a") -> bytes:
    """An archive of an extended header that Python would not write, and a file that it is about."""
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, len(record)
    blocks = (
        header.tobuf(tarfile.USTAR_FORMAT),
        record.ljust(512, b"\0"),
        tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT),
    )
    return gzip.compress(b"".join(blocks) + bytes(1024))
