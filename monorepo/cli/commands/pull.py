"""``mono pull``."""

from __future__ import annotations

import click

from monorepo.cli import wiring
from monorepo.cli.settings import Settings, settings_of


@click.command("pull", short_help="Fetch the locked sources into duniverse/.")
@click.option("--force", is_flag=True, help="Discard what was changed by hand in duniverse/.")
@click.option("--offline", is_flag=True, help="Take everything from the cache and this machine, or fail.")
@click.pass_context
def command(context: click.Context, force: bool, offline: bool) -> None:
    """Fetch every source of mono.lock, verify it, and put it into duniverse/, prepared to be built.

    The old duniverse stays until the new one is complete.
    """
    pull_sources(settings_of(context), force=force, offline=offline)


def pull_sources(settings: Settings, *, force: bool = False, offline: bool = False) -> None:
    """Pull, and tell what was done."""
    from monorepo.duniverse.pull import pull
    from monorepo.lock.reader import load_lock

    talk = settings.talk()
    lock = load_lock(settings.directory)
    with wiring.opened(settings.cache, talk) as (http, git), talk.progress() as progress:
        report = pull(
            lock,
            settings.directory,
            cache=settings.cache,
            http=http,
            git=git,
            progress=progress,
            force=force,
            offline=offline,
        )
    talk.say(str(report))
