"""``mono diff``."""

from __future__ import annotations

import click

from monorepo.cli import wiring
from monorepo.cli.output import print_json, print_line
from monorepo.cli.settings import json_option, settings_of


@click.command("diff", short_help="Tell what changed from one lock to another, and why.")
@click.argument("old", default="HEAD")
@click.argument("new", required=False)
@json_option("Print all changes with all their causes as JSON.")
@click.pass_context
def command(context: click.Context, old: str, new: str | None, as_json: bool) -> None:
    """Tell what changed from the lock OLD to the lock NEW, and the cause of each change.

    Each is a lock file or a revision of the project in git. Without them it is what changed since the last
    commit. The causes are found in the two locks alone.
    """
    from monorepo.cli.causes import change_rows
    from monorepo.cli.summary import change_lines, repository_change
    from monorepo.lock.causes import Causes
    from monorepo.lock.difference import difference
    from monorepo.lock.reader import load_lock
    from monorepo.lock.revision import lock_at

    settings = settings_of(context)
    git = wiring.git(settings.cache)
    before = lock_at(settings.directory, old, git)
    after = lock_at(settings.directory, new, git) if new is not None else load_lock(settings.directory)
    changes, causes = difference(before, after), Causes(before, after)
    if as_json:
        print_json(
            {
                "repositories": [repository_change(was, now, changes) for was, now in changes.repositories],
                "packages": list(change_rows(changes, causes)),
                "sources": list(changes.sources),
                "others": list(changes.others),
            }
        )
        return
    for line in change_lines(changes, causes):
        print_line(line, styled=settings.styled(1))
    if before == after:
        settings.talk().say("the two locks are equal")
