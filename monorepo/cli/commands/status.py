"""``mono status``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from monorepo.cli.drift import drift_line, drift_rows
from monorepo.cli.output import print_json
from monorepo.cli.settings import json_option, settings_of
from monorepo.cli.words import counted
from monorepo.status import State, Status, status


@click.command("status", short_help="Tell whether lock, duniverse and contexts are up to date.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 unless all is well.")
@json_option("Print a JSON object.")
@click.pass_context
def command(context: click.Context, exit_code: bool, as_json: bool) -> None:
    """Tell whether mono.lock, duniverse/ and contexts/ are what the project asks for.

    Nothing is solved, fetched or written. Files are read only where size or time changed: mono pull --check
    reads all of them, and names those that differ.
    """
    settings = settings_of(context)
    found = status(settings.directory, settings.cache)
    if as_json:
        print_json(_data(found))
    else:
        for line in _lines(found):
            click.echo(line)
    if exit_code and not found.good:
        context.exit(1)


def _lines(found: Status) -> Iterator[str]:
    sources = counted(found.sources, "source")
    unseen = f" (not compared: {', '.join(found.unseen)}; mono lock does)" if found.unseen else ""
    if found.good:
        made = [name for name, state in (found.contexts or {}).items() if state is State.GOOD]
        contexts = f", contexts are up to date ({', '.join(made)})" if made else ", no contexts yet"
        yield f"mono.lock is fresh{unseen}, duniverse/ is as locked ({sources}){contexts}"
        return
    match found.lock:
        case State.ABSENT:
            yield "mono.lock is missing: run mono lock"
            return
        case State.BROKEN:
            yield from (f"mono.lock cannot be read: {reason}" for reason in found.why)
            return
        case State.STALE:
            yield from (f"mono.lock is stale: {reason}" for reason in found.why)
        case _:
            yield f"mono.lock is fresh{unseen}"
    match found.duniverse:
        case State.GOOD:
            yield f"duniverse/ is as locked ({sources})"
        case State.ABSENT:
            yield "duniverse/ is missing: run mono pull"
        case State.BROKEN:
            yield f"duniverse/ is not known: {found.problem}"
        case _:
            yield from map(drift_line, found.drifts)
    for name, state in (found.contexts or {}).items():
        yield f"contexts/{name} is {'up to date' if state is State.GOOD else state}"


def _data(found: Status) -> dict[str, object]:
    return {
        "good": found.good,
        "lock": {"state": found.lock.name.lower(), "why": found.why, "not-compared": found.unseen},
        "duniverse": {
            "state": found.duniverse.name.lower(),
            "problem": found.problem,
            "differences": drift_rows(found.drifts),
        },
        "contexts": {name: state.name.lower() for name, state in (found.contexts or {}).items()},
    }
