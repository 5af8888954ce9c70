"""What a lock says and what became of it, in a few lines."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from monorepo.cli.formulas import few
from monorepo.cli.words import counted
from monorepo.lock.model import Kind, Lock, LockedPackage, LockedRepository

if TYPE_CHECKING:
    from monorepo.lock.causes import Cause, Causes
    from monorepo.lock.difference import Difference

_TOLD_ONE_BY_ONE = 3


def package_row(package: LockedPackage) -> dict[str, object]:
    """A package as ``--json`` shows it."""
    return {
        "name": package.name,
        "version": package.version,
        "kind": package.kind.value,
        "targets": list(package.targets),
        "host-for": list(package.host_for),
        "directory": package.directory,
        "repository": package.repository,
    }


def lock_summary(lock: Lock, seconds: float, *, changed: bool) -> str:
    """``locked 24 packages (18 vendored, …) for host in 0.4 s``."""
    kinds = Counter(package.kind for package in lock.packages)
    counts = ", ".join(f"{kinds[kind]} {kind.value}" for kind in Kind if kinds[kind])
    targets = ", ".join(target.name for target in lock.targets)
    done = "locked" if changed else "unchanged:"
    return f"{done} {counted(len(lock.packages), 'package')} ({counts}) for {targets} in {seconds:.1f} s"


def change_lines(
    difference: Difference, causes: Causes | None = None, *, brief: bool = False
) -> Iterator[str]:
    """One line for each repository, package and source that changed, and its causes where these are known.

    A ``brief`` account has the versions, what becomes of packages, and other states of repositories; not what
    else is recorded of them.
    """
    changed, added, removed = _colored("~", "yellow"), _colored("+", "green"), _colored("-", "red")
    lines = [
        f"{changed} repository {repository_change(was, now, difference)}"
        for was, now in difference.repositories
        if not (brief and was and was.is_folder and now and now.is_folder)
    ]
    for package in difference.added:
        lines.append(f"{added} {package.name} {package.version}")
        lines += _indented(causes.of_added(package) if causes else ())
    for package in difference.removed:
        lines.append(f"{removed} {package.name} {package.version}")
        lines += _indented(causes.of_removed(package) if causes else ())
    for was, now in difference.updated:
        lines.append(f"{changed} {now.name} {was.version} -> {now.version}")
        lines += _indented(causes.of_updated(was, now) if causes else ())
    if brief:
        kinds = ((was, now) for was, now in difference.recorded if was.kind is not now.kind)
        lines += [f"{changed} {now.name} {now.version}: {was.kind} -> {now.kind}" for was, now in kinds]
        yield from lines
        return
    lines += [f"{changed} {line}" for line in _recorded(difference, causes)]
    lines += [f"{changed} source of {directory}" for directory in difference.sources]
    yield from lines or (f"{changed} {part.replace('_', ' ')}" for part in difference.others)


def _indented(causes: Sequence[Cause]) -> list[str]:
    return [f"    {line}" for line in _told(causes)]


def _told(causes: Sequence[Cause]) -> list[str]:
    if not causes:
        return []
    from monorepo.cli.causes import cause_lines  # with the formulas that causes are told in

    return cause_lines(causes)


def _recorded(difference: Difference, causes: Causes | None) -> Iterator[str]:
    """What is otherwise the same is told together: a target more concerns every package."""
    by_change: dict[str, list[LockedPackage]] = {}
    for was, now in difference.recorded:
        told = _told(causes.of_recorded(was, now)) if causes is not None else []
        by_change.setdefault("; ".join(told) or _what_changed(was, now), []).append(now)
    for change, packages in by_change.items():
        if len(packages) > _TOLD_ONE_BY_ONE:
            yield f"{counted(len(packages), 'package')}: {change}"
        else:
            yield from (f"{package.name} {package.version}: {change}" for package in packages)


def repository_change(
    was: LockedRepository | None, now: LockedRepository | None, difference: Difference
) -> str:
    """``opam 97014be0a1b2 -> abcdef012345``: what became of a repository; one of the two is there.

    The hash of a folder covers what was read of it, so there it is told of which packages that is.
    """
    if now is None:
        assert was is not None  # one of the two is there
        return f"{was.name} is gone"
    if was is None:
        return f"{now.name} is new, at {_state(now)}"
    if was.url != now.url:
        return f"{now.name} {was.url} -> {now.url}"
    if now.is_folder:
        packages = difference.packages_of(now.name)
        whose = f"of {few(packages)}" if packages else "none of a locked package"
        return f"{now.name}: other opam files were read of it, {whose}"
    return f"{now.name} {_state(was)} -> {_state(now)}"


def _state(repository: LockedRepository) -> str:
    return (repository.commit or (repository.content or "").removeprefix("sha256:"))[:12]


def _what_changed(before: LockedPackage, after: LockedPackage) -> str:
    if before.kind is not after.kind:
        return f"{before.kind} -> {after.kind}"
    fields = [field.name for field in dataclasses.fields(LockedPackage)]
    changed = [field for field in fields if getattr(before, field) != getattr(after, field)]
    return f"other {' and '.join(changed).replace('_', '-')}"


def _colored(sign: str, color: str) -> str:
    return click.style(sign, fg=color)
