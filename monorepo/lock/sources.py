"""The sources of an answer: one folder for each archive or git commit, pinned, and how it is prepared."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from monorepo.errors import LockError, MonoError, told_of
from monorepo.lock.model import ExtraFile, ExtraSource, LockedSource, Substitution
from monorepo.pins import PinnedPackage
from overlays.errors import PackageUnreadable
from overlays.opam_file import OpamFile, Preparation, read_preparation
from overlays.stack import RepositoryStack
from solver.archive import git_location, group_by_archive, normalised_dev_repo
from solver.formula import Condition, Value, holds
from solver.package import Package, Source
from solver.reduction import own_variables
from solver.request import Platform
from solver.solution import Choice

File = TypeVar("File", ExtraSource, ExtraFile)


class Metadata:
    """The opam file of each package of an answer: of a root, a pin, or a repository."""

    def __init__(
        self,
        roots: Mapping[str, OpamFile],
        pins: Mapping[str, PinnedPackage],
        stack: RepositoryStack,
    ) -> None:
        self._own = dict(roots) | {name: pin.opam_file for name, pin in pins.items()}
        self._stack = stack
        self._preparations: dict[str, Preparation] = {}

    def preparation(self, package: Package) -> Preparation:
        """How the source of ``package`` is prepared, what it wants of the system, and its licences."""
        known = self._preparations.get(package.identity)
        if known is None:
            file = self._own.get(package.name) or self._stack.opam_file(package.name, package.version)
            known = self._preparations[package.identity] = read_preparation(file)
        return known

    def port_of(self, package: Package) -> str | None:
        """The repository in place of whose packages of this name ``package`` stands."""
        if package.repository is None:
            return None
        return self._stack.beneath(package.name, package.repository)

    def extra_file(self, package: Package, name: str) -> bytes:
        """A file that the repository of ``package`` carries for it.

        Raises:
            LockError: it is absent; or the package is none of a repository, which alone can carry files.
        """
        if package.name in self._own:
            hint = "keep the file in the source itself, or put the package in an overlay"
            raise LockError(
                f"extra-files names {name}, but only repositories carry files", package.identity, hint
            )
        try:
            return self._stack.extra_file(package.name, package.version, name)
        except PackageUnreadable as error:
            raise LockError(error.reason, _place(package)) from error


def _place(package: Package) -> str:
    return f"{package.identity} in {package.repository}" if package.repository else package.identity


class Sources:
    """Makes the sources; ``several`` are the names of which there are several versions.

    ``files`` are those that repositories carry, by sha256; ``directories`` is the source of each package, by
    ``name.version``.
    """

    def __init__(
        self,
        platforms: Sequence[Platform],
        several: Collection[str],
        metadata: Metadata,
        pin_commit: Callable[[str], str],
    ) -> None:
        self.platforms = platforms
        self.several = several
        self.metadata = metadata
        self.pin_commit = pin_commit
        self.files: dict[str, bytes] = {}
        self.directories: dict[str, str] = {}

    def make(self, vendored: Sequence[Choice]) -> tuple[LockedSource, ...]:
        """Every archive, commit or part of one to vendor, sorted by directory.

        A package of which there are several versions has a source of its own for each, which only the targets
        of that version see.

        Raises:
            LockError: packages that share a source contradict one another about it.
        """
        archives = group_by_archive(choice.candidate.package for choice in vendored)
        groups: dict[tuple[int, str | None, tuple[str, ...]], list[Choice]] = {}
        for choice in vendored:
            package = choice.candidate.package
            subpath = None if package.source is None else package.source.subpath
            groups.setdefault((archives[id(package)], subpath, self._apart(choice)), []).append(choice)
        directories = _distinct_directories([group[0].candidate.package for group in groups.values()])
        first = min(target for platform in self.platforms for target in platform.targets)
        sources: list[LockedSource] = []
        for directory, ((_, _, targets), group) in zip(directories, groups.items(), strict=True):
            # dune does not look into a folder that begins with a dot
            place = f".{directory}" if targets and first not in targets else directory
            sources.append(replace(self._source(place, group), targets=targets))
            self.directories |= {choice.candidate.package.identity: place for choice in group}
        return tuple(sorted(sources, key=lambda source: source.directory))

    def _apart(self, choice: Choice) -> tuple[str, ...]:
        """The targets of a package of which other targets have another version; empty for any other."""
        if choice.candidate.name not in self.several:
            return ()
        return tuple(sorted(t for number in choice.platforms for t in self.platforms[number].targets))

    def _source(self, directory: str, group: Sequence[Choice]) -> LockedSource:
        packages = [choice.candidate.package for choice in group]
        origins = [package.source for package in packages if package.source is not None]
        url = origins[0].url
        mirrors = [place for origin in origins for place in (origin.url, *origin.mirrors) if place != url]
        in_git = git_location(url) is not None
        preparations = [(choice, self.metadata.preparation(choice.candidate.package)) for choice in group]
        checksums = () if in_git else _agreed_checksums(packages, origins)
        return LockedSource(
            directory=directory,
            url=url,
            packages=tuple(package.name for package in packages),
            mirrors=tuple(dict.fromkeys(mirrors)),
            checksums=checksums,
            unverified=not in_git and not checksums,
            commit=self._commit(packages[0], url) if in_git else None,
            subpath=origins[0].subpath,
            extra_sources=_one_of_each_name(
                packages,
                (
                    ExtraSource(name, extra.url, extra.mirrors, extra.checksums)
                    for _, preparation in preparations
                    for name, extra in preparation.extra_sources
                ),
            ),
            extra_files=_one_of_each_name(
                packages,
                (
                    self._extra_file(choice.candidate.package, name, checksums)
                    for choice, preparation in preparations
                    for name, checksums in preparation.extra_files
                ),
            ),
            patches=tuple(
                dict.fromkeys(
                    name
                    for choice, preparation in preparations
                    for name, condition in preparation.patches
                    if self._applies(choice, condition, name)
                )
            ),
            substitutions=tuple(
                Substitution(name, self._substitution_variables(choice))
                for choice, preparation in preparations
                for name in preparation.substs
            ),
        )

    def _commit(self, package: Package, url: str) -> str:
        try:
            return self.pin_commit(url)
        except MonoError as error:
            raise told_of("its source", _place(package), error) from error

    def _extra_file(self, package: Package, name: str, checksums: Sequence[str]) -> ExtraFile:
        content = self.metadata.extra_file(package, name)
        for checksum in checksums:
            algorithm, _, expected = checksum.partition("=")
            actual = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
            if actual != expected:
                raise LockError(
                    f"files/{name} is not what the opam file says: {algorithm} {actual}, not {expected}",
                    _place(package),
                    "the repository is damaged or was changed; tell its maintainers",
                )
        digest = hashlib.sha256(content).hexdigest()
        self.files[digest] = content
        return ExtraFile(name, digest)

    def _variables(self, choice: Choice) -> list[dict[str, Value]]:
        """The environment of a package on each platform where it is used."""
        package = choice.candidate.package
        return [
            own_variables(self.platforms[number].variables, package.name, package.version)
            for number in choice.platforms
        ]

    def _applies(self, choice: Choice, condition: Condition | None, patch: str) -> bool:
        verdicts = {holds(condition, variables) for variables in self._variables(choice)}
        if len(verdicts) > 1:
            raise LockError(
                f"patch {patch} applies to some of the targets and not to others, but all share one source",
                choice.candidate.package.identity,
                "lock these targets in projects of their own",
            )
        return True in verdicts

    def _substitution_variables(self, choice: Choice) -> tuple[tuple[str, Value], ...]:
        """What all platforms agree on: there is one source for all of them."""
        first, *others = self._variables(choice)
        return tuple(
            sorted(
                (name, value)
                for name, value in first.items()
                if all(other.get(name) == value for other in others)
            )
        )


def _distinct_directories(packages: Sequence[Package]) -> Iterator[str]:
    """A directory for the source that each package is the first of.

    Sources that wish for one directory are told apart by that package, or by its version where they are
    several versions of one; no two differ by case alone.
    """
    wishes = [directory_name(package) for package in packages]
    wanted_by = Counter(wish.lower() for wish in wishes)
    versions = Counter(package.name for package in packages)
    taken = {wish.lower() for wish in wishes if wanted_by[wish.lower()] == 1}
    for wish, package in zip(wishes, packages, strict=True):
        directory = wish
        if wanted_by[wish.lower()] > 1:
            directory = (
                f"{wish}-{package.name}" if versions[package.name] == 1 else f"{wish}.{package.version}"
            )
            while directory.lower() in taken:
                directory += "+"
            taken.add(directory.lower())
        yield directory


def directory_name(package: Package) -> str:
    """The folder that a package's source would like below duniverse/.

    As opam-monorepo names it: the last part of the dev-repo, up to its first dot; ``duniverse/dune`` is a
    file, so dune itself goes to ``dune_``. Without a dev-repo it is the package's name.
    """
    last = normalised_dev_repo(package.dev_repo).rpartition("/")[2] if package.dev_repo else package.name
    name = last.lstrip(".").partition(".")[0]
    if not re.fullmatch(r"[A-Za-z0-9+-][A-Za-z0-9_+-]*", name):
        # dune does not look into folders that begin with _ or .
        name = package.name.lstrip("_.") or "package"
    return "dune_" if name == "dune" else name


def _agreed_checksums(packages: Sequence[Package], origins: Sequence[Source]) -> tuple[str, ...]:
    checksums = sorted({checksum for origin in origins for checksum in origin.checksums})
    algorithms = Counter(checksum.partition("=")[0] for checksum in checksums)
    for algorithm, count in algorithms.items():
        if count > 1:
            raise LockError(
                f"these packages share an archive, but name different {algorithm} checksums of it",
                ", ".join(package.identity for package in packages),
                "the metadata of one of them is wrong; tell its maintainers",
            )
    return tuple(checksums)


def _one_of_each_name(packages: Sequence[Package], files: Iterator[File]) -> tuple[File, ...]:
    """The files without repetition; two different ones of one name cannot both be had."""
    by_name: dict[str, File] = {}
    for file in files:
        if by_name.setdefault(file.file, file) != file:
            raise LockError(
                f"these packages share an archive, but each adds another {file.file} to it",
                ", ".join(package.identity for package in packages),
                "constrain the project to versions of them that agree",
            )
    return tuple(by_name.values())
