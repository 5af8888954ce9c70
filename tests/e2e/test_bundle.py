"""A bundle of the world of fixtures/: verified without a network, then unpacked and built where nothing is."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from fixtures.installed import installed_compiler, installed_dune
from fixtures.world import World, make_world
from tests.e2e.test_logbook import VOYAGE
from tests.monorepo.fetch.sources import tar
from tests.support.places import program
from tests.support.programs import Program
from tests.support.server import serving

STEPS = ["unpack", "lock check", "pull", "contexts", "build host"]


@pytest.fixture
def gone_world(tmp_path: Path, mono: Program) -> Path:
    """The bundle of a world whose archives came over http, of which nothing else is left."""
    folder = tmp_path / "world"
    with serving(folder) as server:
        world = make_world(
            folder,
            archives=f"{server.url}/archives",
            mirrors=[f"{server.url}/mirror"],
            compiler=installed_compiler(),
            dune=installed_dune(),
        )
        mono("lock", folder=world.project).succeeded()
        mono("bundle", "create", tmp_path / "logbook.tar.gz", folder=world.project).succeeded()
    shutil.rmtree(folder)
    shutil.rmtree(mono.cache)
    return tmp_path / "logbook.tar.gz"


@pytest.mark.long
@pytest.mark.ocaml
def test_verified_then_unpacked_and_built_elsewhere(gone_world: Path, mono: Program, tmp_path: Path) -> None:
    told = mono("bundle", "verify", gone_world, "--json", folder=tmp_path).succeeded()
    trial = json.loads(told.stdout)
    assert trial["good"] is True
    assert [(step["step"], step["outcome"]) for step in trial["steps"]] == [
        (name, "passed") for name in STEPS
    ]
    assert not mono.cache.exists() or not any(mono.cache.rglob("archives"))

    (tmp_path / "other home").mkdir()
    there = Program(program("mono"), tmp_path / "other home")
    build = Program(program("mono-build"), tmp_path / "other home")
    project = tmp_path / "elsewhere"
    there("bundle", "unpack", gone_world, "--into", project, folder=tmp_path).succeeded()
    there("lock", "--check", "--offline", folder=project).succeeded()
    there("pull", "--offline", folder=project).succeeded()
    there("contexts", folder=project).succeeded()
    build("contexts/host", folder=project).succeeded()
    voyage = subprocess.run(
        [project / "contexts/host/artefacts/logbook", "voyage"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    assert voyage.stdout == VOYAGE
    there("cache", "verify", folder=project).succeeded()


@pytest.mark.long
def test_the_first_failure_is_told_and_the_rest_left(own_world: World, mono: Program, tmp_path: Path) -> None:
    mono("lock", folder=own_world.project).succeeded()
    bundle = tmp_path / "b.tar"
    mono("bundle", "create", bundle, folder=own_world.project).succeeded()
    with tarfile.open(bundle) as archive:
        members = {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive.getmembers()
            if member.isfile()
        }
    del members[next(name for name in members if name.startswith("archives/"))]
    bundle.write_bytes(tar(members, mode="w"))
    refused = mono("bundle", "verify", bundle, folder=tmp_path)
    assert refused.status == 1
    assert refused.stdout.splitlines()[1].split() == ["unpack", "failed"]
    assert refused.stdout.splitlines()[2].split() == ["lock", "check", "skipped", "unpack", "failed"]
    assert "the bundle is damaged" in refused.stderr


def test_without_the_compiler_all_but_the_build_is_tried(gone_world: Path, mono: Program, home: Path) -> None:
    tools = home / "bin"
    tools.mkdir()
    for name in ("git", "unshare", "bwrap", "true", "sh"):
        found = shutil.which(name)
        if found:
            (tools / name).symlink_to(found)
    told = mono("bundle", "verify", gone_world, "--json", folder=home, environment={"PATH": str(tools)})
    steps = json.loads(told.succeeded().stdout)["steps"]
    assert [step["outcome"] for step in steps] == ["passed"] * 4 + ["skipped"]
    assert steps[-1]["detail"] == "dune is not on PATH"


def test_where_no_namespace_can_be_made_it_says_so(gone_world: Path, mono: Program, home: Path) -> None:
    tools = home / "bin"
    tools.mkdir()
    git = shutil.which("git")
    assert git is not None
    (tools / "git").symlink_to(git)
    told = mono("bundle", "verify", gone_world, folder=home, environment={"PATH": str(tools)}).succeeded()
    assert "no network namespace can be made here" in told.stderr
