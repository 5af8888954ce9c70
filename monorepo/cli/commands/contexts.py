"""``mono contexts``."""

from __future__ import annotations

import click

from monorepo.cli.output import print_json
from monorepo.cli.settings import Settings, json_option, settings_of


@click.command("contexts", short_help="Write a build context for each target of the lock.")
@json_option("Print the folders as a JSON array.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Write contexts/TARGET/ for each target of mono.lock, and print those folders.

    A context is all that mono-build needs besides the sources.
    """
    folders = write_contexts(settings_of(context))
    if as_json:
        print_json(folders)
    else:
        for folder in folders:
            click.echo(folder)


def write_contexts(settings: Settings) -> list[str]:
    """Write the contexts; their folders, relative to the project."""
    from monorepo.contexts.emit import emit_contexts
    from monorepo.lock.reader import load_lock

    talk = settings.talk()
    folders = emit_contexts(load_lock(settings.directory), settings.directory, warn=talk.warn)
    talk.detail(f"{len(folders)} contexts are as the lock says")
    return [folder.relative_to(settings.directory).as_posix() for folder in folders]
