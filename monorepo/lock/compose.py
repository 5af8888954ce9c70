"""The answer as a lock: every package with its kind and reason, every source pinned, nothing dropped."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from monorepo.errors import LockError
from monorepo.lock.model import (
    ExtraFile,
    ExtraSource,
    Kind,
    Lock,
    LockedPackage,
    LockedRepository,
    LockedSource,
    Substitution,
    SystemPackages,
)
from monorepo.lock.source_url import directory_name, git_location, refuse_unknown_scheme
from monorepo.pins import PinnedPackage
from monorepo.project import Project
from overlays.errors import PackageUnreadable
from overlays.opam_file import Preparation, read_preparation
from overlays.stack import RepositoryStack
from solver.archive import group_by_archive
from solver.formula import Condition, Value, holds
from solver.nature import Nature
from solver.package import Package
from solver.reduction import own_variables
from solver.replay import Graph
from solver.solution import Choice, Solution


@dataclass(frozen=True, slots=True)
class Composed:
    """A lock, and the files of repositories that are kept beside it, by sha256 (64 hex digits)."""

    lock: Lock
    files: Mapping[str, bytes]


def compose_lock(
    project: Project,
    solution: Solution,
    graph: Graph,
    stack: RepositoryStack,
    commits: Mapping[str, str],
    pins: Mapping[str, PinnedPackage],
    pin_commit: Callable[[str], str],
) -> Composed:
    """Write down the answer.

    Args:
        commits: of the git repositories of packages, by name.
        pins: the roots' own, by name of package.
        pin_commit: the commit for the url of a source in git.

    Raises:
        LockError: a source cannot be pinned, or its preparation differs between targets.
    """
    composer = _Composer(project, solution, graph, stack, pins, pin_commit)
    sources = tuple(composer.sources())
    directories = {name: source.directory for source in sources for name in source.packages}
    archive_mirrors = _archive_mirrors(project, stack)  # before content_hash, which covers what was read
    repositories = tuple(
        LockedRepository(setting.name, setting.url, commits.get(setting.name))
        if setting.name in commits
        else LockedRepository(setting.name, setting.url, content=repository.content_hash())
        for setting, repository in zip(project.repositories, stack.repositories, strict=True)
    )
    lock = Lock(
        project=project.name,
        inputs=inputs_digest(project, repositories),
        roots=tuple(root.name for root in project.roots),
        repositories=repositories,
        variables=project.variables,
        targets=project.targets,
        packages=tuple(composer.package(choice, directories) for choice in solution.choices),
        sources=sources,
        system_packages=tuple(composer.system_packages()),
        archive_mirrors=archive_mirrors,
    )
    return Composed(lock, composer.files)


def _archive_mirrors(project: Project, stack: RepositoryStack) -> tuple[str, ...]:
    """The project's own mirrors, then those that the repositories name in their ``repo`` files."""
    of_repositories = (
        mirror
        for setting, repository in zip(project.repositories, stack.repositories, strict=True)
        for mirror in repository.archive_mirrors(setting.url)
    )
    return tuple(dict.fromkeys((*project.archive_mirrors, *of_repositories)))


def inputs_digest(project: Project, repositories: Sequence[LockedRepository]) -> str:
    """``sha256:`` over what the project asks for and what the repositories were."""
    states = "".join(f"\n{r.name} {r.url} {r.commit or r.content}" for r in repositories)
    return f"sha256:{hashlib.sha256((project.digest + states).encode()).hexdigest()}"


class _Composer:
    def __init__(
        self,
        project: Project,
        solution: Solution,
        graph: Graph,
        stack: RepositoryStack,
        pins: Mapping[str, PinnedPackage],
        pin_commit: Callable[[str], str],
    ) -> None:
        self.project = project
        self.solution = solution
        self.graph = graph
        self.stack = stack
        self.pins = pins
        self.pin_commit = pin_commit
        self.files: dict[str, bytes] = {}
        self.kinds = {choice.candidate.name: self._kind(choice) for choice in solution.choices}

    def _kind(self, choice: Choice) -> tuple[Kind, str]:
        """What becomes of a package, and why."""
        candidate = choice.candidate
        match candidate.nature:
            case Nature.ROOT:
                return Kind.ROOT, "its opam file is in this project"
            case Nature.COMPILER:
                return Kind.COMPILER, "it is the compiler, or part of it"
            case Nature.BUILD_TOOL:
                return Kind.PROVIDED, "it is a build tool"
            case Nature.PROVIDED:
                return Kind.PROVIDED, "the project says that it is installed outside"
            case Nature.VIRTUAL:
                conf = "conf" in candidate.package.flags
                return Kind.VIRTUAL, "it checks for a system package" if conf else "it has nothing to build"
            case _ if candidate.name in self.graph.inside and candidate.name in self.pins:
                return Kind.VENDORED, "it is pinned, and builds with dune"
            case _ if candidate.name in self.graph.inside:
                return Kind.VENDORED, "it builds with dune"
            case _:
                return Kind.PROVIDED, f"only {self._parents(candidate.name)} needs it, installed outside"

    def _parents(self, name: str) -> str:
        return " and ".join(parent for parent, children in self.graph.edges.items() if name in children)

    def package(self, choice: Choice, directories: Mapping[str, str]) -> LockedPackage:
        package = choice.candidate.package
        kind, reason = self.kinds[package.name]
        platforms = self.project.request.platforms
        return LockedPackage(
            name=package.name,
            version=str(package.version),
            kind=kind,
            reason=reason,
            targets=tuple(sorted(t for number in choice.platforms for t in platforms[number].targets)),
            dependencies=self.graph.edges[package.name],
            repository=package.repository,
            metadata=package.metadata_hash,
            directory=directories.get(package.name),
            flags=tuple(sorted(package.flags)),
        )

    def sources(self) -> Iterator[LockedSource]:
        """Every archive and git commit to vendor, sorted by directory."""
        vendored = [
            choice
            for choice in self.solution.choices
            if self.kinds[choice.candidate.name][0] is Kind.VENDORED
        ]
        archives = group_by_archive(choice.candidate.package for choice in vendored)
        groups: dict[int, list[Choice]] = {}
        for choice in vendored:
            groups.setdefault(archives[id(choice.candidate.package)], []).append(choice)
        wishes = [directory_name(group[0].candidate.package) for group in groups.values()]
        wanted_by = Counter(wish.lower() for wish in wishes)
        sources = [
            # a folder for several repositories of one name is told apart by the first package in it
            self._source(wish if wanted_by[wish.lower()] == 1 else f"{wish}-{group[0].candidate.name}", group)
            for wish, group in zip(wishes, groups.values(), strict=True)
        ]
        yield from sorted(sources, key=lambda source: source.directory)

    def _source(self, directory: str, group: Sequence[Choice]) -> LockedSource:
        packages = [choice.candidate.package for choice in group]
        origins = [package.source for package in packages if package.source is not None]
        url = origins[0].url
        refuse_unknown_scheme(packages[0])
        mirrors = [place for origin in origins for place in (origin.url, *origin.mirrors) if place != url]
        checksums = tuple(sorted({checksum for origin in origins for checksum in origin.checksums}))
        commit = None
        if git_location(url) is not None:
            commit, checksums = self.pin_commit(url), ()
        elif not checksums:
            raise LockError(
                f"the source of {packages[0].identity} has no checksum, so nothing can verify it",
                url,
                "constrain the project to a version with a checksum, or use git at a commit",
            )
        preparations = [(choice, self._preparation(choice)) for choice in group]
        return LockedSource(
            directory=directory,
            url=url,
            packages=tuple(package.name for package in packages),
            mirrors=tuple(dict.fromkeys(mirrors)),
            checksums=checksums,
            commit=commit,
            subpath=origins[0].subpath,
            extra_sources=tuple(
                dict.fromkeys(
                    ExtraSource(name, extra.url, extra.mirrors, extra.checksums)
                    for _, preparation in preparations
                    for name, extra in preparation.extra_sources
                )
            ),
            extra_files=tuple(
                dict.fromkeys(
                    self._extra_file(choice.candidate.package, name, file_checksums)
                    for choice, preparation in preparations
                    for name, file_checksums in preparation.extra_files
                )
            ),
            patches=tuple(
                dict.fromkeys(
                    name
                    for choice, preparation in preparations
                    for name, condition in preparation.patches
                    if self._applies(choice, condition, f"patch {name}")
                )
            ),
            substitutions=tuple(
                Substitution(name, self._substitution_variables(choice))
                for choice, preparation in preparations
                for name in preparation.substs
            ),
        )

    def _preparation(self, choice: Choice) -> Preparation:
        package = choice.candidate.package
        pin = self.pins.get(package.name)
        if pin is not None:
            return read_preparation(pin.opam_file)
        return read_preparation(self.stack.opam_file(package.name, package.version))

    def _extra_file(self, package: Package, name: str, checksums: Sequence[str]) -> ExtraFile:
        try:
            content = self.stack.extra_file(package.name, package.version, name)
        except PackageUnreadable as error:
            raise LockError(error.reason, f"{package.identity} in {package.repository}") from error
        for checksum in checksums:
            algorithm, _, expected = checksum.partition("=")
            actual = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
            if actual != expected:
                raise LockError(
                    f"files/{name} is not what the opam file says: {algorithm} {actual}, not {expected}",
                    f"{package.identity} in {package.repository}",
                    "the repository is damaged or was changed; tell its maintainers",
                )
        digest = hashlib.sha256(content).hexdigest()
        self.files[digest] = content
        return ExtraFile(name, digest)

    def _variables(self, choice: Choice) -> list[dict[str, Value]]:
        """The environment of a package on each platform where it is used."""
        package = choice.candidate.package
        platforms = self.project.request.platforms
        return [
            own_variables(platforms[number].variables, package.name, package.version)
            for number in choice.platforms
        ]

    def _applies(self, choice: Choice, condition: Condition | None, what: str) -> bool:
        verdicts = {holds(condition, variables) for variables in self._variables(choice)}
        if len(verdicts) > 1:
            raise LockError(
                f"{what} applies to some of the targets and not to others, but all share one source",
                choice.candidate.package.identity,
                "lock these targets in projects of their own",
            )
        return True in verdicts

    def _substitution_variables(self, choice: Choice) -> tuple[tuple[str, Value], ...]:
        """What all platforms agree on."""
        first, *others = self._variables(choice)
        return tuple(
            sorted(
                (name, value)
                for name, value in first.items()
                if all(other.get(name) == value for other in others)
            )
        )

    def system_packages(self) -> Iterator[SystemPackages]:
        """What the opam files of the answer want of the system, filters as written."""
        wanted: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for choice in self.solution.choices:
            package = choice.candidate.package
            if choice.candidate.nature is Nature.ROOT:
                continue
            for names, _, text in self._preparation(choice).depexts:
                if names:
                    wanted.setdefault((text, tuple(sorted(names))), []).append(package.name)
        for (text, names), packages in sorted(wanted.items()):
            yield SystemPackages(text, names, tuple(packages))
