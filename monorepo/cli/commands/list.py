"""``mono list``."""

from __future__ import annotations

import click

from monorepo.cli.output import print_json, print_table
from monorepo.cli.settings import json_option, settings_of
from monorepo.cli.summary import package_row


@click.command("list", short_help="List the packages of the lock.")
@json_option("Print an array of objects.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List every package of mono.lock: its version, what becomes of it, for which targets and where."""
    from monorepo.lock.reader import load_lock

    settings = settings_of(context)
    lock = load_lock(settings.directory)
    if as_json:
        print_json([package_row(package) for package in lock.packages])
        return
    print_table(
        ("package", "version", "kind", "targets", "directory"),
        [
            (package.name, package.version, package.kind, " ".join(package.used_for), package.directory or "")
            for package in lock.packages
        ],
        styled=settings.styled(1),
    )
