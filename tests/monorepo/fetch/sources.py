"""Sources made for tests: archives of every format, git repositories, locks, and ports that must not be used."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from monorepo.adapters.git import GitClones
from monorepo.duniverse.pull import PullReport, pull
from monorepo.fetch.download import Patience
from monorepo.lock.model import Kind, Lock, LockedPackage, LockedSource
from monorepo.ports import HttpBody
from monorepo.targets.definition import Target

SHORT = Patience(tries=3, first_wait=0.01, longest_wait=0.05)


def tar(files: Mapping[str, bytes], mode: str = "w:gz", **about: Any) -> bytes:
    """A tar archive of ``files``; names ending in ``.sh`` may be executed; ``about`` is set on each member."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if name.endswith(".sh") else 0o644
            for field, value in about.items():
                setattr(member, field, value)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def tar_members(*members: tuple[str, dict[str, Any], bytes], mode: str = "w:gz") -> bytes:
    """A tar archive of members given by name, fields of TarInfo and content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, about, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for field, value in about.items():
                setattr(member, field, value)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes], modes: Mapping[str, int] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            about = zipfile.ZipInfo(name)
            about.external_attr = (modes or {}).get(name, 0o100644) << 16
            archive.writestr(about, content)
    return buffer.getvalue()


def checksum(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}={hashlib.new(algorithm, content).hexdigest()}"


def source(name: str, url: str, content: bytes, **fields: Any) -> LockedSource:
    """A locked archive with the right sha256."""
    defaults: dict[str, Any] = {"packages": (name,), "checksums": (checksum(content),)}
    return LockedSource(name, url, **{**defaults, **fields})


def lock(*sources: LockedSource, mirrors: tuple[str, ...] = ()) -> Lock:
    """A lock of a root ``app`` that needs every package of these sources."""
    names = [(name, source.directory) for source in sources for name in source.packages]
    depends = tuple(f'"{name}"' for name, _ in names)
    root = LockedPackage("app", "dev", Kind.ROOT, "", ("host",), depends=depends)
    packages = [LockedPackage(n, "1", Kind.VENDORED, "", ("host",), directory=place) for n, place in names]
    return Lock(
        project="p",
        inputs="sha256:0",
        roots=("app",),
        repositories=(),
        variables=(),
        targets=(Target("host", "", (), "default", None),),
        packages=(root, *packages),
        sources=sources,
        archive_mirrors=mirrors,
    )


def put(folder: Path, name: str, content: bytes) -> str:
    """Write a file; gives its file:// url."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path.as_uri()


def tree(folder: Path) -> dict[str, bytes | str]:
    """Every file of ``folder`` with its bytes, every link with its target; nothing where there is no folder."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def vendored(project: Path) -> dict[str, bytes | str]:
    """What is in duniverse/ beside mono's own files."""
    own = ("dune", "README.md", ".mono.json")
    found = tree(project / "duniverse").items()
    return {
        name: content for name, content in found if name not in own and not name.startswith(".mono.files/")
    }


class Inline:
    """`monorepo.ports.Workers`, done right here: what is asked for goes through the same copies."""

    @contextmanager
    def team(self, held: int) -> Iterator[Inline]:
        yield self

    def do(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        before = os.umask(0o022)
        try:
            copied, arguments = pickle.loads(pickle.dumps((work, arguments)))
            future.set_result(pickle.loads(pickle.dumps(copied(*arguments))))
        except Exception as error:
            future.set_exception(error)
        finally:
            os.umask(before)
        return future


class NoHttp:
    """Fails when it is used."""

    def stream(self, url: str) -> AbstractContextManager[HttpBody]:
        raise AssertionError(f"the network was asked for {url}")


def pulled(locked: Lock, folder: Path, http: Any = None, **options: Any) -> PullReport:
    """Pull into ``folder``/project with a cache beside it."""
    project, cache = folder / "project", folder / "cache"
    project.mkdir(exist_ok=True)
    options.setdefault("patience", SHORT)
    workers = options.pop("workers", Inline())
    return pull(locked, project, cache, http or NoHttp(), GitClones(cache), workers, **options)


def run_git(folder: Path, *arguments: str, at: str | None = None) -> str:
    """Run git as a user without settings of its own; ``at`` is the time of what it commits."""
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{
            f"GIT_{who}_{what}": "a@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
        **({} if at is None else {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}),
    }
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout.strip()


def repository(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A git repository with one commit on main."""
    folder.mkdir(parents=True)
    run_git(folder, "init", "-q", "-b", "main")
    commit(folder, files)
    return folder


def commit(
    folder: Path, files: Mapping[str, bytes], *, at: str | None = None, subject: str = "change"
) -> str:
    for name, content in files.items():
        put(folder, name, content)
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "-q", "--allow-empty", "-m", subject, at=at)
    return run_git(folder, "rev-parse", "HEAD")
