"""``mono outdated``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from monorepo.cli import wiring
from monorepo.cli.holding import holding_words
from monorepo.cli.needs import Places
from monorepo.cli.output import print_json, print_table
from monorepo.cli.settings import json_option, settings_of
from monorepo.outdated import Standing, outdated


@click.command("outdated", short_help="List what could be newer, and what holds it back.")
@click.option("--target", "targets", metavar="TARGET", multiple=True, help="Look at this target alone.")
@click.option("--all", "show_all", is_flag=True, help="List and explain all packages, not just direct ones.")
@click.option("--offline", is_flag=True, help="Take repositories as the lock records them.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if mono lock --upgrade would change something.")
@json_option("Print an array with every package.")
@click.pass_context
def command(
    context: click.Context,
    targets: tuple[str, ...],
    show_all: bool,
    offline: bool,
    exit_code: bool,
    as_json: bool,
) -> None:
    """List the packages of the lock that could be newer.

    "available" is what mono lock --upgrade would choose, from repositories as they are now; "newest" is the
    newest version there is, flagged ones (avoid-version, deprecated) apart, with the reason why it is not
    chosen. Without --all these are the packages that an opam file of the project names, and the compiler.
    """
    settings = settings_of(context)
    talk = settings.talk()
    with wiring.opened(settings.cache, settings.talk()) as (http, git):
        found = outdated(
            settings.directory,
            cache=settings.cache,
            http=http,
            git=git,
            targets=targets,
            explain_all=show_all or as_json,
            offline=offline,
        )
    if found.unreachable:
        talk.warn(f"repositories are taken as the lock records them: {found.unreachable}")
    late = [standing for standing in found.standings if standing.is_outdated]
    if as_json:
        print_json([_data(standing, found.places) for standing in found.standings])
    else:
        rows = [_row(standing, found.places) for standing in late if standing.direct or show_all]
        if rows:
            header = ("package", "locked", "available", "newest", "held back by")
            print_table(header, rows, styled=settings.styled(1))
        talk.say(_summary(late, len(rows)))
    if exit_code and any(standing.can_move for standing in late):
        context.exit(1)


def _row(standing: Standing, places: Places) -> tuple[str, ...]:
    package = standing.package
    return (
        package.name,
        package.version,
        _available(standing),
        str(standing.newest or ""),
        _held(standing, places),
    )


def _available(standing: Standing) -> str:
    return " ".join(map(str, standing.available)) or "-"


def _held(standing: Standing, places: Places) -> str:
    if not standing.available:
        return "nobody needs it any more"
    if standing.holding is None:
        return ""
    return holding_words(standing.holding, standing.package.name, places)


def _summary(late: Sequence[Standing], shown: int) -> str:
    if not late:
        return "everything is as new as can be"
    movable = sum(standing.can_move for standing in late)
    told = f"mono lock --upgrade would change {movable} of {len(late)} outdated packages"
    others = len(late) - shown
    return f"{told}; --all lists the other {others}" if others else told


def _data(standing: Standing, places: Places) -> dict[str, object]:
    holding = standing.holding
    return {
        "name": standing.package.name,
        "locked": standing.package.version,
        "targets": list(standing.package.used_for),
        "available": [version.text for version in standing.available],
        "newest": standing.newest.text if standing.newest is not None else None,
        "direct": standing.direct,
        "outdated": standing.is_outdated,
        "held": None
        if holding is None
        else {
            "version": holding.version.text,
            "because": holding.held.name.lower(),
            "text": holding_words(holding, standing.package.name, places),
        },
    }
