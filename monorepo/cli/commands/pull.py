"""``mono pull``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from monorepo.cli import wiring
from monorepo.cli.formulas import series
from monorepo.cli.output import print_json
from monorepo.cli.settings import Settings, json_option, settings_of
from monorepo.cli.talk import Talk
from monorepo.cli.words import ReportedError
from monorepo.errors import DuniverseError

if TYPE_CHECKING:
    from monorepo.duniverse.placing import LinkMode

LINK_MODES = ("reflink", "hardlink", "copy")


@click.command("pull", short_help="Fetch the locked sources into duniverse/.")
@click.option("--force", is_flag=True, help="Discard what was changed by hand in duniverse/.")
@click.option("--offline", is_flag=True, help="Take everything from the cache and this machine, or fail.")
@click.option("--check", is_flag=True, help="Only tell what in duniverse/ is not as mono.lock says.")
@json_option("Print what was done, or what --check found, as JSON.")
@click.option(
    "--link-mode",
    type=click.Choice(LINK_MODES),
    help="How files get from the cache to duniverse/; the cheapest way there is if not said.",
)
@click.pass_context
def command(
    context: click.Context, force: bool, offline: bool, check: bool, as_json: bool, link_mode: str | None
) -> None:
    """Fetch every source of mono.lock, verify it, and put it into duniverse/, prepared to be built.

    The old duniverse stays until the new one is complete. A download that is cut off is gone on with the next
    time.
    """
    if check and force:
        raise click.UsageError("--check and --force exclude each other", context)
    if check:
        check_sources(settings_of(context), as_json=as_json)
    else:
        pull_sources(settings_of(context), force=force, offline=offline, link_mode=link_mode, as_json=as_json)


def check_sources(settings: Settings, *, as_json: bool = False) -> None:
    """Read all of duniverse/, and tell what is not as the lock says, and in which files."""
    from monorepo.cli.drift import drift_lines, drift_rows
    from monorepo.duniverse.drift import drifts
    from monorepo.lock.reader import load_lock

    lock = load_lock(settings.directory)
    found = drifts(lock, settings.directory)
    data = {"good": not found, "differences": drift_rows(found)}
    if found:
        for drift in () if as_json else found:
            for line in drift_lines(drift, whole=settings.verbose):
                click.echo(line)
        hint = "mono pull makes it so; with --force it discards what was changed by hand"
        raise ReportedError(DuniverseError("duniverse/ is not what mono.lock says", hint=hint), data)
    settings.talk().say("duniverse/ is what mono.lock says")
    if as_json:
        print_json(data)


def tell_recorded(trees: int, talk: Talk) -> None:
    """Say that mono.lock was written, as nobody expects that of a pull."""
    if trees:
        what = "the tree of 1 source" if trees == 1 else f"the trees of {trees} sources"
        talk.say(f"mono.lock records {what}, for later pulls to compare")


def pull_sources(
    settings: Settings,
    *,
    force: bool = False,
    offline: bool = False,
    link_mode: str | None = None,
    as_json: bool = False,
) -> None:
    """Pull, and tell what was done."""
    from monorepo.cli.pull_report import pull_row, pull_summary
    from monorepo.cli.stopwatch import stopwatch
    from monorepo.duniverse.pull import pull
    from monorepo.lock.reader import load_lock

    talk = settings.talk()
    with _interruption_told(talk), stopwatch() as seconds:
        lock = load_lock(settings.directory)
        with wiring.opened(settings.cache, talk) as (http, git), talk.progress() as progress:
            report = pull(
                lock,
                settings.directory,
                cache=settings.cache,
                http=http,
                git=git,
                workers=wiring.workers(),
                progress=progress,
                link_mode=_link_mode(link_mode, settings),
                force=force,
                offline=offline,
            )
    if as_json:
        print_json(pull_row(report, seconds()))
    talk.say(pull_summary(report, lock, seconds()))
    tell_recorded(report.recorded, talk)
    for directory, names in sorted(report.hidden.items()):
        copies = ", ".join(names)
        talk.detail(f"hidden in duniverse/{directory}, as locked from elsewhere: its own copies of {copies}")


@contextmanager
def _interruption_told(talk: Talk) -> Iterator[None]:
    """A user who stops it hears what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        talk.say("interrupted; what was fetched so far is kept, and the next pull goes on with it")
        raise click.Abort from None


def _link_mode(said: str | None, settings: Settings) -> LinkMode | None:
    """The way to place files that an option or the environment asks for."""
    from monorepo.duniverse.placing import LinkMode

    asked = said or settings.environment.get("MONO_LINK_MODE") or None
    if asked is not None and asked not in LINK_MODES:
        known = series(list(LINK_MODES), "or")
        raise DuniverseError(f"there is no link mode {asked!r}", "MONO_LINK_MODE", f"it may be {known}")
    return LinkMode(asked) if asked else None
