"""``mono lock``."""

from __future__ import annotations

import gc

import click

from monorepo.cli import wiring
from monorepo.cli.output import print_json
from monorepo.cli.settings import Settings, settings_of
from monorepo.errors import LockError


@click.command("lock", short_help="Choose a version of everything and write mono.lock.")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 0 if the lock is fresh and certified, else 1."
)
@click.option("--upgrade", is_flag=True, help="Choose all anew, from repositories as they are now.")
@click.option(
    "--update",
    metavar="PACKAGE...",
    multiple=True,
    help="Take the newest of these packages; others move only where they must.",
)
@click.option("--lowest", is_flag=True, help="Choose all anew: the lowest versions, not the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print what was locked, or what differs, as JSON.")
@click.argument("packages", nargs=-1, metavar="")
@click.pass_context
def command(
    context: click.Context,
    check: bool,
    upgrade: bool,
    update: tuple[str, ...],
    lowest: bool,
    as_json: bool,
    packages: tuple[str, ...],
) -> None:
    """Choose a version of every package the project needs and write mono.lock.

    Every locked version that can stay stays, and so does the recorded state of the repositories, unless an
    option says otherwise. The same inputs and the same old lock give the same lock, byte for byte.
    """
    if packages and not update:
        raise click.UsageError(f"what about {packages[0]}? mono lock --update {packages[0]}", context)
    chosen = [
        name
        for name, given in (
            ("--check", check),
            ("--upgrade", upgrade),
            ("--update", update),
        )
        if given
    ]
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(chosen)} exclude each other", context)
    if lowest and (check or update):
        raise click.UsageError(f"{chosen[0]} and --lowest exclude each other", context)
    settings = settings_of(context)
    if check:
        check_lock(settings, as_json)
    else:
        make_lock(settings, as_json, upgrade=upgrade, update=(*update, *packages), lowest=lowest)


def make_lock(
    settings: Settings,
    as_json: bool = False,
    *,
    upgrade: bool = False,
    update: tuple[str, ...] = (),
    lowest: bool = False,
) -> None:
    """Lock, and tell what changed. Most calls find nothing to do, and import nothing to do it with."""
    from monorepo.lock.freshness import Freshness

    talk = settings.talk()
    anew = upgrade or lowest or update
    if not anew and not as_json and Freshness(settings.directory, settings.cache).holds():
        talk.say("mono.lock is fresh")
        return

    from monorepo.cli.summary import apart_lines, change_lines, lock_summary, package_row, stopwatch
    from monorepo.lock.difference import difference
    from monorepo.locking import lock_project

    # A lock makes many values that live to its end: looking for cycles among them is in vain.
    gc.disable()
    with stopwatch() as seconds, wiring.http() as http:
        git = wiring.git(settings.cache)
        report = lock_project(
            settings.directory,
            cache=settings.cache,
            http=http,
            git=git,
            upgrade=upgrade,
            update=update,
            lowest=lowest,
        )
    if report.changed and report.before is not None:
        for line in change_lines(difference(report.before, report.lock)):
            talk.say(f"  {line}")
    for rejection in report.unreadable:
        talk.say(
            f"passed over {rejection.name} {rejection.version}, which cannot be read: {rejection.detail}"
        )
    for line in apart_lines(report.lock):
        talk.warn(line)
    talk.say(lock_summary(report.lock, seconds(), changed=report.changed))
    if as_json:
        rows = [package_row(package) for package in report.lock.packages]
        print_json({"changed": report.changed, "packages": rows})


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
