"""Files of Debian's: real upstream archives, which its source packages keep byte for byte, and binary packages.

apt-get fetches them with a sources list and a state folder of its own, so the machine's lists stay as they are;
the server is the one the machine itself is configured to use. What was fetched is kept between runs.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fixtures.world import World, mirror_path
from monorepo.alone import alone_at

ATTEMPTS = 3


class SourcesUnavailableError(Exception):
    """Some files could not be had; says which, and what apt-get said last."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """One file, which has these bytes or is not taken.

    Args:
        package: what apt-get is asked for: ``NAME=VERSION`` of a source package, ``NAME:ARCHITECTURE=VERSION`` of
            a binary one.
        suites: of Debian, where it may be.
        name: of the file; that of a binary package ends in ``.deb``, any other is an upstream archive.
        sha256: of its bytes.
    """

    package: str
    suites: tuple[str, ...]
    name: str
    sha256: str


def upstream_archives(suite: str, packages: Iterable[str], kept: Path) -> Mapping[str, Path]:
    """Source package to its upstream archive (``NAME_VERSION.orig.tar.…``) in Debian's ``suite``.

    Raises:
        SourcesUnavailableError: after several attempts some could not be had, or apt-get knows no server.
    """
    return _had(suite, {package: f"{package}_*.orig.tar.*" for package in packages}, kept)


def pinned_file(pinned: Pinned, kept: Path) -> Path:
    """The file, from the first of its suites that has it.

    Raises:
        SourcesUnavailableError: after several attempts none has, or the file there is another.
    """
    said: list[str] = []
    for suite in pinned.suites:
        try:
            file = _had(suite, {pinned.package: pinned.name}, kept)[pinned.package]
        except SourcesUnavailableError as error:
            said.append(str(error))
            continue
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if found == pinned.sha256:
            return file
        file.unlink()
        said.append(f"{pinned.name} of {suite} has the sha256 {found}, and ought to have {pinned.sha256}")
    raise SourcesUnavailableError("\n".join(said))


def offer(archives: Iterable[Path], world: World) -> None:
    """Have ``archives`` in ``world``, and in its mirror under every kind of checksum that opam-repository uses."""
    world.archives.mkdir(parents=True, exist_ok=True)
    for archive in archives:
        content = archive.read_bytes()
        world.archive(archive.name).write_bytes(content)
        for kind in ("md5", "sha256", "sha512"):
            path = mirror_path(world.mirror, kind, hashlib.new(kind, content).hexdigest())
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _had(suite: str, wanted: Mapping[str, str], kept: Path) -> Mapping[str, Path]:
    """Package to its file, for packages and globs of their files."""
    binary = any(glob.endswith(".deb") for glob in wanted.values())
    folder = kept / "debian" / (f"{suite}-binary" if binary else suite)
    folder.mkdir(parents=True, exist_ok=True)
    with alone_at(folder / "lock"):
        said = ""
        for attempt in range(ATTEMPTS):
            missing = {package: glob for package, glob in wanted.items() if _first(folder, glob) is None}
            if not missing:
                break
            time.sleep(2 * attempt)
            said = _fetch(suite, missing, folder, binary=binary)
        found = {package: _first(folder, glob) for package, glob in sorted(wanted.items())}
    absent = [package for package, file in found.items() if file is None]
    if absent:
        raise SourcesUnavailableError(f"apt-get could not have from {suite}: {', '.join(absent)}\n{said}")
    return {package: file for package, file in found.items() if file is not None}


def _first(folder: Path, glob: str) -> Path | None:
    return next(iter(sorted(folder.glob(glob))), None)


def _fetch(suite: str, wanted: Mapping[str, str], folder: Path, *, binary: bool) -> str:
    """Try each package once; what apt-get said of those that failed."""
    apt = _private_apt(suite, folder, binary=binary)
    _run([*apt, "update"], folder)
    aside = folder / f"fetching.{os.getpid()}"
    aside.mkdir()
    verb = ["download"] if binary else ["source", "--download-only", "--tar-only"]
    said: list[str] = []
    try:
        for package, glob in wanted.items():
            done = _run([*apt, *verb, package], aside)
            file = _first(aside, glob)
            if done.returncode == 0 and file is not None:
                file.rename(folder / file.name)
            else:
                errors = [line for line in done.stdout.splitlines() if line.startswith("E: ")]
                said.append("\n".join(errors) or done.stdout.strip())
    finally:
        shutil.rmtree(aside)
    return "\n".join(said)


def _private_apt(suite: str, folder: Path, *, binary: bool) -> list[str]:
    """apt-get with a list of its own: the sources of ``suite``, or its binary packages for arm64."""
    if shutil.which("apt-get") is None:
        raise SourcesUnavailableError("there is no apt-get here")
    kind = "deb [arch=arm64]" if binary else "deb-src"
    sources = folder / "sources.list"
    sources.write_text(f"{kind} {_server(suite, folder)} {suite} main\n", encoding="utf-8")
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    options = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": lists,
        "Dir::Cache::PkgCache": "",
        "Dir::Cache::SrcPkgCache": "",
        "APT::Sandbox::User": "root",
        "APT::Architectures::": "arm64",
        "Acquire::Retries": "3",
    }
    return ["apt-get", *(f"-o{name}={value}" for name, value in options.items())]


def _server(suite: str, folder: Path) -> str:
    """The server that the machine uses for ``suite``, else the one for its own suite."""
    asked = ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"]
    answer = _run([*asked, "Component: main"], folder)
    lines = [line for line in answer.stdout.splitlines() if not line.startswith(("W:", "N:", "E:"))]
    servers = dict(line.split() for line in reversed(lines))
    server = servers.get(suite) or servers.get(platform.freedesktop_os_release().get("VERSION_CODENAME", ""))
    if answer.returncode != 0 or server is None:
        raise SourcesUnavailableError(f"apt-get is configured with no server of Debian {suite}")
    return server


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
