"""The whole line on the world of fixtures/: lock, pull, contexts, build, run, and what must stop it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.record import read_record
from fixtures.installed import installed_compiler, installed_dune
from fixtures.world import World, make_world
from tests.conftest import lacking
from tests.support.places import ROOT
from tests.support.programs import Program
from tests.support.server import FileServer, serving

VOYAGE = """\
weather    fair, wind from the south-west
position   48.38 N 4.49 W
weather    fog; the bell every two minutes
watch      Anne until midnight, then Yusuf
position   48.43 N 5.10 W, log 112
what it holds, by tally 1.2.0
5 entries under 3 keys, 26 bytes each (middling)
the first entry as it is stored:
0000  03 07 77 65 61 74 68 65 72 1e 66 61 69 72 2c 20  |..weather.fair, |
0010  77 69 6e 64 20 66 72 6f 6d 20 74 68 65 20 73 6f  |wind from the so|
0020  75 74 68 2d 77 65 73 74 08 37 35 64 35 65 39 65  |uth-west.75d5e9e|
0030  61                                               |a|
"""

VENDORED = {
    "checksum": "1.1.0",  # not 2.0.0~preview, which is to be avoided
    "embed": "0.3.0",
    "frame": "2.1.0",
    "frame-text": "2.1.0",
    "palette": "0.9.0+dune",  # the overlay's: upstream's does not build with dune
    "storage-file": "1.0.0",
    "tally": "1.2.0",
}

LINKED = {name: version for name, version in VENDORED.items() if name != "embed"}  # which is a generator


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.ocaml
def test_from_opam_files_to_a_program(buildable_world: World, mono: Program, mono_build: Program) -> None:
    project = buildable_world.project
    mono("lock", folder=project).succeeded()
    mono("lock", "--check", folder=project).succeeded()
    mono("pull", folder=project).succeeded()
    assert mono("contexts", folder=project).succeeded().stdout == "contexts/host\n"
    built = mono_build("contexts/host", folder=project).succeeded()

    program = project / "contexts/host/artefacts/logbook"
    voyage = subprocess.run([program, "voyage"], stdout=subprocess.PIPE, encoding="utf-8", check=True)
    assert voyage.stdout == VOYAGE

    recorded = read_record(project / "contexts/host/build-record.json")
    assert recorded.artefacts["logbook"].partition(":")[2] in built.stdout
    checked = subprocess.run(["sha256sum", "--check"], input=built.stdout, cwd=project, encoding="utf-8")
    assert checked.returncode == 0

    bom = json.loads((project / "contexts/host/sbom/logbook.cdx.json").read_text("utf-8"))
    parts = {part["name"]: part for part in bom["components"]}
    versions = {name: part["version"] for name, part in parts.items() if "version" in part}
    assert versions == LINKED | {"ocaml-base-compiler": installed_compiler()}
    assert parts["palette"]["licenses"] == [{"license": {"id": "ISC"}}]
    assert {"name": "mono:port-of", "value": "repository"} in parts["palette"]["properties"]


@pytest.mark.ocaml
@pytest.mark.sandbox
def test_another_builder_gets_the_same_program(
    buildable_world: World, mono: Program, mono_build: Program, tmp_path: Path
) -> None:
    if shutil.which("jq") is None:
        lacking("jq is not on PATH")
    project = buildable_world.project
    for stage in ("lock", "pull", "contexts"):
        mono(stage, folder=project).succeeded()
    mono_build("--sandbox=require", "contexts/host", folder=project).succeeded()
    tiny = ROOT / "tests" / "builder" / "tiny-builder.sh"
    subprocess.run([tiny, "contexts/host", tmp_path / "work"], cwd=project, check=True)
    program = project / "contexts/host/artefacts/logbook"
    assert (tmp_path / "work/artefacts/logbook").read_bytes() == program.read_bytes()


@pytest.mark.ocaml
def test_an_error_in_a_port_is_told_as_one(
    buildable_world: World, mono: Program, mono_build: Program
) -> None:
    project = buildable_world.project
    for stage in ("lock", "pull"):
        mono(stage, folder=project).succeeded()
    [source] = (project / "duniverse/palette").rglob("palette.ml")
    source.write_text("let wrong = 1 + true\n", encoding="utf-8")
    mono("contexts", folder=project).succeeded()  # the source as it is becomes part of the build
    failed = mono_build("contexts/host", folder=project)
    assert failed.status == 1
    lines = failed.stderr.splitlines()
    assert "mono-build: host: dune failed with exit status 1, in palette 0.9.0+dune" in lines
    assert any(line.startswith('  File "duniverse/palette/') for line in lines)
    assert "  palette comes from the repository overlay, as a port of the one in repository" in lines
    assert len(lines) < 15


@pytest.mark.long
@pytest.mark.ocaml
def test_mono_build_does_all_of_it_and_twice(buildable_world: World, mono: Program) -> None:
    project = buildable_world.project
    mono("build", "--twice", folder=project).succeeded()
    assert read_record(project / "contexts/host/build-record.json").reproduced

    opam = project / "logbook.opam"
    opam.write_text(
        opam.read_text("utf-8").replace('"palette"\n', '"palette" {>= "0.9.0"}\n'), encoding="utf-8"
    )
    assert mono("lock", "--check", folder=project).status == 1
    mono("build", "host", folder=project).succeeded()
    mono("lock", "--check", folder=project).succeeded()


@pytest.mark.long
@pytest.mark.ocaml
def test_two_folders_and_two_caches_give_one_program(tmp_path: Path, mono: Program) -> None:
    programs = []
    for folder in ("one", "somewhere/much/deeper"):
        world = make_world(tmp_path / folder, compiler=installed_compiler(), dune=installed_dune())
        environment = {
            "MONO_CACHE": str(tmp_path / folder / "cache"),
            "TZ": "Asia/Tokyo",
            "PYTHONHASHSEED": "7",
        }
        mono("build", folder=world.project, environment=environment).succeeded()
        programs.append((world.project / "contexts/host/artefacts/logbook").read_bytes())
    assert programs[0] == programs[1]


@pytest.mark.ocaml
def test_changed_sources_are_refused(buildable_world: World, mono: Program, mono_build: Program) -> None:
    project = buildable_world.project
    for stage in ("lock", "pull", "contexts"):
        mono(stage, folder=project).succeeded()
    changed = project / "duniverse/checksum/src/checksum_stubs.c"
    changed.write_text(changed.read_text("utf-8").replace("0xedb88320u", "0xedb88321u"), encoding="utf-8")
    refused = mono_build("contexts/host", folder=project)
    assert refused.status == 1
    assert "duniverse/checksum" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (project / "contexts/host/artefacts").exists()


def test_every_package_is_accounted_for(own_world: World, mono: Program) -> None:
    mono("lock", folder=own_world.project).succeeded()
    listed = json.loads(mono("list", "--json", folder=own_world.project).succeeded().stdout)
    packages = {package["name"]: package for package in listed}
    versions = {name: package["version"] for name, package in packages.items()}
    kinds = {name: package["kind"] for name, package in packages.items()}

    assert {name: versions[name] for name, kind in kinds.items() if kind == "vendored"} == VENDORED
    assert kinds["logbook"] == "root"
    assert (kinds["dune"], versions["dune"]) == ("provided", "2.9.3")
    assert (kinds["ocaml-base-compiler"], versions["ocaml-base-compiler"]) == ("compiler", "4.13.1")
    assert {kinds[name] for name in ("storage", "conf-cc", "base-unix")} == {"virtual"}
    assert packages["frame"]["directory"] == packages["frame-text"]["directory"]
    assert packages["palette"]["repository"] == "overlay"
    assert not [name for name in packages if name.startswith("absent-") or name == "storage-memory"]


def test_the_lock_has_the_same_bytes_everywhere(tmp_path: Path, mono: Program) -> None:
    locks = []
    for folder, environment in (
        ("one", {"PYTHONHASHSEED": "1", "LC_ALL": "C"}),
        ("other/deeper", {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "COLUMNS": "20"}),
    ):
        world = make_world(tmp_path / folder, mirrors=["https://mirror.example.invalid/cache"])
        cache = {"MONO_CACHE": str(tmp_path / folder / "cache")}
        mono("lock", folder=world.project, environment=environment | cache).succeeded()
        locks.append((world.project / "mono.lock").read_bytes())
    assert locks[0] == locks[1]
    assert str(tmp_path).encode() not in locks[0]


def test_what_a_package_asks_for_is_done_to_its_source(own_world: World, mono: Program) -> None:
    for stage in ("lock", "pull"):
        mono(stage, folder=own_world.project).succeeded()
    tally = own_world.project / "duniverse/tally"
    source = (tally / "src/tally.ml").read_text("utf-8")
    assert 'let heading = "what it holds, by tally 1.2.0"' in source  # a patch that was itself filled in
    assert "(count / 2)" in source
    assert "let package = Build.package" in source  # the patch for Windows is not for this target
    filled = 'let package = "tally 1.2.0"\nlet undefined = ""\n'
    assert (tally / "src/build.ml").read_text("utf-8") == filled
    assert (tally / "measures.txt").read_bytes() == own_world.archive("measures-1.txt").read_bytes()


def test_a_stale_lock_says_what_differs(own_world: World, mono: Program) -> None:
    project = own_world.project
    mono("lock", folder=project).succeeded()
    before = (project / "mono.lock").read_bytes()
    opam = project / "logbook.opam"
    opam.write_text(opam.read_text("utf-8").replace('  "palette"\n', '  "embed"\n'), encoding="utf-8")
    stale = mono("lock", "--check", folder=project)
    assert stale.status == 1
    assert "palette" in stale.stdout + stale.stderr
    assert (project / "mono.lock").read_bytes() == before


@pytest.fixture
def served_world(tmp_path: Path) -> Iterator[tuple[World, FileServer]]:
    """A world whose archives and mirror are offered over HTTP."""
    folder = tmp_path / "world"
    with serving(folder) as server:
        mirrors = [f"{server.url}/mirror"]
        yield make_world(folder, archives=f"{server.url}/archives", mirrors=mirrors), server


def test_a_second_pull_asks_for_nothing(served_world: tuple[World, FileServer], mono: Program) -> None:
    world, server = served_world
    for stage in ("lock", "pull"):
        mono(stage, folder=world.project).succeeded()
    asked, pulled = len(server.asked), tree(world.project / "duniverse")
    assert asked >= 7
    assert not [path for path in server.asked if path.startswith("/archives/")]  # the mirror has them all

    start = time.monotonic()
    mono("pull", folder=world.project).succeeded()
    assert time.monotonic() - start < 2
    assert len(server.asked) == asked
    assert tree(world.project / "duniverse") == pulled


def test_what_the_mirror_lacks_comes_from_upstream(
    served_world: tuple[World, FileServer], mono: Program
) -> None:
    world, server = served_world
    for kind in ("sha256", "sha512"):
        world.mirrored("frame-2.1.0.zip", kind).unlink()
    for stage in ("lock", "pull"):
        mono(stage, folder=world.project).succeeded()
    assert [path for path in server.asked if path.startswith("/archives/")] == ["/archives/frame-2.1.0.zip"]


def test_a_wrong_archive_is_named_and_leaves_the_old_tree(
    served_world: tuple[World, FileServer], mono: Program
) -> None:
    world, server = served_world
    project = world.project
    for stage in ("lock", "pull"):
        mono(stage, folder=project).succeeded()
    (project / "duniverse/embed/bin/embed.ml").write_text(
        "(* edited, so that it is wanted anew *)\n", "utf-8"
    )
    pulled = tree(project / "duniverse")
    shutil.rmtree(mono.cache)

    expected = world.mirrored("embed-0.3.0.tbz").name
    false = world.archive("embed-0.3.0.tbz").read_bytes() + b"\0"
    for kind in ("sha256", "sha512"):
        world.mirrored("embed-0.3.0.tbz", kind).write_bytes(false)
    server.broken["/archives/embed-0.3.0.tbz"] = false
    refused = mono("pull", "--force", folder=project)
    assert refused.status == 1
    for told in ("embed", server.url, expected, hashlib.sha256(false).hexdigest()):
        assert told in refused.stderr
    assert "Traceback" not in refused.stderr
    assert tree(project / "duniverse") == pulled


@pytest.mark.parametrize("stage", ["pull", "contexts", "list"])
def test_a_stage_without_its_lock_says_so(own_world: World, mono: Program, stage: str) -> None:
    refused = mono(stage, folder=own_world.project)
    assert refused.status == 1
    assert "mono.lock" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_nothing_is_said_on_stdout_while_pulling(own_world: World, mono: Program) -> None:
    assert mono("lock", folder=own_world.project).succeeded().stdout == ""
    assert mono("pull", folder=own_world.project).succeeded().stdout == ""
