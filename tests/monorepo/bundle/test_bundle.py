"""Bundles made and unpacked on disk: git, archives, repositories of every kind, and all that is hostile."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from monorepo.adapters.git import GitClones
from monorepo.adapters.http import HttpClient
from monorepo.bundle.create import Created, create
from monorepo.bundle.layout import SUMS, sums_text
from monorepo.bundle.unpack import Unpacked, unpack
from monorepo.cache.rooms import contents
from monorepo.duniverse.pull import pull
from monorepo.errors import FetchError, LockError, MonoError
from monorepo.fetch.offline import NoHttp
from monorepo.fetch.progress import Silence
from monorepo.fetch.tree import Limits
from monorepo.lock.reader import load_lock
from monorepo.locking import check_lock
from tests.monorepo.fetch.sources import SHORT, Inline, checksum, commit, put, repository, run_git, tar, tree
from tests.monorepo.test_locking import COMPILERS, Place
from tests.support.git_server import serving_git
from tests.support.server import serving

LIBRARY = tar({"lib-1/dune-project": b"(lang dune 2.9)\n", "lib-1/lib.opam": b'opam-version: "2.0"\n'})
PINNED = b'opam-version: "2.0"\ndepends: ["dune"]\nbuild: ["dune" "build"]\n'
EXTRA = b"an extra source\n"


@dataclass(frozen=True, slots=True)
class Made:
    """A project that needs one of everything, all of it from servers or outside the project."""

    top: Path
    place: Place

    @property
    def project(self) -> Path:
        return self.place.project

    def bundle(self, name: str = "b.tar", **options: bool) -> Created:
        with HttpClient() as http:
            return create(
                self.project,
                self.top / name,
                cache=self.place.cache,
                http=http,
                git=GitClones(self.place.cache),
                workers=Inline(),
                progress=Silence(),
                patience=SHORT,
                **options,
            )

    def unpacked(self, name: str = "b.tar", into: str = "there/project", **options: bool) -> Unpacked:
        there = self.top / "there/cache"
        git = GitClones(there).without_network()
        return unpack(self.top / name, self.top / into, cache=there, git=git, **options)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    place = Place(tmp_path)
    gits, served = tmp_path / "gits", tmp_path / "served"
    repository(gits / "inner", {"inner.ml": b"let x = 1\n"})
    pinned = repository(gits / "pinned", {"pinned.opam": PINNED})
    put(pinned, "dune-project", b"(lang dune 2.9)\n")
    run_git(pinned, "submodule", "--quiet", "add", "../inner", "sub")
    commit(pinned, {})
    put(served, "lib.tar.gz", LIBRARY)
    put(served, "extra", EXTRA)
    packages = repository(
        gits / "packages",
        {
            "packages/other/other.1/opam": b'opam-version: "2.0"\nflags: conf\n',
            "packages/other/other.2/opam": b'opam-version: "2.0"\nflags: conf\navailable: false\n',
        },
    )
    archived = {"packages/third/third.1/opam": b'opam-version: "2.0"\nflags: conf\n', "repo": b""}
    put(served, "packages.tar.gz", tar({f"r/{name}": content for name, content in archived.items()}))
    with serving_git(gits) as git_url, serving(served) as server:
        extra = f'extra-source "extra" {{ src: "{server.url}/extra" checksum: "{checksum(EXTRA)}" }}'
        url = f'url {{ src: "{server.url}/lib.tar.gz" checksum: "{checksum(LIBRARY)}" }}'
        place.publish({"lib.1": f'depends: ["dune"]\nbuild: ["dune" "build"]\n{url}\n{extra}', **COMPILERS})
        place.publish({"carried.1": "flags: conf"})
        place.toml(
            '[[repositories]]\nname = "folder"\nurl = "../repository"\n'
            f'[[repositories]]\nname = "git"\nurl = "git+file://{packages}#main"\n'
            f'[[repositories]]\nname = "archive"\nurl = "{server.url}/packages.tar.gz"\n'
        )
        place.root(
            'depends: ["lib" "pinned" "other" "third" "carried"]\n'
            f'pin-depends: [["pinned.dev" "git+{git_url}/pinned#main"]]'
        )
        put(place.project, "bin/main.ml", b"let () = ()\n")
        put(place.project, "bin/run.sh", b"#!/bin/sh\n")
        (place.project / "bin/run.sh").chmod(0o755)
        (place.project / "bin/link").symlink_to("main.ml")
        for ignored in ("_build/x", "bin/_build/x", ".secret", "duniverse/x", "contexts/x"):
            put(place.project, ignored, b"no")
        place.lock()
        yield Made(tmp_path, place)


def umask() -> int:
    before = os.umask(0o022)
    os.umask(before)
    return before


def check_there(made: Made) -> None:
    """All that needs no network works in there/, where nothing of what the lock names can be reached."""
    project, cache = made.top / "there/project", made.top / "there/cache"
    git = GitClones(cache).without_network()
    assert check_lock(project, cache=cache, http=NoHttp(), git=git).good
    report = pull(load_lock(project), project, cache, NoHttp(), GitClones(cache), Inline(), offline=True)
    assert report.made == ("lib", "pinned")
    assert (project / "duniverse/lib/extra").read_bytes() == EXTRA
    assert (project / "duniverse/pinned/sub/inner.ml").read_bytes() == b"let x = 1\n"


def test_one_of_everything_there_and_back(made: Made) -> None:
    created = made.bundle()
    assert (created.archives, created.commits, created.repositories) == (2, 3, 3)
    for gone in ("gits", "served", "repository", "cache"):
        (made.top / gone).rename(made.top / f"{gone}-gone")
    unpacked = made.unpacked()
    assert (unpacked.archives, unpacked.commits, unpacked.repositories) == (2, 3, 3)
    there = made.top / "there/project"
    assert tree(there) == {
        name: content
        for name, content in tree(made.project).items()
        if "_build" not in name and not name.startswith((".", "duniverse", "contexts"))
    }
    assert (there / "bin/run.sh").stat().st_mode & 0o777 == 0o755 & ~umask()
    assert (there / "mono.toml").stat().st_mode & 0o777 == 0o666 & ~umask()
    assert made.unpacked().files == 0
    assert not list((made.top / "there/cache/incoming").iterdir())
    check_there(made)


def test_the_bytes_are_the_same_wherever_it_is_made(made: Made) -> None:
    first = made.bundle().file.read_bytes()
    shutil.rmtree(made.place.cache)
    put(made.top / "repository/packages", "unasked/unasked.1/opam", b'opam-version: "2.0"\n')
    for path in made.project.rglob("*.ml"):
        path.touch()
        path.chmod(0o600)
    assert made.bundle("again.tar").file.read_bytes() == first
    packed = made.bundle("again.tar.gz").file.read_bytes()
    assert gzip.decompress(packed) == first
    made.bundle("third.tgz")
    assert (made.top / "third.tgz").read_bytes() == packed


def test_a_bundle_is_not_in_the_next(made: Made) -> None:
    first = made.bundle().file.read_bytes()
    for name in ("old.tar", "bin/old.tar.gz"):
        made.bundle(f"project/{name}")
    put(made.project, "bin/data.tar", b"no bundle")
    with tarfile.open(made.bundle("second.tar").file) as second:
        names = second.getnames()
    assert [name for name in names if ".tar" in name] == ["project/bin/data.tar"]
    (made.project / "bin/data.tar").unlink()
    assert made.bundle("third.tar").file.read_bytes() == first


def test_refusals_to_create(made: Made) -> None:
    made.bundle()
    with pytest.raises(MonoError, match="already"):
        made.bundle()
    made.bundle(force=True)
    with pytest.raises(MonoError, match=r"named .tar or .tar.gz"):
        made.bundle("b.zip")
    with pytest.raises(MonoError, match="cannot be written"):
        made.bundle("absent/b.tar")
    made.place.root('depends: ["lib"]')
    with pytest.raises(LockError, match="not what would be locked now"):
        made.bundle("c.tar")
    assert sorted(path.name for path in made.top.iterdir() if "tar" in path.name) == ["b.tar"]


def test_what_cannot_be_had_is_told_at_once(made: Made) -> None:
    for gone in ("lib.tar.gz", "extra"):
        (made.top / "served" / gone).unlink()
    with pytest.raises(FetchError) as failure:
        made.bundle()
    assert "2 sources could not be fetched" in str(failure.value)
    assert not (made.top / "b.tar").exists()


def test_files_that_differ_are_left_alone(made: Made) -> None:
    made.bundle()
    there = made.top / "there/project"
    put(there, "bin/main.ml", b"mine")
    put(there, "own.ml", b"own")
    with pytest.raises(MonoError) as failure:
        made.unpacked()
    assert failure.value.details == ("bin/main.ml",)
    assert tree(there) == {"bin/main.ml": b"mine", "own.ml": b"own"}
    assert not contents(made.top / "there/cache").entries
    made.unpacked(force=True)
    assert tree(there)["bin/main.ml"] == b"let () = ()\n"
    assert tree(there)["own.ml"] == b"own"


def test_no_link_of_the_folder_is_followed_out_of_it(made: Made) -> None:
    made.bundle()
    (made.top / "outside").mkdir()
    (made.top / "there/project").mkdir(parents=True)
    (made.top / "there/project/bin").symlink_to(made.top / "outside")
    for force in (False, True):
        with pytest.raises(MonoError, match="leaves its folder"):
            made.unpacked(force=force)
    assert not list((made.top / "outside").iterdir())


def test_a_link_out_of_the_project_is_refused(made: Made) -> None:
    (made.project / "bin/out").symlink_to("../../served")
    with pytest.raises(FetchError, match="leaves its folder"):
        made.bundle()
    (made.project / "bin/out").unlink()
    (made.project / "bin/out").symlink_to(made.project / "bin")
    with pytest.raises(FetchError, match="absolute"):
        made.bundle()


Members = dict[str, bytes]


class Bundled(Protocol):
    """Something with a bundle ``b.tar`` in its folder."""

    @property
    def top(self) -> Path: ...


def rewritten(made: Bundled, change: Callable[[Members], None], *, sums: bool = True) -> None:
    """``b.tar`` with other members; with ``sums`` its checksums are right nonetheless."""
    with tarfile.open(made.top / "b.tar") as archive:
        members = {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive.getmembers()
            if member.isfile()
        }
    change(members)
    if sums:
        members.pop(SUMS)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
        members[SUMS] = sums_text(digests).encode()
    (made.top / "b.tar").write_bytes(tar(members, mode="w"))


def named(members: Members, start: str, end: str = "") -> str:
    return next(name for name in members if name.startswith(start) and name.endswith(end))


@pytest.mark.parametrize(
    "name",
    ["duniverse/lib/lib.ml", "contexts/host/x", ".git/config", "bin/.git/config", "_build/log", "b.tar"],
)
def test_what_is_none_of_a_projects_own_files_is_refused(made: Made, name: str) -> None:
    """Nothing verified it, and a pull would take such a duniverse for its own."""
    made.bundle()
    content = tar({"mono-bundle.json": b"{}"}, mode="w") if name == "b.tar" else b"x"
    rewritten(made, lambda members: members.update({f"project/{name}": content}))
    with pytest.raises(FetchError) as failure:
        made.unpacked()
    assert failure.value.details == (f"{name} is none of a project's own files",)
    assert not (made.top / "there/project").exists()
    assert not contents(made.top / "there/cache").entries


@pytest.mark.parametrize("target", ["../archives", ".."])
def test_a_link_out_of_the_bundles_project_is_refused(made: Made, target: str) -> None:
    made.bundle()
    with tarfile.open(made.top / "b.tar", "a") as archive:
        link = tarfile.TarInfo("project/out")
        link.type, link.linkname = tarfile.SYMTYPE, target
        archive.addfile(link)
    with pytest.raises(FetchError, match="leaves its folder"):
        made.unpacked()
    assert not (made.top / "there/project").exists()


def _change(start: str, end: str = "") -> Callable[[Members], None]:
    def change(members: Members) -> None:
        name = named(members, start, end)
        content = bytearray(members[name])
        content[len(content) // 2] ^= 1
        members[name] = bytes(content)

    return change


def _drop(start: str, end: str = "") -> Callable[[Members], None]:
    def drop(members: Members) -> None:
        del members[named(members, start, end)]

    return drop


HARM: dict[str, tuple[Callable[[Members], None], str]] = {
    "archive": (_change("archives/"), "expected sha256="),
    "archive-absent": (_drop("archives/"), "is not in it"),
    "pack": (_change("git/"), "does not have the commit"),
    "pack-absent": (_drop("git/"), "does not have the commit"),
    "statement": (_change("repositories/folders/", "/statement"), "repository folder"),
    "opam": (_change("repositories/folders/", "/opam"), "repository folder"),
    "opam-absent": (_drop("repositories/folders/", "/opam"), "repository folder"),
    "repository": (_change("repositories/archives/"), "repository archive"),
    "repository-absent": (_drop("repositories/archives/"), "repository archive"),
}


@pytest.mark.parametrize("harm", HARM)
def test_what_the_lock_does_not_mean_is_refused_though_the_sums_are_right(made: Made, harm: str) -> None:
    made.bundle()
    change, told = HARM[harm]
    rewritten(made, change)
    with pytest.raises(FetchError) as failure:
        made.unpacked()
    assert failure.value.reason == "the bundle is damaged, or is not what its lock says"
    assert told in "\n".join(failure.value.details)
    assert not (made.top / "there/project").exists()


def test_a_file_more_in_a_repository_is_refused(made: Made) -> None:
    made.bundle()

    def change(members: Members) -> None:
        opam = named(members, "repositories/folders/", "/lib.1/opam")
        members[opam.replace("/lib.1/", "/lib.2/")] = members[opam]

    rewritten(made, change)
    with pytest.raises(FetchError) as failure:
        made.unpacked()
    assert failure.value.details == ("repository folder is not in it as the lock records it",)


@pytest.mark.parametrize("name", ["project/mono.toml", "mono-bundle.json", "archives/"])
def test_wrong_sums_name_the_file(made: Made, name: str) -> None:
    made.bundle()
    found: list[str] = []

    def change(members: Members) -> None:
        found.append(named(members, name))
        members[found[0]] += b"\n"

    rewritten(made, change, sums=False)
    with pytest.raises(FetchError) as failure:
        made.unpacked()
    assert failure.value.details == tuple(found)
    assert not (made.top / "there/project").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no archive that mono knows"),
        (tar({"a": b"a"}), "this is no bundle"),
        (tar({"mono-bundle.json": b'{"format": 2}'}), "is of format 2"),
        (tar({"mono-bundle.json": b"[]"}), "this is no bundle"),
        (tar({"mono-bundle.json": b"[" * 100_000}), "this is no bundle"),
        (tar({"mono-bundle.json": b'{"format": 1}'}), "damaged"),
        (tar({"../evil": b"evil"}), "leaves its folder"),
        (tar({"/tmp/evil": b"evil"}), "absolute path"),
        (tar({"a": b""}, type=tarfile.SYMTYPE, linkname="/etc"), "leaves its folder"),
        (tar({"a": b""}, type=tarfile.CHRTYPE), "a device"),
    ],
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "b.tar").write_bytes(content)
    git = GitClones(tmp_path / "cache").without_network()
    with pytest.raises(FetchError, match=reason):
        unpack(tmp_path / "b.tar", tmp_path / "into", cache=tmp_path / "cache", git=git)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "cache"]
    assert not list((tmp_path / "cache/incoming").iterdir())


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.tar.gz").write_bytes(tar({"a": bytes(2 << 20)}))
    git = GitClones(tmp_path / "cache").without_network()
    with pytest.raises(FetchError, match="more than 1048576 bytes"):
        unpack(
            tmp_path / "b.tar.gz",
            tmp_path / "into",
            cache=tmp_path / "cache",
            git=git,
            limits=Limits(bytes=1 << 20),
        )
    assert not list((tmp_path / "cache/incoming").iterdir())


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_a_bundle_that_was_cut_is_refused(made: Made, cut: float) -> None:
    file = made.bundle("b.tar.gz").file
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(FetchError, match="damaged"):
        made.unpacked("b.tar.gz")
    assert not (made.top / "there/project").exists()


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    git = GitClones(tmp_path / "cache").without_network()
    (tmp_path / "loop.tar").symlink_to("loop.tar")
    for name, why in (("b.tar", "No such file"), ("", "Is a directory"), ("loop.tar", "symbolic links")):
        with pytest.raises(FetchError, match=f"the bundle cannot be read: .*{why}") as failure:
            unpack(tmp_path / name, tmp_path, cache=tmp_path / "cache", git=git)
        assert failure.value.place == str(tmp_path / name)


def test_offline_all_absent_repositories_are_told_at_once(made: Made) -> None:
    for gone in ("gits", "repository", "cache"):
        (made.top / gone).rename(made.top / f"{gone}-gone")
    with pytest.raises(MonoError) as failure:
        cache = made.place.cache
        check_lock(made.project, cache=cache, http=NoHttp(), git=GitClones(cache).without_network())
    assert failure.value.reason == "3 repositories cannot be had"
    told = "\n".join(failure.value.details)
    assert all(f'repository "{name}"' in told for name in ("folder", "git", "archive"))
    assert "mono bundle create" in failure.value.hint
