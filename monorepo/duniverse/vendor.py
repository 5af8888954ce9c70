"""Makes duniverse/ what the lock says: what changed is made anew, and the whole takes its place at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from monorepo.cache.use import unusable
from monorepo.duniverse import DUNIVERSE
from monorepo.duniverse.files import has_list, make_lists
from monorepo.duniverse.nested import copies_to_hide, hidden_in, is_as_locked
from monorepo.duniverse.placing import LinkMode
from monorepo.duniverse.standing import OWN_FILES, Standing, own_files_changed, standing, strangers
from monorepo.duniverse.state import STATE, Vendored, read_state, source_digest, state_text
from monorepo.duniverse.swap import begin, finish, unwritable
from monorepo.duniverse.trees import TreeCache
from monorepo.errors import DuniverseError, FetchError, MonoError, raise_together
from monorepo.fetch.arrivals import Arrived, Fetched
from monorepo.fetch.checksums import Checksum
from monorepo.fetch.places import packages_and
from monorepo.fetch.progress import Progress
from monorepo.fetch.tree import safe_path, settle
from monorepo.lock.format import FILES_FOLDER
from monorepo.lock.model import Lock, LockedSource
from monorepo.ports import Git, Workers

if TYPE_CHECKING:
    from concurrent.futures import Future

Check = Callable[[Path, Mapping[str, Vendored]], None]
"""Raises where the sources in a folder, of which these are the notes, cannot be built side by side."""


Bring = Callable[[Sequence[LockedSource], Arrived], Fetched]
"""Fetches sources, and hands each on as soon as all that it needs is there."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a pull works with: mono's cache, and how to place what it has; ``held`` is the project's lock."""

    cache: Path
    link_mode: LinkMode | None
    git: Git
    workers: Workers
    held: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class Vendoring:
    """What is in the new duniverse, and what had to be fetched for it."""

    directories: Mapping[str, Vendored]
    fetched: Fetched


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pull has to do: sources to prepare, directories to take over, directories that go."""

    fresh: tuple[LockedSource, ...]
    kept: Mapping[str, Vendored]
    removed: tuple[str, ...]
    nothing: bool  # duniverse/ is what it should be already


def plan(lock: Lock, project: Path, *, force: bool = False) -> Plan:
    """Compare duniverse/ with the lock; reads files only where sizes or times are not as they were left.

    Raises:
        DuniverseError: something in duniverse/ was changed or added by hand (unless ``force``: then it
            will be replaced), it is no folder, or the lock names an impossible directory.
    """
    sources = {source.directory: source for source in lock.sources}
    _refuse_clashes(lock.sources)
    duniverse = project / DUNIVERSE
    _refuse_what_is_no_folder(duniverse)
    state = _state(duniverse, force=force)
    # What no checksum and no tree tells is asked for anew, until some pull has recorded it.
    known = {source.directory for source in lock.sources if source.tree or not source.unverified}
    standings = {name: standing(duniverse / name, vendored) for name, vendored in state.items()}
    if not force:
        _refuse_edits(duniverse, standings)
    for name, found in standings.items():
        if found is Standing.TOUCHED:
            settle(duniverse / name)
    kept = {
        name: vendored
        for name, vendored in state.items()
        if name in known and standings[name].is_intact and is_as_locked(vendored, lock, sources[name])
    }
    fresh = tuple(source for source in lock.sources if source.directory not in kept)
    removed = tuple(sorted(state.keys() - sources.keys()))
    complete = not fresh and not removed and duniverse.is_dir() and not strangers(duniverse, state)
    listed = all(has_list(duniverse, name) for name in kept)
    return Plan(fresh, kept, removed, complete and listed and not own_files_changed(duniverse))


def vendor(plan: Plan, lock: Lock, project: Path, means: Means, bring: Bring, check: Check) -> Vendoring:
    """Carry ``plan`` out: make the new tree aside, ``check`` it, then have it take the place of duniverse/.

    Args:
        bring: fetches what the cache of prepared trees has not.

    Raises:
        FetchError, DuniverseError: a source cannot be had or prepared, or ``check`` refuses; the old
            duniverse stays.
    """
    try:
        new = begin(project)
        try:
            vendoring = _fill(new, plan, project, means, bring)
            directories = _without_copies(new, plan, lock, vendoring.directories)
            check(new, directories)
            for name, text in {**OWN_FILES, STATE: state_text(directories)}.items():
                (new / name).write_text(text, encoding="utf-8", newline="")
                (new / name).chmod(0o644)
            finish(project)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    except OSError as error:
        raise unwritable("the new tree", project, error) from error
    return replace(vendoring, directories=directories)


def prepare_aside(
    sources: Sequence[LockedSource], project: Path, means: Means, bring: Bring
) -> Mapping[str, Vendored]:
    """Have ``sources`` prepared in the cache, and nowhere else; what each of them is, by directory.

    Raises:
        FetchError, DuniverseError: a source cannot be had or prepared.
    """
    from tempfile import TemporaryDirectory

    incoming = means.cache / "incoming"
    try:
        incoming.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="aside-", dir=incoming) as aside:
            alone = Plan(tuple(sources), {}, (), nothing=False)
            return _fill(Path(aside), alone, project, means, bring).directories
    except OSError as error:
        raise unusable(means.cache, error, DuniverseError) from error


def _fill(new: Path, plan: Plan, project: Path, means: Means, bring: Bring) -> Vendoring:
    from monorepo.duniverse.making import Maker  # here, so that processes that are forked have it

    make_lists(new)
    trees = TreeCache(means.cache)
    placing = trees.placing(means.link_mode, new)
    maker = Maker(new, project / DUNIVERSE, means.cache, project / FILES_FOLDER, placing, means.git)
    outcomes: dict[str, Future[Vendored | None]] = {}
    with means.workers.team(means.held) as team:
        # The processes are there before the first thread is, which a fork could not take over.
        for name, vendored in plan.kept.items():
            outcomes[name] = team.do(maker.keep, name, vendored)
        for source in plan.fresh:
            if trees.has(source):
                outcomes[source.directory] = team.do(maker.place, source)
        absent = [source for source in plan.fresh if _result(outcomes.get(source.directory)) is None]

        def arrived(source: LockedSource, archives: Mapping[tuple[Checksum, ...], Path]) -> None:
            outcomes[source.directory] = team.do(maker.make, source, archives)

        fetched = bring(absent, arrived) if absent else Fetched({})
        directories = _finished(outcomes, plan, means.progress)
    return Vendoring(directories, fetched)


def _finished(
    outcomes: Mapping[str, Future[Vendored | None]], plan: Plan, progress: Progress
) -> dict[str, Vendored]:
    """What became of every directory, once all are done; raises together what went wrong with any."""
    progress.started("preparing", len(plan.fresh))
    directories: dict[str, Vendored] = {}
    # One without a checksum is in the cache by what it was found to be, in the lock by its url.
    wanted = {source.directory: source_digest(source) for source in plan.fresh}
    errors: list[MonoError] = []
    for name in (*plan.kept, *(source.directory for source in plan.fresh)):
        try:
            vendored = outcomes[name].result()
        except MonoError as error:
            errors.append(error)
            continue
        assert vendored is not None  # what the cache had not was brought and made
        directories[name] = replace(vendored, source=wanted.get(name, vendored.source))
        if name not in plan.kept:
            progress.finished(name)
    raise_together("sources could not be prepared", errors)
    return directories


def _without_copies(
    new: Path, plan: Plan, lock: Lock, directories: Mapping[str, Vendored]
) -> Mapping[str, Vendored]:
    """Hide in what was placed what its sources vendor themselves and is locked from elsewhere."""
    hidden: dict[str, Vendored] = {}
    for source in plan.fresh:
        vendored = directories[source.directory]
        names = copies_to_hide(lock, source, vendored.shown.nested)
        if names:
            hidden[source.directory] = hidden_in(new, vendored, source, names)
    return {**directories, **hidden}


def _result(outcome: Future[Vendored | None] | None) -> Vendored | None:
    return outcome.result() if outcome else None


def _refuse_what_is_no_folder(duniverse: Path) -> None:
    """A file or a link of that name is somebody's, whatever is asked for."""
    if duniverse.is_symlink() or (duniverse.exists() and not duniverse.is_dir()):
        what = "a symbolic link" if duniverse.is_symlink() else "a file"
        raise DuniverseError(
            f"it is {what}, which is not mono's to replace", place=str(duniverse), hint="move it away"
        )


def _state(duniverse: Path, *, force: bool) -> Mapping[str, Vendored]:
    try:
        state = read_state(duniverse)
    except DuniverseError:
        if not force:
            raise
        return {}
    if state is None and not force and duniverse.is_dir() and any(duniverse.iterdir()):
        raise DuniverseError(
            "there is a duniverse that mono did not make",
            place=str(duniverse),
            hint="move it away, or pull with --force to replace it",
        )
    return state or {}


def _refuse_edits(duniverse: Path, standings: Mapping[str, Standing]) -> None:
    edited = sorted(
        name for name, found in standings.items() if not found.is_intact and found is not Standing.ABSENT
    )
    added = strangers(duniverse, standings)
    if not edited and not added:
        return
    names = ", ".join(f"{DUNIVERSE}/{name}" for name in (*edited, *added))
    raise DuniverseError(
        f"changed by hand since the last pull: {names}",
        place=str(duniverse),
        hint="mono pull --check names the files; keep the change elsewhere, then --force discards it here",
        details=(
            *(f"{DUNIVERSE}/{name} is not what mono wrote" for name in edited),
            *(f"{DUNIVERSE}/{name} was not put there by mono" for name in added),
        ),
    )


def _refuse_clashes(sources: Sequence[LockedSource]) -> None:
    seen: dict[str, LockedSource] = {}
    for source in sources:
        _refuse_bad_directory(source)
        other = seen.setdefault(source.directory.casefold(), source)
        if other is not source:
            raise DuniverseError(
                f"two sources share the directory {source.directory}: {other.url} and {source.url}",
                hint="lock again",
            )


def _refuse_bad_directory(source: LockedSource) -> None:
    """Raises DuniverseError unless the source's directory is a plain name that can stand in duniverse/.

    A dot may come before the name of one that only some targets see.
    """
    name = source.directory.removeprefix(".") if source.targets else source.directory
    try:
        plain = bool(name) and safe_path(name) == name and "/" not in name
    except FetchError:
        plain = False
    if not plain or name[0] in "._" or name in ("dune", "README.md"):
        raise DuniverseError(
            f"{source.directory!r} cannot be a directory of duniverse/",
            place=packages_and(source),
            hint="lock again",
        )
