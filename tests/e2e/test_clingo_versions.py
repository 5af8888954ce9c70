"""The same lock, byte for byte, whichever clingo finds it and whatever Python's hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monorepo.alone import alone_at
from tests.support.places import ROOT, kept_folder

pytestmark = [pytest.mark.shared, pytest.mark.long]

CLINGOS = ("5.6.2", "5.7.1", "5.8.3")
ROOTS = {
    "web": ("dream", "caqti-lwt", "yojson", "ppx_deriving"),
    "net": ("lwt", "fmt", "logs", "tls-lwt", "cohttp-lwt-unix", "irmin-git"),
}


def clingo(version: str) -> Path:
    """A folder to put before Python's own, with that clingo in it."""
    folder = kept_folder() / f"clingo-{version}"
    with alone_at(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            aside = folder.with_name(f"{folder.name}.new")
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--target", aside, f"clingo=={version}"], check=True)
            aside.rename(folder)
    return folder


@pytest.mark.parametrize("root", ROOTS)
def test_the_lock_is_the_same(
    root: str, tmp_path: Path, opam_repository_archive: Path, opam_overlays_archive: Path
) -> None:
    locks: set[bytes] = set()
    for seed, version in enumerate(CLINGOS):
        project = tmp_path / version
        project.mkdir()
        depends = " ".join(f'"{name}"' for name in ROOTS[root])
        (project / "app.opam").write_text(f'opam-version: "2.0"\ndepends: ["dune" {depends}]\n', "utf-8")
        (project / "mono.toml").write_text(
            f'[[repositories]]\nname = "dune-universe"\nurl = "{opam_overlays_archive}"\n'
            f'[[repositories]]\nname = "opam"\nurl = "{opam_repository_archive}"\n'
            '[targets]\nbuild = ["host", "linux-musl", "macosx"]\n',
            "utf-8",
        )
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(clingo(version)), str(ROOT))),
            "PYTHONHASHSEED": str(seed),
            "MONO_CACHE": str(tmp_path / f"cache-{version}"),
        }
        used = "import clingo, sys; sys.exit(clingo.__version__)"
        told = subprocess.run(
            [sys.executable, "-c", used], env=environment, capture_output=True, encoding="utf-8", check=False
        )
        assert told.stderr.strip() == version
        command = [sys.executable, "-m", "monorepo.cli", "lock"]
        subprocess.run(command, cwd=project, env=environment, check=True)
        locks.add((project / "mono.lock").read_bytes())
    assert len(locks) == 1
