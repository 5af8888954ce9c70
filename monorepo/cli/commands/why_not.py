"""``mono why-not``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import click

from monorepo.cli import wiring
from monorepo.cli.explanation import derivation, sentences
from monorepo.cli.formulas import plain
from monorepo.cli.output import print_json, print_line, story_width
from monorepo.cli.settings import json_option, settings_of
from monorepo.why_not import Because, Cause, Change, WhyNot, asked_in, why_not
from overlays.notation import write
from solver.formula import Constraint, Dependency, Text
from solver.version import Version


@click.command("why-not", short_help="Tell what keeps a package or version out of the lock.")
@click.argument("package", metavar="PACKAGE[.VERSION]")
@json_option("Print the answer as JSON.")
@click.pass_context
def command(context: click.Context, package: str, as_json: bool) -> None:
    """Tell why PACKAGE is not in the lock, or not in VERSION, and what would change with it.

    The project is solved with it, everything else kept as it is locked; nothing is written. Bounds can be
    asked for too: 'lwt {>= 5.9}'.
    """
    settings = settings_of(context)
    if "" in package.strip().split(".", 1):
        raise click.UsageError(f'"{package}" names no package, or no version behind its dot', context)
    asked = asked_in(package)
    with wiring.opened(settings.cache, settings.talk()) as (http, git):
        told = why_not(settings.directory, asked, cache=settings.cache, http=http, git=git)
    if as_json:
        print_json(_row(told))
        return
    for line in _lines(told):
        print_line(line, styled=settings.styled(1))


def _lines(told: WhyNot) -> Iterator[str]:
    asked = _asked(told.asked)
    if told.locked:
        for package in told.locked:
            yield f"{package.name} {package.version} is in the lock: mono why {package.name} tells why"
    elif told.impossible is not None:
        yield f"{asked} cannot be had:"
        yield from (f"  {line}" for line in derivation(told.impossible, columns=story_width(1)))
    else:
        where = f" on {', '.join(told.targets)} alone" if told.targets else ""
        yield f"{asked} can be had{where}, and this would change:"
        yield from (f"  {_change(change)}" for change in told.changes)
        yield from (_cause(told, cause) for cause in told.causes)


def _asked(asked: Dependency) -> str:
    match asked.condition:
        case Constraint("=", Text(version)):
            return f"{asked.name} {version}"
        case _:
            return plain(write(asked))


def _change(change: Change) -> str:
    was, now = change
    if was is None:
        assert now is not None  # one of the two is there
        return f"{click.style('+', fg='green')} {now.name} {now.version}"
    if now is None:
        return f"{click.style('-', fg='red')} {was.name} {was.version}"
    return f"{click.style('~', fg='yellow')} {now.name} {was.version} -> {now.version}"


def _cause(told: WhyNot, cause: Cause) -> str:
    name, versions = told.asked.name, _versions(cause.versions)
    match cause.because:
        case Because.NOT_NEEDED:
            return f"nothing that is locked needs {name}: an opam file of the project can name it"
        case Because.KEPT:
            return f"the lock keeps {name} {versions}: mono lock --update {name} takes {_new(told)}"
        case Because.AVOIDED:
            return (
                f"mono lock --upgrade takes {name} {versions}: {_new(told)} is one to avoid, say its authors"
            )
        case Because.NEWER:
            return f"mono lock --upgrade takes {name} {versions}, which is newer"
        case Because.APART:
            return f"mono lock --upgrade takes {name} {versions}: one version for all targets comes first"
        case Because.SETS_BACK:
            back = ", ".join(
                f"{now.name} back from {was.version} to {now.version}"
                for was, now in cause.back
                if was is not None and now is not None
            )
            why = f"{_new(told)} would move {back}" if back else "the answer as a whole is newer with that"
            return f"mono lock --upgrade takes {name} {versions}: {why}"


def _new(told: WhyNot) -> str:
    """The version that is asked for, as it would be taken."""
    name = told.asked.name
    found = [now.version for _, now in told.changes if now is not None and now.name == name]
    return " and ".join(found)


def _versions(versions: Sequence[Version]) -> str:
    return " and ".join(map(str, versions)) or "in no version"


def _row(told: WhyNot) -> dict[str, object]:
    answer = "locked" if told.locked else "possible" if told.impossible is None else "impossible"
    return {
        "asked": write(told.asked),
        "answer": answer,
        "targets": list(told.targets),
        "changes": list(_change_rows(told.changes)),
        "causes": [
            {"because": cause.because.name.lower(), "text": _cause(told, cause)} for cause in told.causes
        ],
        "explanation": sentences(told.impossible) if told.impossible is not None else [],
    }


def _change_rows(changes: Iterable[Change]) -> Iterator[dict[str, object]]:
    for was, now in changes:
        package = now or was
        assert package is not None  # one of the two is there
        yield {
            "name": package.name,
            "before": was.version if was is not None else None,
            "after": now.version if now is not None else None,
        }
