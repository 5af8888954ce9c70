"""Bundles of what no checksum tells: a folder that only Software Heritage has, an archive without a checksum."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from monorepo.adapters.git import GitClones
from monorepo.adapters.http import HttpClient
from monorepo.bundle.create import Created, create
from monorepo.bundle.unpack import Unpacked, unpack
from monorepo.cache.rooms import contents
from monorepo.cache.verify import verify
from monorepo.duniverse.pull import PullReport, pull
from monorepo.errors import DuniverseError, FetchError
from monorepo.fetch.checksums import Checksum
from monorepo.fetch.git_tree import git_tree
from monorepo.fetch.offline import NoHttp
from monorepo.fetch.progress import Silence
from monorepo.lock.format import FILE
from monorepo.lock.reader import load_lock
from monorepo.locking import check_lock
from tests.faults.server import FaultyServer, body, faulty_server, status
from tests.monorepo.bundle.test_bundle import Members, named, rewritten
from tests.monorepo.fetch.sources import SHORT, Inline, put, tar
from tests.monorepo.test_locking import Place
from tests.support.programs import Program

FILES = {"dune-project": b"(lang dune 2.9)\n", "old.opam": b'opam-version: "2.0"\n'}
BARE = {"dune-project": b"(lang dune 2.9)\n", "bare.opam": b'opam-version: "2.0"\n'}


def packed(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    return tar({f"p-1/{name}": content for name, content in files.items()}, mode)


@dataclass(frozen=True, slots=True)
class Scene:
    """A locked and pulled project in ``here``, with a cache of its own; and nothing in ``there``."""

    top: Path
    here: Place
    server: FaultyServer
    swhid: str

    def pull(self) -> PullReport:
        lock = load_lock(self.here.project)
        with HttpClient() as http:
            cache = self.here.cache
            return pull(lock, self.here.project, cache, http, GitClones(cache), Inline(), patience=SHORT)

    def bundle(self, *, force: bool = False) -> Created:
        with HttpClient() as http:
            return create(
                self.here.project,
                self.top / "b.tar",
                cache=self.here.cache,
                http=http,
                git=GitClones(self.here.cache),
                workers=Inline(),
                progress=Silence(),
                patience=SHORT,
                force=force,
            )

    def unpacked(self) -> Unpacked:
        cache = self.top / "there/cache"
        git = GitClones(cache).without_network()
        return unpack(self.top / "b.tar", self.top / "there/project", cache=cache, git=git)

    def pulled_there(self) -> PullReport:
        project, cache = self.top / "there/project", self.top / "there/cache"
        git = GitClones(cache)
        return pull(load_lock(project), project, cache, NoHttp(), git, Inline(), offline=True)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    here = Place(tmp_path)
    for name, content in FILES.items():
        put(tmp_path / "known", name, content)
    with faulty_server() as server:
        swhid = f"swh:1:dir:{git_tree(tmp_path / 'known')}"
        raw = server.on("/raw", body(tar({f"{swhid}/{name}": text for name, text in FILES.items()})))
        server.on(
            f"/api/1/vault/flat/{swhid}/", body(json.dumps({"status": "done", "fetch_url": raw}).encode())
        )
        bare = server.on("/bare.tgz", body(packed(BARE)))
        gone = f'url {{ src: "{server.url}/gone.tgz" checksum: "md5={"0" * 32}" swhid: "{swhid}" }}'
        builds = 'depends: ["dune"]\nbuild: ["dune" "build"]'
        here.publish({"old.1": f"{builds}\n{gone}", "bare.1": f'{builds}\nurl {{ src: "{bare}" }}'})
        here.toml(
            '[[repositories]]\nname = "test"\nurl = "../repository"\n'
            f'[mirrors]\nsoftware-heritage = "{server.url}/api/1"\n[solve]\nunverified = ["bare"]\n'
        )
        here.root('depends: ["old" "bare"]')
        here.lock()
        made = Scene(tmp_path, here, server, swhid)
        made.pull()
        yield made


def test_there_and_back(scene: Scene) -> None:
    assert scene.bundle().archives == 2
    scene.server.answers.clear()
    shutil.rmtree(scene.top / "repository")
    assert scene.unpacked().archives == 2
    project, cache = scene.top / "there/project", scene.top / "there/cache"
    git = GitClones(cache).without_network()
    assert check_lock(project, cache=cache, http=NoHttp(), git=git).good
    report = scene.pulled_there()
    assert (report.made, report.recorded) == (("bare", "old"), 0)
    for name, files in (("old", FILES), ("bare", BARE)):
        for file, content in files.items():
            assert (project / f"duniverse/{name}/{file}").read_bytes() == content
    bare, old = report.notes
    assert bare == f"{scene.server.url}/bare.tgz could not be had: what it gave last is taken"
    assert "old is from Software Heritage" in old


def test_it_is_made_again_while_nobody_answers(scene: Scene) -> None:
    """All of it is in the cache by now, and what is in the lock tells that it is the same."""
    first = scene.bundle().file.read_bytes()
    scene.server.answers.clear()
    assert scene.bundle(force=True).file.read_bytes() == first


def test_an_archive_without_a_checksum_is_carried_only_once_its_tree_is_recorded(scene: Scene) -> None:
    file = scene.here.project / FILE
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub('tree = ".*"\n', "", text), encoding="utf-8")
    with pytest.raises(FetchError, match="no tree of it") as failure:
        scene.bundle()
    assert (failure.value.place, "mono lock --fetch" in failure.value.hint) == ("bare", True)
    file.write_text(re.sub("preparation = .*\n", "preparation = 1\n", text), encoding="utf-8")
    with pytest.raises(FetchError, match="no tree of it"):
        scene.bundle()
    assert not (scene.top / "b.tar").exists()


def test_what_is_no_longer_what_the_lock_records_is_not_carried(scene: Scene) -> None:
    scene.server.on("/bare.tgz", body(packed({**BARE, "more": b""})))
    with pytest.raises(DuniverseError, match=r"not what mono\.lock records"):
        scene.bundle()
    assert not (scene.top / "b.tar").exists()


def test_other_bytes_of_the_same_content_are_carried(scene: Scene) -> None:
    scene.server.on("/bare.tgz", body(packed(BARE, "w:xz")))
    scene.bundle()
    scene.unpacked()
    assert scene.pulled_there().made == ("bare", "old")


def test_what_is_missing_or_changed_is_found(scene: Scene) -> None:
    scene.bundle()
    whole = (scene.top / "b.tar").read_bytes()
    other = tar({f"{scene.swhid}/a": b"another"})
    for algorithm, content, told in (
        ("swh", None, f"old: {scene.server.url}/gone.tgz is not in it"),
        ("swh", other, f"old: expected {scene.swhid}"),
        ("url", None, f"bare: {scene.server.url}/bare.tgz is not in it"),
        ("url", b"nonsense", f"bare: {scene.server.url}/bare.tgz is not in it"),
        ("sha256", None, f"bare: {scene.server.url}/bare.tgz is not in it"),
        ("sha256", other, f"bare: {scene.server.url}/bare.tgz is not in it"),
    ):
        (scene.top / "b.tar").write_bytes(whole)

        def harm(members: Members, name: str = algorithm, content: bytes | None = content) -> None:
            place = named(members, f"archives/{name}/")
            if content is None:
                del members[place]
            else:
                members[place] = content

        rewritten(scene, harm)
        with pytest.raises(FetchError, match="the bundle is damaged") as failure:
            scene.unpacked()
        assert failure.value.details == (told,)
        assert not (scene.top / "there/project").exists()


def test_a_link_is_no_archive(scene: Scene) -> None:
    scene.bundle()
    with tarfile.open(scene.top / "b.tar") as archive:
        place = next(name for name in archive.getnames() if name.startswith("archives/url/"))
    rewritten(scene, lambda members: members.pop(place) and None)
    with tarfile.open(scene.top / "b.tar", "a") as archive:
        link = tarfile.TarInfo(place)
        link.type, link.linkname = tarfile.SYMTYPE, "../../../mono-bundle.json"
        archive.addfile(link)
    with pytest.raises(FetchError, match="the bundle is damaged"):
        scene.unpacked()


def test_another_archive_in_its_place_is_refused_by_the_pull(scene: Scene) -> None:
    """Whoever makes a bundle can name any archive; the tree that the lock records is what counts."""
    scene.bundle()
    evil = Checksum("sha256", hashlib.sha256(content := packed({**BARE, "evil": b""})).hexdigest())

    def change(members: Members) -> None:
        members[named(members, "archives/url/")] = str(evil).encode()
        members[f"archives/{evil.path}"] = content

    rewritten(scene, change)
    scene.unpacked()
    with pytest.raises(DuniverseError, match=r"not what mono\.lock records"):
        scene.pulled_there()
    assert not (scene.top / "there/project/duniverse").exists()


def test_nothing_stands_in_where_the_lock_has_no_tree(scene: Scene) -> None:
    scene.server.on("/bare.tgz", status(404))
    file = scene.here.project / FILE
    shutil.rmtree(scene.here.project / "duniverse")
    assert "bare" in scene.pull().made
    shutil.rmtree(scene.here.project / "duniverse")
    text = re.sub('tree = ".*"\n', "", file.read_text(encoding="utf-8"))
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FetchError, match="without a checksum nothing else can stand in for it"):
        scene.pull()


def test_the_cache_knows_what_is_whose(scene: Scene) -> None:
    lock = load_lock(scene.here.project)
    found = contents(scene.here.cache, lock)
    archives = {entry.name.partition("/")[0]: entry.about for entry in found.entries if "/" in entry.name}
    assert (archives["url"], archives["swh"], found.leftovers) == ("bare", "old", ())
    git = GitClones(scene.here.cache)
    assert verify(scene.here.cache, git, Silence()).bad == ()
    (pointer,) = (scene.here.cache / "archives/url").glob("*/*")
    pointer.write_text("sha256=00", encoding="utf-8")
    (bad,) = verify(scene.here.cache, git, Silence()).bad
    assert "64 hex digits" in bad.reason and not pointer.exists()


@pytest.mark.long
def test_verified_by_the_program_itself(scene: Scene, mono: Program) -> None:
    scene.bundle()
    scene.server.answers.clear()
    told = mono("bundle", "verify", scene.top / "b.tar", "--json", folder=scene.top).succeeded()
    steps = {step["step"]: step["outcome"] for step in json.loads(told.stdout)["steps"]}
    assert [steps[name] for name in ("unpack", "lock check", "pull", "contexts")] == ["passed"] * 4
