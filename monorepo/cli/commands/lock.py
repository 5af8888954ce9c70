"""``mono lock``."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from monorepo.cli import wiring
from monorepo.cli.output import print_json
from monorepo.cli.settings import Settings, settings_of
from monorepo.errors import LockError, UnsolvableError

if TYPE_CHECKING:
    from monorepo.locking import LockReport
    from monorepo.ports import Git, Http


@click.command("lock", short_help="Choose a version of everything and write mono.lock.")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 0 if the lock is fresh and certified, else 1."
)
@click.option("--upgrade", is_flag=True, help="Ask repositories for their newest state first.")
@click.option(
    "--apply",
    "number",
    type=int,
    metavar="N",
    help="Make change N of those that a failed lock offered, and lock.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was locked, or what differs, as JSON.")
@click.pass_context
def command(context: click.Context, check: bool, upgrade: bool, number: int | None, as_json: bool) -> None:
    """Choose a version of every package the project needs and write mono.lock.

    What the lock already says of its repositories is kept, unless --upgrade is given. The same inputs give
    the same lock, byte for byte.
    """
    if check and upgrade:
        raise click.UsageError("--check and --upgrade exclude each other", context)
    if check and number is not None:
        raise click.UsageError("--check and --apply exclude each other", context)
    settings = settings_of(context)
    with _told_as_json(settings, as_json):
        if check:
            check_lock(settings, as_json)
        else:
            make_lock(settings, upgrade, as_json, number)


@contextmanager
def _told_as_json(settings: Settings, as_json: bool) -> Iterator[None]:
    """Where there is no answer, a script gets the reasons as well."""
    try:
        yield
    except UnsolvableError as error:
        from monorepo.lock.answer import NoAnswerError

        if as_json and isinstance(error, NoAnswerError):
            from monorepo.cli.explanation import as_data

            print_json(as_data(error, settings.directory))
        raise


def make_lock(
    settings: Settings, upgrade: bool = False, as_json: bool = False, number: int | None = None
) -> None:
    """Lock, after repair ``number`` where there is one, and tell what changed.

    Most calls find nothing to do, and import nothing to do it with.
    """
    from monorepo.lock.freshness import Freshness

    talk = settings.talk()
    if (
        not upgrade
        and not as_json
        and number is None
        and Freshness(settings.directory, settings.cache).holds()
    ):
        talk.say("mono.lock is fresh")
        return

    from monorepo.cli.summary import change_lines, lock_summary, package_row, stopwatch
    from monorepo.lock.difference import difference
    from monorepo.locking import lock_project

    # A lock makes many values that live to its end: looking for cycles among them is in vain.
    gc.disable()
    with stopwatch() as seconds, wiring.http() as http:
        git = wiring.git(settings.cache)
        if number is None:
            report = lock_project(
                settings.directory, cache=settings.cache, http=http, git=git, upgrade=upgrade
            )
        else:
            report = _repaired(settings, number, http, git, upgrade=upgrade)
    if report.changed and report.before is not None:
        for line in change_lines(difference(report.before, report.lock)):
            talk.say(f"  {line}")
    for rejection in report.unreadable:
        talk.say(
            f"passed over {rejection.name} {rejection.version}, which cannot be read: {rejection.detail}"
        )
    talk.say(lock_summary(report.lock, seconds(), changed=report.changed))
    if as_json:
        rows = [package_row(package) for package in report.lock.packages]
        print_json({"changed": report.changed, "packages": rows})


def _repaired(settings: Settings, number: int, http: Http, git: Git, *, upgrade: bool) -> LockReport:
    from monorepo.cli.repairs import in_words
    from monorepo.repairing import apply_repair

    repaired = apply_repair(
        settings.directory, number, cache=settings.cache, http=http, git=git, upgrade=upgrade
    )
    talk = settings.talk()
    for edit in repaired.repair.edits:
        talk.say(f"done: {in_words(edit)}")
    return repaired.lock


def check_lock(settings: Settings, as_json: bool) -> None:
    """Compare the lock with what would be locked now."""
    from monorepo import locking
    from monorepo.cli.summary import change_lines
    from monorepo.lock.difference import difference

    with wiring.http() as http:
        git = wiring.git(settings.cache)
        report = locking.check_lock(settings.directory, cache=settings.cache, http=http, git=git)
    changes = [click.unstyle(line) for line in change_lines(difference(report.lock, report.fresh))]
    if not changes and report.lock != report.fresh:
        changes = ["the order of what it holds is another"]
    broken = [str(violation) for violation in report.violations]
    broken += [f"mono.lock.files/{name} is missing or damaged" for name in report.damaged]
    if as_json:
        print_json({"fresh": not changes, "certified": not broken, "differences": changes + broken})
    else:
        for line in (*changes, *broken):
            click.echo(line)
    if not report.good:
        raise LockError("the lock is not what would be locked now", "mono.lock", "run mono lock")
    settings.talk().say("mono.lock is fresh and certified")
