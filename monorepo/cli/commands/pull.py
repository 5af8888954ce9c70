"""``mono pull``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monorepo.cli import wiring
from monorepo.cli.settings import Settings, settings_of
from monorepo.errors import DuniverseError

if TYPE_CHECKING:
    from monorepo.duniverse.placing import LinkMode

LINK_MODES = ("reflink", "hardlink", "copy")


@click.command("pull", short_help="Fetch the locked sources into duniverse/.")
@click.option("--force", is_flag=True, help="Discard what was changed by hand in duniverse/.")
@click.option("--offline", is_flag=True, help="Take everything from the cache and this machine, or fail.")
@click.option(
    "--link-mode",
    type=click.Choice(LINK_MODES),
    help="How files get from the cache to duniverse/; the cheapest way there is if not said.",
)
@click.pass_context
def command(context: click.Context, force: bool, offline: bool, link_mode: str | None) -> None:
    """Fetch every source of mono.lock, verify it, and put it into duniverse/, prepared to be built.

    The old duniverse stays until the new one is complete.
    """
    pull_sources(settings_of(context), force=force, offline=offline, link_mode=link_mode)


def pull_sources(
    settings: Settings, *, force: bool = False, offline: bool = False, link_mode: str | None = None
) -> None:
    """Pull, and tell what was done."""
    from monorepo.duniverse.pull import pull
    from monorepo.lock.reader import load_lock

    talk = settings.talk()
    lock = load_lock(settings.directory)
    with wiring.http() as http, talk.progress() as progress:
        report = pull(
            lock,
            settings.directory,
            cache=settings.cache,
            http=http,
            git=wiring.git(settings.cache),
            workers=wiring.workers(),
            progress=progress,
            link_mode=_link_mode(link_mode, settings),
            force=force,
            offline=offline,
        )
    talk.say(str(report))


def _link_mode(said: str | None, settings: Settings) -> LinkMode | None:
    """The way to place files that an option or the environment asks for."""
    from monorepo.duniverse.placing import LinkMode

    asked = said or settings.environment.get("MONO_LINK_MODE") or None
    if asked is not None and asked not in LINK_MODES:
        known = ", ".join(LINK_MODES)
        raise DuniverseError(f"there is no link mode {asked!r}", "MONO_LINK_MODE", f"it may be {known}")
    return LinkMode(asked) if asked else None
