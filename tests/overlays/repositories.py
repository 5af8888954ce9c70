"""Small repositories in every form, made of a mapping from path to bytes."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

Tree = Mapping[str, bytes]

OPAM = 'opam-version: "2.0"\n'

TREE: Tree = {
    "repo": b'opam-version: "2.0"\narchive-mirrors: ["cache" "https://other.example/cache"]\n',
    "packages/a/a.1.0/opam": f'{OPAM}depends: ["b" {{>= "2"}}]\n'.encode(),
    "packages/a/a.1.10/opam": f'{OPAM}extra-files: ["fix.patch" "md5=00"]\n'.encode(),
    "packages/a/a.1.10/files/fix.patch": b"--- a\n+++ b\n",
    "packages/a/a.1.10/files/sub/more": b"\0\xff",
    "packages/a/a.1.9~beta+x/opam": OPAM.encode(),
    "packages/b.2/opam": f'{OPAM}synopsis: "caf\xe9"\n'.encode(),
    "packages/c/c.1/opam": f"{OPAM}depends: [oops]\n".encode(),
    "packages/c/c.2/opam": b"\xff",
    "packages/c/c.3/opam": b"[",
    "packages/c/other.1/opam": OPAM.encode(),
    "packages/README": b"not a package",
    "elsewhere/d/d.1/opam": OPAM.encode(),
}


def write_tree(folder: Path, tree: Tree) -> Path:
    for path, content in tree.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def write_archive(place: Path, tree: Tree, top: str = "") -> Path:
    """An archive of the form that the end of its name tells; ``top`` is put before every path."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.suffix == ".zip":
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in tree.items():
                archive.writestr(zipfile.ZipInfo(top + path), content)
        return place
    with tarfile.open(place, f"w:{place.suffix[1:]}") as archive:
        for path, content in tree.items():
            member = tarfile.TarInfo(top + path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return place


class GitTree:
    """A `GitObjects` that holds one commit, made of a mapping, and counts the blobs that are read."""

    def __init__(self, tree: Tree) -> None:
        self.blobs = {hashlib.sha1(content).hexdigest(): content for content in tree.values()}
        self.paths = {path: hashlib.sha1(content).hexdigest() for path, content in tree.items()}
        self.read = 0

    def files(self, commit: str, folder: str) -> Mapping[str, str]:
        assert commit == COMMIT
        start = f"{folder}/" if folder else ""
        return {path: blob for path, blob in self.paths.items() if path.startswith(start)}

    def blob(self, identifier: str) -> bytes:
        self.read += 1
        return self.blobs[identifier]


COMMIT = "0123456789" * 4
