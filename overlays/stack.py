"""Several repositories, the earlier before the later, as if they were one."""

from __future__ import annotations

from overlays.errors import PackageUnreadable
from overlays.opam_file import OpamFile
from overlays.repository import Repository
from solver.package import Package
from solver.version import Key, Version


class RepositoryStack:
    """Repositories in order of priority: a version that several have is that of the first of them.

    Versions that opam does not order (``1.0`` and ``1.00``) are one version, as they are one in opam's sets
    of packages; the first repository that has either wins, and within one the first text.
    """

    def __init__(self, repositories: tuple[Repository, ...]) -> None:
        self.repositories = repositories
        self._versions: dict[str, dict[Key, tuple[Version, Repository]]] = {}

    def names(self) -> tuple[str, ...]:
        """The names of all packages of all repositories, sorted."""
        return tuple(sorted({name for repository in self.repositories for name in repository.names()}))

    def versions(self, name: str) -> tuple[tuple[Version, Repository], ...]:
        """Every version of a package, newest first, with the repository it comes from."""
        return tuple(self._found(name).values())

    def package(self, name: str, version: Version | str) -> Package:
        """What the solver needs of one version.

        Raises:
            PackageUnreadable: no repository has it, or its opam file is malformed.
        """
        own, repository = self._which(name, version)
        return repository.package(name, own)

    def opam_file(self, name: str, version: Version | str) -> OpamFile:
        """The opam file of one version; raises `PackageUnreadable` as `package` does."""
        own, repository = self._which(name, version)
        return repository.opam_file(name, own)

    def extra_file(self, name: str, version: Version | str, file: str) -> bytes:
        """A file that the repository of one version carries for it.

        Raises:
            PackageUnreadable: it is absent, or its name leads out of the folder of such files.
        """
        own, repository = self._which(name, version)
        return repository.extra_file(name, own, file)

    def beneath(self, name: str, repository: str) -> str | None:
        """The next repository after ``repository`` that has packages of that name too, None without one."""
        names = [each.name for each in self.repositories]
        further_down = self.repositories[names.index(repository) + 1 :]
        return next((each.name for each in further_down if each.versions(name)), None)

    def save_cache(self) -> None:
        """Keep what was parsed for the next time, in the caches the repositories were opened with."""
        for repository in self.repositories:
            repository.save_cache()

    def _which(self, name: str, version: Version | str) -> tuple[str, Repository]:
        wanted = Version.parse(version) if isinstance(version, str) else version
        found = self._found(name).get(wanted.key)
        if found is None:
            raise PackageUnreadable("", name, str(version), "no repository has it")
        return found[0].text, found[1]

    def _found(self, name: str) -> dict[Key, tuple[Version, Repository]]:
        if name not in self._versions:
            first: dict[Key, tuple[Version, Repository]] = {}
            for repository in self.repositories:
                for text in repository.versions(name):
                    version = Version.parse(text)
                    first.setdefault(version.key, (version, repository))
            self._versions[name] = dict(sorted(first.items(), key=lambda item: item[0], reverse=True))
        return self._versions[name]
