"""`mono pull` of 100 archives from a slow server, beside curl with tar, and opam-monorepo if it is on PATH.

The content is made here, the same every time: 60 .tar.gz and 40 .tbz of 64 to 400 KB, 11,000 files in all, on
a file system in memory where there is one. The server is 20 ms away and keeps connections.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.measure import Figures, Run, in_turn, run
from monorepo.lock.model import Kind, Lock, LockedPackage, LockedSource
from monorepo.lock.writer import save_lock
from monorepo.targets.definition import Target
from tests.support.places import program

ARCHIVES, GZIPPED, FILES = 100, 60, 110
SMALLEST, LARGEST = 64_000, 400_000
PACKAGES = 160
LATENCY = 0.02

CURL = "curl x 16, sha256sum, tar x 2"
COLD = "mono pull, cold"
ARCHIVED = "mono pull, archives in the cache"
WARM = "mono pull, trees in the cache"
UNCHANGED = "mono pull, nothing to do"
PEER_COLD = "opam-monorepo pull, cold"
PEER_WARM = "opam-monorepo pull, warm cache"
LIMITS = {WARM: 0.4, UNCHANGED: 0.2}


class Measured(Protocol):
    """Runs once; with the memory of all processes ``together`` if that is asked for."""

    def __call__(self, *, together: bool = False) -> Run: ...


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive on the server, and the packages it is of."""

    name: str
    file: str
    sha256: str
    packages: tuple[str, ...]


def main() -> None:
    """Print the table."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        folder = Path(place)
        archives = make_archives(folder / "served")
        with slow_server(folder / "served") as url:
            commands = _commands(folder, archives, url)
            figures = in_turn(commands)
            megabytes = {name: command(together=True).megabytes for name, command in commands.items()}
    _print(figures, megabytes)


def make_archives(folder: Path) -> list[Archive]:
    """Write the archives into ``folder``, which is absent."""
    folder.mkdir()
    chance = random.Random(4)
    words = [f"{chance.choice(['get', 'set', 'map', 'of'])}_{chance.getrandbits(20):x}" for _ in range(3000)]
    lines = [
        f'let {chance.choice(words)} = {chance.choice(words)} "{chance.getrandbits(120):030x}"\n'
        for _ in range(200_000)
    ]
    made = []
    for number in range(ARCHIVES):
        name = f"source{number}"
        wanted = SMALLEST + (LARGEST - SMALLEST) * number // (ARCHIVES - 1)
        packages = (name, f"{name}-more")[: 2 if number < PACKAGES - ARCHIVES else 1]
        gzipped = number * 7 % ARCHIVES < GZIPPED
        content = _archive(name, packages, wanted, lines, chance, gzipped=gzipped)
        file = f"{name}.{'tar.gz' if gzipped else 'tbz'}"
        (folder / file).write_bytes(content)
        made.append(Archive(name, file, hashlib.sha256(content).hexdigest(), packages))
    return made


def _archive(
    name: str,
    packages: Sequence[str],
    wanted: int,
    lines: Sequence[str],
    chance: random.Random,
    *,
    gzipped: bool,
) -> bytes:
    """A source with `FILES` files that is about ``wanted`` bytes when it is compressed."""
    files = {"dune-project": "(lang dune 2.9)\n", **{f"{package}.opam": "" for package in packages}}
    files |= {f"{part}/dune": f"(library (name {part}))\n" for part in ("lib", "test", "unix")}
    count = FILES - len(files)
    letters = wanted * (2.2 if gzipped else 2.5) / count
    for index in range(count):
        folder = ("lib", "lib/core", "test", "unix", "doc", "examples/one")[index % 6]
        size = int(letters / len(lines[0]) * chance.uniform(0.1, 1.9))
        files[f"{folder}/file{index}.ml"] = "".join(chance.choices(lines, k=size))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode("ascii")))
    plain = buffer.getvalue()
    return gzip.compress(plain, mtime=0) if gzipped else bz2.compress(plain)


@contextmanager
def slow_server(folder: Path) -> Iterator[str]:
    """The address of a server of ``folder`` that is 20 ms away; it runs in a process of its own."""
    command = [sys.executable, "-m", "bench.slow_server", str(folder), str(LATENCY)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="ascii") as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def _commands(folder: Path, archives: Sequence[Archive], url: str) -> dict[str, Measured]:
    project, cache = folder / "project", folder / "cache"
    project.mkdir()
    save_lock(make_lock(archives, url), project, {})
    environment = {**os.environ, "MONO_CACHE": str(cache)}
    for name in ("MONO_LINK_MODE", "PYTHONDONTWRITEBYTECODE"):  # as it is where mono is installed
        environment.pop(name, None)

    def pull(*gone: Path) -> Measured:
        def once(*, together: bool = False) -> Run:
            for path in gone:
                shutil.rmtree(path, ignore_errors=True)
            return run([str(program("mono")), "pull", "-q"], project, environment, together=together)

        return once

    duniverse = project / "duniverse"
    commands = {
        CURL: _curl(folder / "curl", archives, url),
        COLD: pull(duniverse, cache),
        UNCHANGED: pull(),
        WARM: pull(duniverse),
        ARCHIVED: pull(duniverse, cache / "trees"),
    }
    if shutil.which("opam-monorepo") is None or shutil.which("opam") is None:
        print("opam-monorepo and opam are not on PATH: no comparison with them")
        return commands
    return commands | _opam_monorepo(folder / "peer", archives, url)


def make_lock(archives: Sequence[Archive], url: str) -> Lock:
    """A lock of a root that needs every package."""
    everything = [(package, archive) for archive in archives for package in archive.packages]
    depends = tuple(f'"{package}"' for package, _ in everything)
    return Lock(
        project="bench",
        inputs=f"sha256:{0:064}",
        roots=("bench",),
        repositories=(),
        variables=(),
        targets=(Target("host", "", (), "default", None),),
        packages=(
            LockedPackage("bench", "dev", Kind.ROOT, "", ("host",), depends=depends),
            *(
                LockedPackage(package, "1.0", Kind.VENDORED, "", ("host",), directory=archive.name)
                for package, archive in everything
            ),
        ),
        sources=tuple(
            LockedSource(
                archive.name,
                f"{url}/{archive.file}",
                archive.packages,
                checksums=(f"sha256={archive.sha256}",),
            )
            for archive in archives
        ),
    )


def _curl(folder: Path, archives: Sequence[Archive], url: str) -> Measured:
    """What can be done with the least: no cache, no second look, no old tree to keep."""
    script = (
        "curl --silent --fail --parallel --parallel-max 16 --config ../curl.config && "
        "sha256sum --quiet --check ../curl.sums && mkdir out && ls *.t* | xargs -P 2 -n 1 tar -C out -xf"
    )
    wanted = "".join(f'url = "{url}/{archive.file}"\nremote-name\n' for archive in archives)
    folder.with_name("curl.config").write_text(wanted, encoding="ascii")
    sums = "".join(f"{archive.sha256}  {archive.file}\n" for archive in archives)
    folder.with_name("curl.sums").write_text(sums, encoding="ascii")

    def once(*, together: bool = False) -> Run:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return run(["sh", "-c", script], folder, os.environ, together=together)

    return once


def _opam_monorepo(folder: Path, archives: Sequence[Archive], url: str) -> dict[str, Measured]:
    """opam-monorepo with an opam root of its own, which has an empty repository and no switch."""
    root, project, empty = folder / "root", folder / "project", folder / "empty"
    (empty / "packages").mkdir(parents=True)
    (empty / "repo").write_text('opam-version: "2.0"\n', encoding="ascii")
    environment = {**os.environ, "OPAMROOT": str(root), "OPAMROOTISOK": "1", "OPAMYES": "1"}
    environment.pop("OPAMSWITCH", None)
    init = ["opam", "init", "--bare", "--no-setup", "--disable-sandboxing", "empty", str(empty)]
    run(init, folder, environment)
    project.mkdir()
    (project / "dune-project").write_text("(lang dune 2.9)\n", encoding="ascii")
    packages = [package for archive in archives for package in archive.packages]
    directories = "".join(
        f'  ["{url}/{archive.file}" "{archive.name}" ["sha256={archive.sha256}"]]\n' for archive in archives
    )
    pins = "".join(
        f'  ["{package}.1.0" "{url}/{archive.file}"]\n'
        for archive in archives
        for package in archive.packages
    )
    vendored = "".join(f'  "{package}" {{= "1.0" & ?vendor}}\n' for package in packages)
    head = 'opam-version: "2.0"\nsynopsis: "bench"\nmaintainer: "bench"\n'
    (project / "bench.opam").write_text(
        f"{head}depends: [{' '.join(map(_quoted, packages))}]\n", encoding="ascii"
    )
    lock = (
        f'{head}depends: [\n  "ocaml" {{= "5.2.0"}}\n{vendored}]\n'
        f"pin-depends: [\n{pins}]\n"
        f"x-opam-monorepo-duniverse-dirs: [\n{directories}]\n"
        'x-opam-monorepo-root-packages: ["bench"]\nx-opam-monorepo-version: "0.3"\n'
    )
    (project / "bench.opam.locked").write_text(lock, encoding="ascii")

    def pull(*gone: Path) -> Measured:
        def once(*, together: bool = False) -> Run:
            for path in gone:
                shutil.rmtree(path, ignore_errors=True)
            return run(["opam-monorepo", "pull", "--yes"], project, environment, together=together)

        return once

    duniverse = project / "duniverse"
    return {PEER_COLD: pull(duniverse, root / "download-cache"), PEER_WARM: pull(duniverse)}


def _quoted(text: str) -> str:
    return f'"{text}"'


def _print(figures: Mapping[str, Figures], megabytes: Mapping[str, float]) -> None:
    print(f"{'pull, 100 archives, 11,000 files':<34}{'seconds':>9}{'busy':>7}{'MB':>7}   against")
    for name, figure in figures.items():
        against = [
            f"{figure.seconds / figures[peer].seconds:.2f} x {peer}"
            f" ({figure.processor / figures[peer].processor:.2f} x its cpu)"
            for peer in (CURL, PEER_COLD, PEER_WARM)
            if peer in figures and name.startswith("mono")
        ]
        if name in LIMITS:
            against.append(f"{figure.seconds / LIMITS[name]:.2f} x its limit of {LIMITS[name]} s")
        numbers = f"{figure.seconds:>9.2f}{figure.processor:>7.2f}{megabytes[name]:>7.0f}"
        print(f"{name:<34}{numbers}   {', '.join(against)}")
