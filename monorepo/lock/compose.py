"""The answer as a lock: every package with its kind and reason, every source pinned, nothing dropped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from monorepo.lock.model import Kind, Lock, LockedPackage, LockedRepository, SystemPackages
from monorepo.lock.sources import Metadata, Sources
from monorepo.pins import PinnedPackage
from monorepo.project import Project
from overlays.notation import write, write_needs
from overlays.stack import RepositoryStack
from solver.formula import Dependency
from solver.nature import Nature
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
        LockError: packages that share a source contradict one another, or its preparation differs by target.
    """
    metadata = Metadata(project.root_files, pins, stack)
    composer = _Composer(project, solution, graph, metadata, pins.keys())
    source_maker = Sources(project.request.platforms, solution.several(), metadata, pin_commit)
    sources = source_maker.make(composer.vendored())
    directories = source_maker.directories
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
        software_heritage=project.software_heritage,
        asked=tuple(map(write, project.request.requires)),
        constraints=tuple(
            write(Dependency(bound.name, bound.condition)) for bound in project.request.restrictions
        ),
    )
    return Composed(lock, source_maker.files)


def compose_packages(
    project: Project,
    solution: Solution,
    graph: Graph,
    stack: RepositoryStack,
    pins: Mapping[str, PinnedPackage],
) -> tuple[LockedPackage, ...]:
    """The packages of an answer, without their sources and so without directories."""
    composer = _Composer(project, solution, graph, Metadata(project.root_files, pins, stack), pins.keys())
    return tuple(composer.package(choice, {}) for choice in solution.choices)


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
        metadata: Metadata,
        pins: Collection[str],
    ) -> None:
        self.project = project
        self.solution = solution
        self.graph = graph
        self.metadata = metadata
        self.pins = pins
        self.kinds = {choice.candidate.package.identity: self._kind(choice) for choice in solution.choices}

    def vendored(self) -> list[Choice]:
        """The choices whose sources go into the duniverse."""
        chosen = self.solution.choices
        return [c for c in chosen if self.kinds[c.candidate.package.identity][0] is Kind.VENDORED]

    def _kind(self, choice: Choice) -> tuple[Kind, str]:
        """What becomes of a package, and why."""
        candidate = choice.candidate
        inside = candidate.package.identity in self.graph.inside
        match candidate.nature:
            case Nature.ROOT:
                return Kind.ROOT, "its opam file is in this project"
            case Nature.COMPILER:
                return Kind.COMPILER, "it is the compiler, or part of it"
            case Nature.BUILD_TOOL:
                return Kind.PROVIDED, "it is a build tool"
            case Nature.PROVIDED:
                return Kind.PROVIDED, "the project says that it is installed outside"
            case Nature.VIRTUAL if "conf" in candidate.package.flags:
                return Kind.VIRTUAL, "it checks for a system package"
            case Nature.VIRTUAL:
                return Kind.VIRTUAL, "it has no source of its own"
            case _ if inside and candidate.name in self.pins:
                return Kind.VENDORED, "it is pinned, and builds with dune"
            case _ if inside:
                return Kind.VENDORED, "it builds with dune"
            case _:
                return Kind.PROVIDED, f"only {self._parents(candidate.name)} needs it, installed outside"

    def _parents(self, name: str) -> str:
        parents = (
            choice.candidate.name
            for choice in self.solution.choices
            if name in self.graph.edges[choice.candidate.package.identity]
        )
        return " and ".join(dict.fromkeys(parents))

    def package(self, choice: Choice, directories: Mapping[str, str]) -> LockedPackage:
        package = choice.candidate.package
        kind, reason = self.kinds[package.identity]
        role = self.graph.roles[package.identity]
        return LockedPackage(
            name=package.name,
            version=str(package.version),
            kind=kind,
            reason=reason,
            targets=self._targets(role.target),
            host_for=self._targets(role.host),
            dependencies=self.graph.edges[package.identity],
            repository=package.repository,
            port_of=self.metadata.port_of(package),
            metadata=package.metadata_hash,
            licences=self.metadata.preparation(package).licences,
            directory=directories.get(package.identity),
            flags=tuple(sorted(package.flags)),
            depends=write_needs(package.depends),
            conflicts=tuple(map(write, package.conflicts)),
            conflict_class=package.conflict_class,
            available="" if package.available is None else write(package.available),
        )

    def _targets(self, platforms: Sequence[int]) -> tuple[str, ...]:
        return tuple(
            sorted(t for number in platforms for t in self.project.request.platforms[number].targets)
        )

    def system_packages(self) -> Iterator[SystemPackages]:
        """What the opam files of the answer want of the system, filters as written."""
        wanted: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        for choice in self.solution.choices:
            package = choice.candidate.package
            for names, _, text in self.metadata.preparation(package).depexts:
                if names:
                    wanted.setdefault((text, tuple(sorted(names))), []).append(package.name)
        for (text, names), packages in sorted(wanted.items()):
            yield SystemPackages(text, names, tuple(packages))
