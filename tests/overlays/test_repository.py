"""A repository is the same whatever it lies in; what is not one, or means harm, is refused."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from overlays.errors import PackageUnreadable, RepositoryUnreadable
from overlays.repository import Repository, open_archive, open_folder, open_git
from overlays.stores.folder import unchanged
from tests.overlays.repositories import COMMIT, OPAM, TREE, GitTree, write_archive, write_tree

FORMS: dict[str, Callable[[Path], Repository]] = {
    "folder": lambda tmp: open_folder("r", write_tree(tmp / "tree", TREE)),
    "git": lambda tmp: open_git("r", GitTree(TREE), COMMIT),
    **{
        f"{suffix}, {top or 'no'} top": lambda tmp, suffix=suffix, top=top: open_archive(
            "r", write_archive(tmp / f"archive.{suffix}", TREE, top), tmp / "cache"
        )
        for suffix in ("tar.gz", "tar.bz2", "tar.xz", "zip")
        for top in ("", "./", "repository-1/", "./repository-1/")
    },
}


@pytest.fixture(params=FORMS)
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    return FORMS[request.param](tmp_path)


def test_names_and_versions(repository: Repository) -> None:
    assert repository.names() == ("a", "b", "c")
    assert repository.versions("a") == ("1.0", "1.10", "1.9~beta+x")
    assert repository.versions("b") == ("2",)
    assert repository.versions("c") == ("1", "2", "3")
    for unknown in ("d", "README", "..", "../packages/a", "a/a.1.0", ""):
        assert repository.versions(unknown) == ()


def test_packages_are_the_same_in_every_form(repository: Repository, tmp_path: Path) -> None:
    folder = open_folder("r", write_tree(tmp_path / "other", TREE))
    for name, version in (("a", "1.0"), ("a", "1.10"), ("a", "1.9~beta+x"), ("b", "2")):
        package = repository.package(name, version)
        assert package == folder.package(name, version)
        assert (package.identity, package.repository) == (f"{name}.{version}", "r")
        assert str(repository.opam_file(name, version)) == str(folder.opam_file(name, version))
    assert repository.package("a", "1.0").metadata_hash.startswith("sha256:")
    assert repository.package("a", "1.0") is repository.package("a", "1.0")


@pytest.mark.parametrize(
    ("version", "reason", "line"),
    [
        ("1", "packages/c/c.1/opam:2:11: expected the name of a package, in quotes", 2),
        ("2", "packages/c/c.2/opam:1:1: this byte is not UTF-8", 1),
        ("3", "packages/c/c.3/opam:1:1: expected the name of a field or section, found '['", 1),
        ("4", "the repository does not have it", None),
    ],
)
def test_one_unreadable_version_is_told_and_the_rest_stays(
    repository: Repository, version: str, reason: str, line: int | None
) -> None:
    with pytest.raises(PackageUnreadable) as caught:
        repository.package("c", version)
    error = caught.value
    assert (error.repository, error.package, error.version, error.reason) == ("r", "c", version, reason)
    assert (error.cause.line if error.cause else None) == line
    assert repository.package("a", "1.0").name == "a"


def test_extra_files(repository: Repository) -> None:
    assert repository.extra_file("a", "1.10", "fix.patch") == b"--- a\n+++ b\n"
    assert repository.extra_file("a", "1.10", "sub/more") == b"\0\xff"


@pytest.mark.parametrize(
    "file",
    [
        "",
        ".",
        "..",
        "../opam",
        "sub/../../opam",
        "/etc/passwd",
        "sub//more",
        "./fix.patch",
        "..\\opam",
        "fix.patch\0",
    ],
)
def test_a_hostile_extra_file_is_refused(repository: Repository, file: str) -> None:
    with pytest.raises(PackageUnreadable, match="leads out of its folder"):
        repository.extra_file("a", "1.10", file)


def test_an_absent_extra_file_is_told(repository: Repository) -> None:
    for file in ("absent", "fix.patch/below"):
        with pytest.raises(PackageUnreadable, match="the repository has no"):
            repository.extra_file("a", "1.10", file)


def test_archive_mirrors(repository: Repository) -> None:
    other = "https://other.example/cache"
    assert repository.archive_mirrors("https://opam.example/index.tar.gz") == (
        "https://opam.example/cache",
        other,
    )
    assert repository.archive_mirrors("http://opam.example/r/") == ("http://opam.example/r/cache", other)
    assert repository.archive_mirrors("git+https://opam.example/r.git") == (other,)
    assert repository.archive_mirrors() == (other,)


def test_a_repository_may_lack_the_file_repo(tmp_path: Path) -> None:
    tree = {"packages/a/a.1/opam": OPAM.encode()}
    assert open_folder("r", write_tree(tmp_path, tree)).archive_mirrors("https://x/") == ()


def test_what_is_absent_or_no_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"text")
    reasons = {
        "absent": "No such file",
        "empty": "it has no packages/NAME/NAME.VERSION/opam",
        "file": "Not a directory",
    }
    for folder, reason in reasons.items():
        with pytest.raises(RepositoryUnreadable, match=reason) as caught:
            open_folder("r", tmp_path / folder)
        assert caught.value.repository == "r"
    with pytest.raises(RepositoryUnreadable, match="No such file"):
        open_archive("r", tmp_path / "absent.zip", tmp_path / "cache")
    with pytest.raises(RepositoryUnreadable, match="it has no packages/"):
        open_git("r", GitTree({"README": b""}), COMMIT)


class TestArchives:
    """What is wrong with an archive, and that nothing of it stays."""

    def refused(self, place: Path) -> str:
        with pytest.raises(RepositoryUnreadable) as caught:
            open_archive("r", place, place.parent / "cache")
        assert caught.value.place == str(place)
        assert not list((place.parent / "cache").glob("*"))
        return caught.value.reason

    @pytest.mark.parametrize("suffix", ["tar.gz", "tar.bz2", "tar.xz", "zip"])
    def test_cut_short_or_damaged_anywhere(self, tmp_path: Path, suffix: str) -> None:
        noise = {f"packages/n/n.{i}/opam": os.urandom(700) for i in range(30)}
        whole = write_archive(tmp_path / f"whole.{suffix}", TREE | noise).read_bytes()
        for cut in (0, 3, 100, len(whole) // 2, len(whole) - 3):
            place = tmp_path / f"cut.{suffix}"
            place.write_bytes(whole[:cut])
            assert self.refused(place)
        for at in (len(whole) // 3, len(whole) // 2):
            place.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
            assert self.refused(place)

    @pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
    @pytest.mark.parametrize(
        "path", ["../packages/a/a.1/opam", "/packages/a/a.1/opam", "packages/a/../../x/opam"]
    )
    def test_names_that_lead_out(self, tmp_path: Path, suffix: str, path: str) -> None:
        place = write_archive(tmp_path / f"bad.{suffix}", TREE | {path: b""})
        assert "leads out of the archive" in self.refused(place)

    def test_no_repository_in_it(self, tmp_path: Path) -> None:
        assert "it has no packages/" in self.refused(write_archive(tmp_path / "a.zip", {"README": b"x"}))

    def test_two_repositories_in_it(self, tmp_path: Path) -> None:
        tree = {f"{top}/{path}": content for path, content in TREE.items() for top in ("one", "two")}
        assert "more than one repository" in self.refused(write_archive(tmp_path / "a.tar.gz", tree))

    def test_a_huge_file(self, tmp_path: Path) -> None:
        tree = TREE | {"packages/a/a.1.10/files/huge": bytes(9 << 20)}
        assert "larger than 8 MiB" in self.refused(write_archive(tmp_path / "a.tar.gz", tree))

    def test_a_damaged_header_is_not_taken_for_the_end(self, tmp_path: Path) -> None:
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as archive:
            for i in range(100):
                member = tarfile.TarInfo(f"packages/n/n.{i}/opam")
                member.size = 600
                archive.addfile(member, io.BytesIO(bytes(range(200)) * 3))
        content = bytearray(plain.getvalue())
        content[1536 * 40 + 150] ^= 1
        import gzip

        place = tmp_path / "a.tar.gz"
        place.write_bytes(gzip.compress(bytes(content)))
        assert "there is more after its end" in self.refused(place)

    def test_links_are_left_out(self, tmp_path: Path) -> None:
        place = tmp_path / "a.tar.gz"
        write_archive(tmp_path / "b.tar.gz", TREE)
        with tarfile.open(place, "w:gz") as archive:
            link = tarfile.TarInfo("packages/a/a.2/opam")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
            real = tarfile.TarInfo("packages/a/a.1/opam")
            archive.addfile(real, io.BytesIO())
        assert open_archive("r", place, tmp_path / "cache").versions("a") == ("1",)
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
            info = zipfile.ZipInfo("packages/a/a.2/opam")
            info.external_attr = 0o120777 << 16
            zipped.writestr(info, "/etc/passwd")
            zipped.writestr("packages/a/a.1/opam", OPAM)
        assert open_archive("r", tmp_path / "a.zip", tmp_path / "cache").versions("a") == ("1",)

    def test_an_encrypted_archive(self, tmp_path: Path) -> None:
        place = write_archive(tmp_path / "a.zip", TREE)
        content = bytearray(place.read_bytes())
        for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            at = -1
            while (at := content.find(header, at + 1)) >= 0:
                content[at + flags] |= 1
        place.write_bytes(content)
        assert "encrypted" in self.refused(place)


def test_a_snapshot_is_used_again_and_mended_where_it_is_damaged(tmp_path: Path) -> None:
    place = write_archive(tmp_path / "a.tar.xz", TREE)
    cache = tmp_path / "cache"
    expected = str(open_archive("r", place, cache).opam_file("b", "2"))
    [snapshot] = cache.iterdir()
    whole = snapshot.read_bytes()
    before = snapshot.stat().st_ino
    assert str(open_archive("r", place, cache).opam_file("b", "2")) == expected
    assert snapshot.stat().st_ino == before
    index = whole.index(b'{"packages') if b'{"packages' in whole else whole.index(b'[{"')
    damages = [b"", whole[:10], whole[:-1], whole[:index] + b"?" + whole[index + 1 :], b"x" * len(whole)]
    damages.append(whole.replace("caf\xe9".encode(), "caf\xe8".encode()))
    for damaged in damages:
        assert damaged != whole
        snapshot.write_bytes(damaged)
        assert str(open_archive("r", place, cache).opam_file("b", "2")) == expected
        assert snapshot.read_bytes() == whole


def test_the_identity_of_each_form(tmp_path: Path) -> None:
    import hashlib

    assert FORMS["git"](tmp_path).content_hash() == COMMIT
    place = write_archive(tmp_path / "a.tar.gz", TREE)
    expected = f"sha256:{hashlib.sha256(place.read_bytes()).hexdigest()}"
    assert open_archive("r", place, tmp_path / "cache").content_hash() == expected


class TestFolders:
    """The identity of a folder is that of what was asked of it."""

    def asked(self, folder: Path, *, backwards: bool = False) -> Repository:
        repository = open_folder("r", folder)
        questions: list[Callable[[], object]] = [
            lambda: repository.package("a", "1.0"),
            lambda: repository.versions("b"),
            lambda: repository.versions("absent"),
            lambda: repository.extra_file("a", "1.10", "fix.patch"),
        ]
        for question in reversed(questions) if backwards else questions:
            question()
        return repository

    def test_it_depends_on_content_alone(self, tmp_path: Path) -> None:
        one = write_tree(tmp_path / "one", TREE)
        two = write_tree(tmp_path / "two", dict(reversed(TREE.items())))
        os.utime(two / "packages/a/a.1.0/opam", (0, 0))
        (two / "packages/c/c.9").mkdir()
        first = self.asked(one).content_hash()
        assert first == self.asked(two, backwards=True).content_hash()
        assert first.startswith("sha256:") and len(first) == 71

    @pytest.mark.parametrize(
        "path",
        [
            "packages/a/a.1.0/opam",
            "packages/a/a.7/opam",
            "packages/b.3/opam",
            "packages/absent/absent.1/opam",
            "packages/a/a.1.10/files/fix.patch",
        ],
    )
    def test_whatever_could_change_an_answer_changes_it(self, tmp_path: Path, path: str) -> None:
        folder = write_tree(tmp_path, TREE)
        repository = self.asked(folder)
        consulted = repository.consulted()
        assert consulted is not None and unchanged(folder, json.loads(json.dumps(consulted)))
        write_tree(folder, {path: b'opam-version: "2.0"\n# changed\n'})
        assert not unchanged(folder, json.loads(json.dumps(consulted)))
        assert repository.content_hash() != self.asked(folder).content_hash()

    def test_what_was_not_consulted_may_change(self, tmp_path: Path) -> None:
        folder = write_tree(tmp_path, TREE)
        repository = self.asked(folder)
        write_tree(folder, {"packages/c/c.1/opam": b"", "packages/a/a.1.9~beta+x/opam": b"#"})
        consulted = repository.consulted()
        assert consulted is not None and unchanged(folder, consulted)
        assert repository.content_hash() == self.asked(folder).content_hash()

    def test_an_absent_opam_file_that_appears_is_noticed(self, tmp_path: Path) -> None:
        folder = write_tree(tmp_path, TREE)
        (folder / "packages/a/a.5").mkdir()
        repository = open_folder("r", folder)
        with pytest.raises(PackageUnreadable, match=r"the repository has no packages/a/a\.5/opam"):
            repository.package("a", "5")
        consulted = repository.consulted()
        assert consulted is not None and unchanged(folder, consulted)
        write_tree(folder, {"packages/a/a.5/opam": OPAM.encode()})
        assert not unchanged(folder, consulted)

    def test_only_what_is_asked_for_is_touched(self, tmp_path: Path) -> None:
        consulted = self.asked(write_tree(tmp_path, TREE)).consulted()
        assert consulted is not None
        assert list(consulted) == [
            "packages",
            "packages/a",
            "packages/a/a.1.0/opam",
            "packages/a/a.1.10/files/fix.patch",
        ]

    @pytest.mark.parametrize("size", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 << 16])
    def test_files_of_any_size_are_read_whole(self, tmp_path: Path, size: int) -> None:
        content = os.urandom(size)
        folder = write_tree(tmp_path, TREE | {"packages/a/a.1.10/files/large": content})
        assert open_folder("r", folder).extra_file("a", "1.10", "large") == content

    def test_other_forms_cannot_tell(self, tmp_path: Path) -> None:
        assert FORMS["git"](tmp_path).consulted() is None

    def test_a_link_out_of_the_repository_is_refused(self, tmp_path: Path) -> None:
        folder = write_tree(tmp_path / "tree", TREE)
        (tmp_path / "secret").write_bytes(b"secret")
        (folder / "packages/a/a.1.10/files/link").symlink_to(tmp_path / "secret")
        (folder / "packages/a/a.1.10/files/within").symlink_to("fix.patch")
        repository = open_folder("r", folder)
        assert repository.extra_file("a", "1.10", "within") == b"--- a\n+++ b\n"
        with pytest.raises(PackageUnreadable, match="leads out of the repository"):
            repository.extra_file("a", "1.10", "link")

    def test_what_the_system_refuses_is_told(self, tmp_path: Path) -> None:
        folder = write_tree(tmp_path, TREE)
        (folder / "packages/a/a.6/opam").mkdir(parents=True)
        repository = open_folder("r", folder)
        with pytest.raises(PackageUnreadable, match=r"packages/a/a\.6/opam: Is a directory"):
            repository.package("a", "6")
        with pytest.raises(PackageUnreadable, match=r"files/sub: Is a directory"):
            repository.extra_file("a", "1.10", "sub")

    def test_a_folder_that_goes_away_is_told(self, tmp_path: Path) -> None:
        folder = write_tree(tmp_path, TREE)
        repository = open_folder("r", folder)
        shutil.rmtree(folder / "packages/a")
        with pytest.raises(RepositoryUnreadable, match="No such file"):
            repository.versions("a")
