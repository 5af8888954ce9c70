"""What of an old lock stays in a new one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field, replace

from monorepo.document import nearest_hint
from monorepo.errors import LockError
from monorepo.lock.format import FILE
from monorepo.lock.model import Lock, LockedPackage, LockedRepository
from monorepo.lock.trees import Trees, trees_of
from monorepo.repository_url import RepositorySetting
from solver.request import Preferences
from solver.values import dataclass
from solver.version import Version


@dataclass(frozen=True, slots=True)
class Keeping:
    """What of an old lock is kept in a new one.

    Args:
        repositories: whose recorded state stays.
        versions: packages whose versions stay where they can, but for the names ``sought``, which are to be
            the newest.
        commits: of sources in git, which are not asked for again.
        lowest: the lowest versions are wished for, not the newest.
        trees: of the sources that stay as they are.
    """

    repositories: tuple[LockedRepository, ...] = ()
    versions: tuple[LockedPackage, ...] = ()
    sought: frozenset[str] = frozenset()
    commits: Mapping[str, str] = field(default_factory=dict)
    lowest: bool = False
    trees: Trees = field(default_factory=Trees)

    @property
    def preferences(self) -> Preferences:
        """The same, as the solver takes it."""
        kept: dict[str, set[Version]] = {}
        for package in self.versions:
            kept.setdefault(package.name, set()).add(Version.parse(package.version))
        return Preferences({n: frozenset(v) for n, v in kept.items()}, self.sought, self.lowest)


NOTHING_KEPT = Keeping()


def keep_all(lock: Lock) -> Keeping:
    """Everything stays that can: what `mono lock` does after an edit, and `mono lock --check`."""
    commits = {source.url: source.commit for source in lock.sources if source.commit}
    return Keeping(lock.repositories, lock.packages, commits=commits, trees=trees_of(lock))


def keep_all_but(lock: Lock, sought: Collection[str]) -> Keeping:
    """The packages ``sought`` move to the newest that repositories have now, others only where they must.

    What pulls recorded of the sources of ``sought`` is forgotten.

    Raises:
        LockError: a name is none of the lock's.
    """
    names = {package.name for package in lock.packages}
    for name in sought:
        if name not in names:
            raise LockError(f"{name} is not in the lock", FILE, nearest_hint(name, names))
    others = tuple(source for source in lock.sources if not set(sought).intersection(source.packages))
    commits = {source.url: source.commit for source in others if source.commit}
    trees = trees_of(replace(lock, sources=others))
    return Keeping((), lock.packages, frozenset(sought), commits, trees=trees)


def in_states(keeping: Keeping, settings: Sequence[RepositorySetting], commits: Mapping[str, str]) -> Keeping:
    """The same, but with these commits of git repositories, by name, as their recorded state."""
    others = (repository for repository in keeping.repositories if repository.name not in commits)
    chosen = (
        LockedRepository(setting.name, setting.url, commits[setting.name])
        for setting in settings
        if setting.name in commits
    )
    return replace(keeping, repositories=(*others, *chosen))
