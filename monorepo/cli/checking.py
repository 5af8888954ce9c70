"""What `mono lock --check` finds: the verdict and its cause first, then what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from monorepo.cli.causes import cause_lines
from monorepo.cli.formulas import plain
from monorepo.cli.output import fold, story_width
from monorepo.cli.summary import change_lines
from monorepo.cli.words import ReportedError
from monorepo.errors import LockError
from monorepo.lock.causes import Because, Causes
from monorepo.lock.difference import Difference, difference
from monorepo.lock.format import FILE, FILES_FOLDER
from monorepo.lock.model import Kind, Lock, LockedPackage
from monorepo.locking import CheckReport
from solver.formula import as_text

_SHOWN = 8


def check_failure(report: CheckReport, *, verbose: bool) -> ReportedError:
    """What is wrong with a lock that is not good; whatever is a mere consequence is told in short."""
    changes, causes = difference(report.lock, report.fresh), Causes(report.lock, report.fresh)
    edits, moved = list(_edits(report, changes, causes)), list(_moved(changes, causes))
    broken = [str(violation) for violation in report.violations]
    broken += [f"{FILES_FOLDER}/{name} is missing or damaged" for name in report.damaged]
    differences = [click.unstyle(line) for line in change_lines(changes)]
    most = None if verbose else _SHOWN
    details = [*_listed("", [*edits, *moved], most)]
    if verbose or not details:
        details += _listed("as it stands the lock is wrong:", broken, most)
    told = list(change_lines(changes, causes if verbose else None, brief=not verbose))
    details += _listed("mono lock would change:", told or differences, most)
    data = {
        "fresh": report.lock == report.fresh,
        "certified": not broken,
        "edits": edits + moved,
        "differences": differences + broken,
    }
    lines = [part for line in details for part in fold(line, story_width(2) - 2)]
    error = LockError(_verdict(report, edits, moved), FILE, "run mono lock", tuple(lines))
    return ReportedError(error, data)


def _verdict(report: CheckReport, edits: Sequence[str], moved: Sequence[str]) -> str:
    if edits:
        return "the project was changed after it was locked"
    if moved:
        return "opam files of repositories were changed after the project was locked"
    return (
        "the lock is damaged" if report.lock == report.fresh else "the lock is not what would be locked now"
    )


def _listed(heading: str, lines: Sequence[str], most: int | None) -> Iterator[str]:
    """The first lines below their heading, and how many more there are."""
    if not lines:
        return
    margin = "  " if heading else ""
    if heading:
        yield heading
    yield from (margin + line for line in lines[:most])
    if most is not None and len(lines) > most:
        yield f"{margin}and {len(lines) - most} more, which mono -v lock --check tells"


def _edits(report: CheckReport, changes: Difference, causes: Causes) -> Iterator[str]:
    """What of the project is another than when the lock was written."""
    was, now = report.lock, report.fresh
    if was.inputs == now.inputs:
        return
    yield from _edited("root", was.roots, now.roots)
    yield from _edited("target", _targets(was), _targets(now))
    yield from _edited("constraint", map(plain, was.constraints), map(plain, now.constraints))
    yield from _edited("variable", _variables(was), _variables(now))
    yield from _edited("archive mirror", was.archive_mirrors, now.archive_mirrors)
    yield from _edited("repository", _repositories(was), _repositories(now))
    for before, after in changes.recorded:
        if after.kind is Kind.ROOT:
            yield from (f"{after.name}: {line}" for line in _metadata(causes, before, after))


def _moved(changes: Difference, causes: Causes) -> Iterator[str]:
    """What of the opam files of repositories is."""
    for before, after in changes.recorded:
        if after.kind is not Kind.ROOT and before.metadata != after.metadata:
            name = f"{after.name} {after.version}"
            yield from (f"{name}: {line}" for line in _metadata(causes, before, after))


def _metadata(causes: Causes, was: LockedPackage, now: LockedPackage) -> list[str]:
    return cause_lines(cause for cause in causes.of_recorded(was, now) if cause.because is Because.METADATA)


def _edited(thing: str, was: Iterable[str], now: Iterable[str]) -> Iterator[str]:
    old, new = list(was), list(now)
    yield from (f"- {thing} {word}" for word in old if word not in new)
    yield from (f"+ {thing} {word}" for word in new if word not in old)


def _targets(lock: Lock) -> list[str]:
    return [target.name for target in lock.targets]


def _variables(lock: Lock) -> list[str]:
    return [f"{name} = {as_text(value)}" for name, value in lock.variables]


def _repositories(lock: Lock) -> list[str]:
    return [f"{repository.name} {repository.url}" for repository in lock.repositories]
