"""One repository of packages, whatever it lies in: a folder, an archive, or a git commit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urljoin

from overlays.cache import MetadataCache
from overlays.errors import OpamSyntaxError, PackageUnreadable, RepositoryUnreadable
from overlays.opam_file import OpamFile, read_package
from overlays.ports import GitObjects
from overlays.stores.folder import FolderStore
from overlays.stores.git import GitStore
from overlays.stores.layout import Stamp, Store, safe_path
from solver.package import Package

_ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".zip")


def open_folder(name: str, folder: Path, cache: MetadataCache | None = None) -> Repository:
    """The repository in a folder; only what is asked for is ever listed or read.

    Raises:
        RepositoryUnreadable: there is no such folder, or no ``packages`` in it.
    """
    return Repository(name, FolderStore(name, folder), cache)


def open_archive(name: str, path: Path, folder: Path, cache: MetadataCache | None = None) -> Repository:
    """The repository in an archive file, by way of a snapshot that is kept in ``folder``.

    Raises:
        RepositoryUnreadable: the archive is absent, damaged, of an unknown form, or holds no repository.
    """
    from overlays.stores.archive import ArchiveStore  # with all that unpacks archives

    return Repository(name, ArchiveStore(name, path, folder), cache)


def open_git(name: str, objects: GitObjects, commit: str, cache: MetadataCache | None = None) -> Repository:
    """The repository at a commit (40 hex digits) of a git repository.

    Raises:
        RepositoryUnreadable: there are no packages at that commit.
    """
    return Repository(name, GitStore(name, objects, commit), cache)


class Repository:
    """Packages by name and version. Every method raises `RepositoryUnreadable` where its store fails."""

    def __init__(self, name: str, store: Store, cache: MetadataCache | None = None) -> None:
        self.name = name
        self._store = store
        self._metadata = cache.open(store.key) if cache is not None else None
        self._folders: dict[str, dict[str, str]] = {}
        self._hashes: dict[str, str] = {}
        self._packages: dict[tuple[str, str], Package] = {}

    def names(self) -> tuple[str, ...]:
        """The names of all packages, sorted."""
        return tuple(sorted(self._store.names()))

    def versions(self, package: str) -> tuple[str, ...]:
        """The versions of a package as texts, sorted as texts; none for an unknown name."""
        return tuple(self._versions(package))

    def package(self, package: str, version: str) -> Package:
        """What the solver needs of ``package.version``.

        Raises:
            PackageUnreadable: it is absent, or its opam file is malformed.
        """
        key = (package, version)
        if key not in self._packages:
            self._packages[key] = self._found(package, version)
        return self._packages[key]

    def opam_file(self, package: str, version: str) -> OpamFile:
        """The opam file of ``package.version``.

        Raises:
            PackageUnreadable: it is absent, or malformed as a whole.
        """
        path = self._opam_path(package, version)
        content = self._content(path, package, version)
        try:
            return _parse(content, path)
        except OpamSyntaxError as error:
            raise self._unreadable(package, version, error) from error

    def extra_file(self, package: str, version: str, file: str) -> bytes:
        """A file that the repository carries beside the opam file, in ``files``.

        Raises:
            PackageUnreadable: it is absent, or its name leads out of that folder.
        """
        folder = self.folder(package, version)
        path = safe_path(f"{folder}/files", file)
        if path is None:
            raise PackageUnreadable(
                self.name, package, version, f"the extra file {file!r} leads out of its folder"
            )
        return self._content(path, package, version)

    def asked(self) -> frozenset[str]:
        """The names of which anything was asked so far: what other packages there are made no difference."""
        return frozenset(self._folders)

    def archive_mirrors(self, url: str = "") -> tuple[str, ...]:
        """The base urls of ``archive-mirrors``; relative ones are completed by the repository's ``url``.

        They lie below it, or beside it where it names an archive. A relative one where ``url`` is not of http
        or https has no meaning, and is left out.

        Raises:
            RepositoryUnreadable: the file ``repo`` is malformed.
        """
        content = self._read("repo")
        if content is None:
            return ()
        try:
            mirrors = _parse(content, "repo").strings("archive-mirrors")
        except OpamSyntaxError as error:
            raise RepositoryUnreadable(self.name, "repo", str(error)) from error
        base = url if url.endswith(_ARCHIVES) else f"{url.rstrip('/')}/"
        http = url.startswith(("http://", "https://"))
        return tuple(urljoin(base, mirror) for mirror in mirrors if http or "://" in mirror)

    def content_hash(self) -> str:
        """What tells this state of the repository from others.

        The commit of a git repository; ``sha256:`` and the hash of the archive file; of a folder the hash of
        all that has been asked of it so far: the versions of each name, and the bytes of each file.
        """
        identity = self._store.identity()
        if identity is not None:
            return identity
        return f"sha256:{hashlib.sha256(self.statement()).hexdigest()}"

    def statement(self) -> bytes:
        """A line for the versions of each name that was asked for, one for the hash of each file, sorted."""
        lines = [
            f"versions {package}: {' '.join(sorted(folders))}\n"
            for package, folders in sorted(self._folders.items())
        ]
        lines += [f"file {path}: {content_hash}\n" for path, content_hash in sorted(self._hashes.items())]
        return "".join(lines).encode()

    def read(self, path: str) -> bytes | None:
        """The bytes of a file by its path from the top of the repository, None where there is none."""
        return self._store.read(path)

    def consulted(self) -> Mapping[str, Stamp | None] | None:
        """The state of each path that a folder was asked for (see `unchanged`); None for other stores."""
        return self._store.consulted() if isinstance(self._store, FolderStore) else None

    def save_cache(self) -> None:
        """Keep what was parsed for the next time; does nothing without a cache."""
        if self._metadata is not None:
            self._metadata.save()

    def _versions(self, package: str) -> dict[str, str]:
        """The folder of each version, sorted by the text of the version."""
        if package not in self._folders:
            self._folders[package] = dict(sorted(self._store.folders(package).items()))
        return self._folders[package]

    def folder(self, package: str, version: str) -> str:
        """Where ``package.version`` lies in the repository; raises `PackageUnreadable` where it is absent."""
        folder = self._versions(package).get(version)
        if folder is None:
            raise PackageUnreadable(self.name, package, version, "the repository does not have it")
        return folder

    def _opam_path(self, package: str, version: str) -> str:
        return f"{self.folder(package, version)}/opam"

    def _content(self, path: str, package: str, version: str) -> bytes:
        try:
            content = self._read(path)
        except RepositoryUnreadable as error:
            raise PackageUnreadable(self.name, package, version, f"{path}: {error.reason}") from error
        if content is None:
            raise PackageUnreadable(self.name, package, version, f"the repository has no {path}")
        return content

    def _read(self, path: str) -> bytes | None:
        content = self._store.read(path)
        self._hashes[path] = "absent" if content is None else hashlib.sha256(content).hexdigest()
        return content

    def _found(self, package: str, version: str) -> Package:
        path = self._opam_path(package, version)
        if self._metadata is None:
            return self._parsed(self.opam_file(package, version), package, version)
        stamp = self._store.stamp(path)  # before reading: a change after it will be seen the next time
        known = self._metadata.get(package, version, stamp, self.name)
        if known is not None:
            self._hashes[path] = known.metadata_hash.removeprefix("sha256:")
            return known
        file = self.opam_file(package, version)
        found = self._parsed(file, package, version)
        self._metadata.put(version, stamp, file, found)
        return found

    def _parsed(self, file: OpamFile, package: str, version: str) -> Package:
        try:
            return read_package(file, package, version, self.name, f"sha256:{self._hashes[file.place]}")
        except OpamSyntaxError as error:
            raise self._unreadable(package, version, error) from error

    def _unreadable(self, package: str, version: str, error: OpamSyntaxError) -> PackageUnreadable:
        return PackageUnreadable(self.name, package, version, str(error), error)


def _parse(content: bytes, place: str) -> OpamFile:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        source_line = content.split(b"\n")[line - 1].decode("utf-8", "replace")
        raise OpamSyntaxError("this byte is not UTF-8", place, line, column, source_line) from None
    return OpamFile.parse(text, place)
