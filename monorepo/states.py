"""Which states of the project's git repositories are asked for: all as of a date, or one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from monorepo.document import nearest_hint
from monorepo.errors import RepositoryError
from monorepo.moments import moment_text
from monorepo.ports import Commit, Git
from monorepo.repository_url import RepositoryKind, RepositorySetting
from solver.values import dataclass


@dataclass(frozen=True, slots=True)
class States:
    """What the user asks for.

    Args:
        as_of: seconds since the epoch; no commit may be later.
        revisions: by name of repository, a commit, an abbreviation, a tag or a branch; wins over ``as_of``.
    """

    as_of: int | None = None
    revisions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChosenStates:
    """The commit of each repository for which one was asked; ``dated`` are those found by date.

    ``timeless`` are the names of those of which no older state can be had, though a date was given.
    """

    commits: Mapping[str, str]
    dated: Mapping[str, Commit]
    timeless: tuple[str, ...]


def choose_states(states: States, repositories: Sequence[RepositorySetting], git: Git) -> ChosenStates:
    """Find the commits that ``states`` asks for.

    Raises:
        RepositoryError: a repository is unknown, is not in git, has no such commit, or none so old.
    """
    settings = {setting.name: setting for setting in repositories}
    commits: dict[str, str] = {}
    for name, revision in states.revisions.items():
        setting = git_repository(name, settings)
        commits[name] = git.resolve(setting.location, revision)
    if states.as_of is None:
        return ChosenStates(commits, {}, ())
    in_git = [setting for setting in repositories if setting.kind is RepositoryKind.GIT]
    if not in_git:
        raise RepositoryError(
            "none of the project's repositories is in git, so none has an older state",
            hint='write the url of one as "git+https://…" in mono.toml',
        )
    dated: dict[str, Commit] = {}
    for setting in in_git:
        if setting.name not in commits:
            line = git.history(setting.location, setting.reference, after=states.as_of)
            dated[setting.name] = line[newest_until(states.as_of, line, setting.name)]
            commits[setting.name] = dated[setting.name].identifier
    timeless = tuple(name for name, setting in settings.items() if setting.kind is not RepositoryKind.GIT)
    return ChosenStates(commits, dated, timeless)


def git_repository(name: str, settings: Mapping[str, RepositorySetting]) -> RepositorySetting:
    """The repository of that name, which must be in git.

    Raises:
        RepositoryError: there is none of that name, or it is not in git.
    """
    if name not in settings:
        raise RepositoryError(f'the project has no repository "{name}"', hint=nearest_hint(name, settings))
    setting = settings[name]
    if setting.kind is not RepositoryKind.GIT:
        raise RepositoryError(
            f"it is {_A[setting.kind]} and has no commits to choose from",
            f'repository "{name}" ({setting.url})',
            'for one in git its url begins with "git+"',
        )
    return setting


def newest_until(moment: int, line: Sequence[Commit], name: str) -> int:
    """Where in ``line``, newest first, the newest commit not after ``moment`` stands.

    Raises:
        RepositoryError: all of repository ``name`` is later.
    """
    for position, commit in enumerate(line):
        if commit.time <= moment:
            return position
    raise RepositoryError(
        f"it had no commit yet at {moment_text(moment)}: the first is of {moment_text(line[-1].time)}",
        f'repository "{name}"',
        "choose a later date",
    )


_A = {RepositoryKind.ARCHIVE: "an archive", RepositoryKind.FOLDER: "a folder"}
