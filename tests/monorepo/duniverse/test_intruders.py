"""What is taken out of sources, and what stays because it may be of use."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from monorepo.duniverse.expose import expose
from monorepo.duniverse.intruders import remove_all_intruders
from monorepo.fetch.unpack import single_folder, unpack
from tests.monorepo.fetch.sources import put, tree
from tests.support.debian import upstream_archives
from tests.support.places import kept_folder

LANG = "(lang dune 2.7)\n"
CRAM = "(lang dune 2.7)\n(cram enable)\n"


def left(folder: Path, files: dict[str, str], *packages: str) -> set[str]:
    """What is left of ``files`` once ``packages`` are locked from them."""
    for name, text in files.items():
        put(folder, name, text.encode())
    remove_all_intruders(folder, packages)
    return set(tree(folder))


def test_each_project_is_cleared_of_what_makes_it_a_workspace(tmp_path: Path) -> None:
    parts = ("_build/x", "_opam/x", ".git/x", "duniverse/x/dune", "dune-workspace")
    files = {f"{place}{part}": "" for place in ("", "inner/") for part in parts}
    kept = {"dune-project": LANG, "inner/dune-project": LANG, "data/_build/x": "", "data/dune-workspace": ""}
    assert left(tmp_path, {**files, **kept}, "a") == set(kept)


def test_repositories_go_wherever_they_are(tmp_path: Path) -> None:
    """git would take such a folder for a repository of its own, and not commit what is in it."""
    assert left(tmp_path, {"a/b/.git/config": "", "c/d/.git": "gitdir: x", "e/f": ""}) == {"e/f"}


def test_cram_tests_are_out_of_dunes_sight(tmp_path: Path) -> None:
    """om#149: dune before 2.8 reads the files of such tests where another project is around them."""
    broken = {
        "t/x.t/run.t": "",
        "t/x.t/dune-project": "(lang",
        "t/x.t/sub/dune": ")",
        "t/x.t/a.opam": "",
        "t/x.t/data": "",
    }
    assert left(tmp_path, {"dune-project": CRAM, **broken}) == {"dune-project", "t/x.t/run.t", "t/x.t/data"}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"dune-project": LANG, "x.t/run.t": "", "x.t/dune": ""}, id="cram tests are not enabled"),
        pytest.param({"dune-project": CRAM, "x.t/dune": ""}, id="no cram test"),
        pytest.param({"dune-project": LANG, "examples/e/dune-project": LANG}, id="no folder for tests"),
        pytest.param({"dune-project": LANG, "test/dune": "", "test/a/dune": ""}, id="no project in tests"),
        pytest.param(
            {"dune-project": LANG, "test/lib/dune-project": LANG, "test/lib/in/a.opam": "", "test/lib/in/dune-project": LANG},
            id="something locked is below it",
        ),
        pytest.param(
            {"dune-project": LANG, "dune": "(data_only_dirs test)", "test/e/dune-project": "(lang"},
            id="dune does not enter",
        ),
    ],
)  # fmt: skip
def test_what_may_be_of_use_stays(tmp_path: Path, files: dict[str, str]) -> None:
    assert left(tmp_path, files, "a") == set(files)


def test_projects_of_tests_are_out_of_dunes_sight(tmp_path: Path) -> None:
    """Above the language of a dune, or of the wrong shape, they would break a whole workspace."""
    files = {
        "dune-project": LANG,
        "test/dune": "",
        "test/e/dune-project": "(lang dune 9.9)",
        "test/e/e.opam": "",
        "test/e/src/dune": "",
        "test/e/src/e.ml": "",
    }
    assert left(tmp_path, files, "a") == {"dune-project", "test/dune", "test/e/src/e.ml"}


def test_nothing_is_removed_through_a_link(tmp_path: Path) -> None:
    put(tmp_path, "src/dune", b"")
    put(tmp_path, "test/e/dune-project", LANG.encode())
    (tmp_path / "test/e/src").symlink_to("../../src")
    assert left(tmp_path, {"dune-project": LANG}) >= {"src/dune", "dune-project"}


@pytest.mark.ocaml
@pytest.mark.long
def test_dunes_own_source_in_a_workspace(tmp_path: Path) -> None:
    """Its fixtures break on purpose: none is in sight, and dune builds what is locked from it."""
    archive = upstream_archives("bookworm", ["ocaml-dune"], kept_folder())["ocaml-dune"]
    unpack(archive, tmp_path / "aside")
    (tmp_path / "duniverse").mkdir()
    top = tmp_path / "duniverse/dune_"
    single_folder(tmp_path / "aside").rename(top)
    before = set(top.glob("test/**/dune-project"))
    remove_all_intruders(top, ["dune-configurator"])
    expose(top, ["dune-configurator"])
    gone = before - set(top.glob("test/**/dune-project"))
    assert len(gone) > 50 and not any(path.match("*.t/**/dune-project") for path in before - gone)
    for name, text in {
        "dune-project": LANG,
        "duniverse/dune": "(vendored_dirs *)\n",
        "dune": "(executable (name main) (libraries dune-configurator))\n",
        "main.ml": "let _ = Configurator.V1.main",
    }.items():
        put(tmp_path, name, text.encode())
    done = subprocess.run(
        ["dune", "build", "--root", ".", "./main.exe"], cwd=tmp_path, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
