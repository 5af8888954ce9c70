"""Several who write one mono.lock at once: no newer lock gives way to an older one, and no recorded tree is lost."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from monorepo.alone import alone_at
from monorepo.lock.format import FILE
from monorepo.lock.model import Lock
from monorepo.lock.reader import load_lock
from tests.faults.scene import Scene, finish, until
from tests.faults.server import Answer, FaultyServer, body
from tests.monorepo.fetch.sources import checksum, put, source, tar
from tests.monorepo.test_locking import COMPILERS
from tests.support.programs import Outcome, Program

ARCHIVE = tar({"lib/dune-project": b"(lang dune 2.9)\n", "lib/lib.opam": b'opam-version: "2.0"\n'})


class Project:
    """A project whose repository is an archive on a server that can keep who asks for it waiting."""

    def __init__(self, folder: Path, server: FaultyServer, mono: Program) -> None:
        self.folder = folder
        self.release = threading.Event()
        self._server = server
        self._mono = mono
        url = f'url {{ src: "{server.on("/lib", body(ARCHIVE))}" checksum: "{checksum(ARCHIVE)}" }}'
        library = f'depends: ["dune"]\nbuild: ["dune" "build"]\n{url}'
        packages = {"lib.1": library, "lib.2": library, "dune.3.17.0": "", **COMPILERS}
        self._repository = tar(
            {
                f"r/packages/{name.partition('.')[0]}/{name}/opam": f'opam-version: "2.0"\n{text}\n'.encode()
                for name, text in packages.items()
            }
            | {"r/repo": b""}
        )
        put(folder, "mono.toml", f'[[repositories]]\nname = "r"\nurl = "{server.url}/r.tar.gz"\n'.encode())
        self.wants('"lib"')
        self.serve()

    def serve(self, *answers: Answer) -> None:
        """Have the repository be given so, and then at once."""
        self._server.asked.clear()
        self._server.on("/r.tar.gz", *answers, body(self._repository))

    def held(self, handler: BaseHTTPRequestHandler) -> None:
        """Gives the repository when `release` is set."""
        self.release.wait(60)
        body(self._repository)(handler)

    def wants(self, depends: str) -> None:
        put(self.folder, "app.opam", f'opam-version: "2.0"\ndepends: [{depends}]\n'.encode())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A ``mono lock`` that has read what is there, and waits for the repository."""
        self.serve(self.held)
        process = subprocess.Popen(
            [self._mono.executable, "lock", *arguments],
            cwd=self.folder,
            env=self._mono.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        until(lambda: "/r.tar.gz" in self._server.asked)
        return process

    def ended(self, process: subprocess.Popen[str]) -> Outcome:
        self.release.set()
        return finish(process)

    def run(self, *arguments: str) -> Outcome:
        return self._mono(*arguments, folder=self.folder).succeeded()

    @property
    def lock(self) -> Lock:
        return load_lock(self.folder)

    @property
    def text(self) -> bytes:
        return (self.folder / FILE).read_bytes()


@pytest.fixture
def project(tmp_path: Path, server: FaultyServer, mono: Program) -> Iterator[Project]:
    made = Project(tmp_path / "project", server, mono)
    yield made
    made.release.set()


@pytest.mark.parametrize("there", [False, True])
def test_a_newer_lock_stays(project: Project, there: bool) -> None:
    if there:
        project.run("lock")
    slow = project.start("--upgrade")
    project.wants('"lib" {< "2"}')
    project.run("lock", "--upgrade")
    newer = project.text
    outcome = project.ended(slow)
    assert outcome.status == 1
    assert outcome.stderr.splitlines() == [
        "error: mono.lock: somebody else wrote it while this one was made",
        "hint: run mono lock again if need be",
    ]
    assert project.text == newer
    assert sorted(path.name for path in project.folder.iterdir()) == ["app.opam", FILE, "mono.toml"]


def test_the_same_lock_twice_is_no_quarrel(project: Project) -> None:
    slow = project.start()
    project.run("lock")
    first = project.text
    assert project.ended(slow).status == 0
    assert project.text == first


def test_trees_that_a_pull_records_meanwhile_stay(project: Project) -> None:
    project.run("lock")
    slow = project.start("--upgrade")
    project.run("pull")
    (recorded,) = project.lock.sources
    assert recorded.tree
    assert project.ended(slow).status == 0
    assert project.lock.sources == (recorded,)


def test_a_pull_leaves_alone_what_it_was_not_made_from(scene: Scene) -> None:
    """It waits for whoever is writing, and looks then."""
    sources = {name: tar({"p/a": name.encode()}) for name in ("one", "two")}
    first, second = (
        source(name, put(scene.outside, f"{name}.tgz", content), content) for name, content in sources.items()
    )
    scene.lock(first)
    with alone_at(scene.project / f".{FILE}.writing"):
        pulling = scene.start()
        until(scene.duniverse.is_dir)
        scene.lock(second)
        newer = (scene.project / FILE).read_bytes()
    outcome = finish(pulling)
    assert outcome.status == 0
    assert "mono.lock changed meanwhile" in outcome.stderr
    assert (scene.project / FILE).read_bytes() == newer
