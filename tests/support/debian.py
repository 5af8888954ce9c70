"""Real upstream archives, as Debian's source packages keep them byte for byte.

apt-get fetches them with a sources list and a state folder of its own, so the machine's lists stay as they are;
the server is the one the machine itself is configured to use. What was fetched is kept between runs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from fixtures.world import mirror_path
from monorepo.alone import alone_at

ATTEMPTS = 3


class SourcesUnavailableError(Exception):
    """Some archives could not be had; says which, and what apt-get said last."""


def upstream_archives(suite: str, packages: Iterable[str], kept: Path) -> Mapping[str, Path]:
    """Source package to its upstream archive (``NAME_VERSION.orig.tar.…``) in Debian's ``suite``.

    Raises:
        SourcesUnavailableError: after several attempts some could not be had, or apt-get knows no server of ``suite``.
    """
    folder = kept / "debian" / suite
    folder.mkdir(parents=True, exist_ok=True)
    with alone_at(folder / "lock"):
        wanted = sorted(packages)
        said = ""
        for attempt in range(ATTEMPTS):
            missing = [package for package in wanted if _archive(folder, package) is None]
            if not missing:
                break
            time.sleep(2 * attempt)
            said = _fetch(suite, missing, folder)
        found = {package: _archive(folder, package) for package in wanted}
    absent = [package for package, archive in found.items() if archive is None]
    if absent:
        raise SourcesUnavailableError(
            f"apt-get could not have the {suite} sources of {', '.join(absent)}:\n{said}"
        )
    return {package: archive for package, archive in found.items() if archive is not None}


def fill_mirror(archives: Iterable[Path], mirror: Path) -> None:
    """Offer ``archives`` in opam's cache layout, under every kind of checksum that opam-repository uses."""
    for archive in archives:
        content = archive.read_bytes()
        for kind in ("md5", "sha256", "sha512"):
            path = mirror_path(mirror, kind, hashlib.new(kind, content).hexdigest())
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _archive(folder: Path, package: str) -> Path | None:
    return next(iter(sorted(folder.glob(f"{package}_*.orig.tar.*"))), None)


def _fetch(suite: str, packages: list[str], folder: Path) -> str:
    """Try each package once; what apt-get said of those that failed."""
    apt = _private_apt(suite, folder)
    _run([*apt, "update"], folder)
    aside = folder / f"fetching.{os.getpid()}"
    aside.mkdir()
    said: list[str] = []
    try:
        for package in packages:
            done = _run([*apt, "source", "--download-only", "--tar-only", package], aside)
            archive = _archive(aside, package)
            if done.returncode == 0 and archive is not None:
                archive.rename(folder / archive.name)
            else:
                said.append(done.stdout.strip())
    finally:
        shutil.rmtree(aside)
    return "\n".join(said)


def _private_apt(suite: str, folder: Path) -> list[str]:
    """apt-get with a list of its own, made of the server that the machine uses for ``suite``."""
    if shutil.which("apt-get") is None:
        raise SourcesUnavailableError("there is no apt-get here")
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    answer = _run([*asked, f"Release: {suite}", "Component: main"], folder)
    servers = [line for line in answer.stdout.splitlines() if not line.startswith(("W:", "N:", "E:"))]
    if answer.returncode != 0 or not servers:
        raise SourcesUnavailableError(f"apt-get is configured with no server of Debian {suite}")
    sources = folder / "sources.list"
    sources.write_text(f"deb-src {servers[0]} {suite} main\n", encoding="utf-8")
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": lists,
        "Dir::Cache::PkgCache": "",
        "Dir::Cache::SrcPkgCache": "",
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "3",
    }
    return ["apt-get", *(f"-o{name}={value}" for name, value in options.items())]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
