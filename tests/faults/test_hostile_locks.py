"""A mono.lock that was written to do harm: refused before anything is touched."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import replace

from monorepo.lock.model import ExtraFile, ExtraSource, LockedSource, Substitution
from monorepo.lock.writer import write_lock
from tests.faults.scene import OLD, Scene, finish
from tests.monorepo.fetch.sources import checksum, lock, put, source, tar

CONTENT = tar({"p/a": b"its own\n", "p/d/b": b"deep\n", "p/x.in": b"%{name}%\n"}, "w")
CANNOT = "cannot be a (folder|directory) of (the )?duniverse"
LEAVES = "leads out of its folder|leaves its folder|an absolute path is refused"
ONE_NAME = "one name where upper and lower case are one"
EVIL = b"evil\n"

DIRECTORIES = (
    "..", ".", "", "a/b", "../outside/evil", "/tmp/evil", "dune", "README.md", ".mono.json", ".git", "_build",
    ".duniverse.new", "dune-project/..", "a\0b",
)  # fmt: skip


def put_source(scene: Scene, **fields: object) -> LockedSource:
    return replace(source("p", put(scene.outside, "p.tar", CONTENT), CONTENT), **fields)


def refuse_each(scene: Scene, cases: Mapping[str, tuple[LockedSource, str]], *files: bytes) -> None:
    """Each in a lock of its own, since the first to refuse may be the one who reads it."""
    old = scene.with_old_duniverse()
    for name, (made, reason) in cases.items():
        scene.write_lock(write_lock(replace(lock(made), inputs=f"sha256:{'0' * 64}")), files)
        said = scene.refused(scene.pull(), old)
        assert re.search(reason, said), f"{name}: {said}"
    scene.lock(*scene.old_sources())
    assert "up to date" in scene.done(scene.pull(), {f"{name}/a": text for name, text in OLD.items()})


def test_directories(scene: Scene) -> None:
    refuse_each(scene, {name: (put_source(scene, directory=name), CANNOT) for name in DIRECTORIES})


FIELDS = {
    "subpath-out": ({"subpath": "../outside"}, LEAVES),
    "subpath-absolute": ({"subpath": "/etc"}, LEAVES),
    "subpath-within": ({"subpath": "d/../../.."}, LEAVES),
    "subpath-absent": ({"subpath": "nothing"}, "has no folder nothing"),
    "subpath-file": ({"subpath": "a"}, "has no folder a"),
    "file-out": ({"extra_files": (ExtraFile("../evil", hashlib.sha256(EVIL).hexdigest()),)}, LEAVES),
    "file-absolute": ({"extra_files": (ExtraFile("/tmp/evil", hashlib.sha256(EVIL).hexdigest()),)}, LEAVES),
    "file-name": ({"extra_files": (ExtraFile("x", "../../own.ml"),)}, "is not a sha256"),
    "file-case": ({"extra_files": (ExtraFile("D/B", hashlib.sha256(EVIL).hexdigest()),)}, ONE_NAME),
    "substitution-case": (
        {
            "extra_files": (ExtraFile("A.in", hashlib.sha256(EVIL).hexdigest()),),
            "substitutions": (Substitution("A", ()),),
        },
        ONE_NAME,
    ),
    "file-missing": ({"extra_files": (ExtraFile("x", "1" * 64),)}, "is missing"),
    "patch-out": ({"patches": ("../../../outside/p.patch",)}, LEAVES),
    "patch-absolute": ({"patches": ("/etc/passwd",)}, LEAVES),
    "patch-option": ({"patches": ("--exclude=x",)}, "neither in the source nor"),
    "patch-folder": ({"patches": ("d",)}, "neither in the source nor"),
    "substitution-out": ({"substitutions": (Substitution("../x", ()),)}, LEAVES),
    "substitution-absolute": ({"substitutions": (Substitution("/tmp/x", ()),)}, LEAVES),
    "checksum-kind": ({"checksums": ("sha1=" + "0" * 40,)}, "is not a checksum"),
    "checksum-path": ({"checksums": ("sha256=../../../../outside/canary",)}, "is not a checksum"),
    "checksum-short": ({"checksums": ("md5=0",)}, "is not a checksum"),
    "nothing-pins": ({"checksums": ()}, "nothing pins|neither a checksum nor a commit"),
    "both-pin": ({"commit": "1" * 40}, "by a commit and by checksums"),
    "commit-option": ({"checksums": (), "commit": "--upload-pack=x"}, "is not a commit"),
    "commit-name": ({"checksums": (), "commit": "main"}, "is not a commit"),
}


def test_fields(scene: Scene) -> None:
    cases = {name: (put_source(scene, **fields), reason) for name, (fields, reason) in FIELDS.items()}
    refuse_each(scene, cases, EVIL)


def test_extra_sources_out_of_the_source(scene: Scene) -> None:
    url = put(scene.outside, "extra", EVIL)
    extras = [
        ExtraSource(name, url, (), (checksum(EVIL),)) for name in ("../evil", "/tmp/evil", "d/../../evil")
    ]
    refuse_each(scene, {one.file: (put_source(scene, extra_sources=(one,)), LEAVES) for one in extras})


URLS = (
    "--output=/tmp/evil", "-o/tmp/evil", "ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "javascript:x", "relative/x", "",
    "file://elsewhere/x", "data:,x", "http://", "https:///x", "http://[::1", "http://127.0.0.1:99999/x",
    "http://127.0.0.1:9/\x1b[2J\r\nHost: evil",
)  # fmt: skip


def test_urls(scene: Scene) -> None:
    """None is handed to anything that would take it for more than a url."""
    old = scene.with_old_duniverse()
    sources = [source(f"p{index}", url, url.encode()) for index, url in enumerate(URLS)]
    scene.lock(*sources)
    said = scene.refused(scene.pull(), old)
    for one in sources:
        assert re.search(rf"^ *{one.directory}: ", said, re.MULTILINE), one


def test_what_is_no_plain_file_is_not_read(scene: Scene) -> None:
    """A device that never ends, and a pipe that nobody writes to."""
    old = scene.with_old_duniverse()
    os.mkfifo(scene.outside / "pipe")
    urls = {"zero": "file:///dev/zero", "pipe": (scene.outside / "pipe").as_uri(), "path": "/dev/zero"}
    scene.lock(*(source(name, url, name.encode()) for name, url in urls.items()))
    said = scene.refused(finish(scene.start(), 20), old)
    assert said.count("no plain file") == len(urls)


def test_a_carried_file_is_what_its_hash_says(scene: Scene) -> None:
    """The folder beside the lock comes with it, so what is in there is no more to be believed."""
    old = scene.with_old_duniverse()
    digest = hashlib.sha256(EVIL).hexdigest()
    scene.lock(put_source(scene, extra_files=(ExtraFile("x", digest),)), files=[EVIL])
    carried = next(path for path in scene.project.rglob(digest))
    for change in (lambda: carried.symlink_to(scene.outside / "canary"), carried.mkdir):
        carried.unlink()
        change()
        scene.look_around()
        assert "the lock's copy of the extra file x" in scene.refused(scene.pull(), old)


def test_what_is_no_lock(scene: Scene) -> None:
    old = scene.with_old_duniverse()
    for text in ("", "\0", "format = 99\n", "format = 2\n", "not toml", "[[[", f"format = 2\na={'[' * 5000}"):
        scene.write_lock(text)
        assert "mono.lock" in scene.refused(scene.pull(), old)


def test_names_that_are_one_on_some_systems(scene: Scene) -> None:
    old = scene.with_old_duniverse()
    url = put(scene.outside, "p.tar", CONTENT)
    scene.lock(source("lwt", url, CONTENT), source("LWT", url, CONTENT))
    assert "two sources share the directory" in scene.refused(scene.pull(), old)
