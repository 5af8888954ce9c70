"""``mono pull``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from monorepo.cli import wiring
from monorepo.cli.output import print_json
from monorepo.cli.settings import Settings, settings_of
from monorepo.cli.words import as_expected, error_row


@click.command("pull", short_help="Fetch the locked sources into duniverse/.")
@click.option("--force", is_flag=True, help="Discard what was changed by hand in duniverse/.")
@click.option("--offline", is_flag=True, help="Take everything from the cache and this machine, or fail.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done, or why it could not be, as JSON.")
@click.pass_context
def command(context: click.Context, force: bool, offline: bool, as_json: bool) -> None:
    """Fetch every source of mono.lock, verify it, and put it into duniverse/, prepared to be built.

    The old duniverse stays until the new one is complete. A download that is cut off is gone on with the next
    time.
    """
    pull_sources(settings_of(context), force=force, offline=offline, as_json=as_json)


def pull_sources(
    settings: Settings, *, force: bool = False, offline: bool = False, as_json: bool = False
) -> None:
    """Pull, and tell what was done."""
    from monorepo.cli.pull_report import pull_row, pull_summary
    from monorepo.cli.summary import stopwatch
    from monorepo.duniverse.pull import pull
    from monorepo.lock.reader import load_lock

    talk = settings.talk()
    with _failures_told(settings, as_json=as_json), stopwatch() as seconds:
        lock = load_lock(settings.directory)
        with wiring.http() as http, talk.progress() as progress:
            report = pull(
                lock,
                settings.directory,
                cache=settings.cache,
                http=http,
                git=wiring.git(settings.cache),
                progress=progress,
                force=force,
                offline=offline,
            )
    if as_json:
        print_json(pull_row(report, seconds()))
    talk.say(pull_summary(report, lock, seconds()))


@contextmanager
def _failures_told(settings: Settings, *, as_json: bool) -> Iterator[None]:
    """Give a script its one document on failure as well, and a user who stops it a word of what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        settings.talk().say("interrupted; what was fetched so far is kept, and the next pull goes on with it")
        raise click.Abort from None
    except Exception as error:
        expected = as_expected(error, settings.directory)
        if as_json and expected is not None:
            print_json(error_row(expected))
        raise
