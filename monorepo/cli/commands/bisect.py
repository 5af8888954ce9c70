"""``mono bisect``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import click

from monorepo.cli import wiring
from monorepo.cli.output import print_json, print_line, story_width
from monorepo.cli.parameters import Revision
from monorepo.cli.settings import json_option, settings_of
from monorepo.cli.words import counted

if TYPE_CHECKING:
    from monorepo.bisecting import Culprit

_SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
_SHOWN = 20


@click.command("bisect", short_help="Find the commit of a repository that changed what is chosen.")
@click.argument("packages", nargs=-1, metavar="[PACKAGE]...")
@click.option("--repository", metavar="NAME", help="Look in this repository, where several are in git.")
@click.option(
    "--good",
    type=Revision(),
    metavar="REV|DATE",
    help="Where all was as it should be; by default the commit in mono.lock.",
)
@click.option(
    "--bad",
    type=Revision(),
    metavar="REV|DATE",
    help="Where it was not any more; by default the newest commit of the branch.",
)
@json_option("Print what was found as JSON.")
@click.pass_context
def command(
    context: click.Context,
    packages: tuple[str, ...],
    repository: str | None,
    good: str | int | None,
    bad: str | int | None,
    as_json: bool,
) -> None:
    """Find the commit of a git repository that broke the solve, or changed what is chosen.

    With PACKAGEs, the one that changed their versions. The project is solved at commits between good and bad,
    ever nearer to the one that made the difference; the other repositories stay as locked. Writes nothing.
    """
    from monorepo.bisecting import bisect_project

    settings = settings_of(context)
    talk = settings.talk()

    def tell(commits: int, solves: int) -> None:
        talk.say(f"{commits} commits left, about {counted(solves, 'solve')}")

    with wiring.opened(settings.cache, settings.talk()) as (http, git):
        culprit = bisect_project(
            settings.directory,
            cache=settings.cache,
            http=http,
            git=git,
            packages=packages,
            repository=repository,
            good=good,
            bad=bad,
            tell=tell,
        )
    if as_json:
        print_json(_row(culprit))
    else:
        for line in _lines(culprit, verbose=settings.verbose):
            print_line(line, styled=settings.styled(1))


def _lines(culprit: Culprit, *, verbose: bool) -> Iterator[str]:
    from monorepo.cli.explanation import derivation
    from monorepo.cli.words import visible
    from monorepo.moments import moment_text

    yield f"repository  {culprit.repository}"
    yield f"commit      {culprit.commit.identifier}"
    yield f"date        {moment_text(culprit.commit.time)}"
    yield f"author      {visible(culprit.commit.author)}"
    yield f"subject     {visible(culprit.commit.subject)}"
    if culprit.after.failure is not None:
        yield "from then on no versions meet what is asked"
        columns = story_width(1)
        yield from (f"  {line}" for line in derivation(culprit.after.failure, columns=columns))
    else:
        yield "from then on"
        yield from (f"  {line}" for line in _moves(culprit))
    yield "files"
    shown = culprit.files if verbose else dict(islice((culprit.telling or culprit.files).items(), _SHOWN))
    yield from (f"  {_sign(change)} {visible(path)}" for path, change in shown.items())
    if len(shown) < len(culprit.files):
        yield f"  and {len(culprit.files) - len(shown)} more, which mono -v bisect lists"


def _moves(culprit: Culprit) -> Iterator[str]:
    was, now = culprit.before.versions, culprit.after.versions
    for name in sorted(was.keys() | now.keys()):
        if name not in was:
            yield f"{_sign('added')} {name} {now[name]}"
        elif name not in now:
            yield f"{_sign('removed')} {name} {was[name]}"
        elif was[name] != now[name]:
            yield f"{_sign('changed')} {name} {was[name]} -> {now[name]}"


def _row(culprit: Culprit) -> dict[str, object]:
    from monorepo.cli.explanation import sentences
    from monorepo.moments import moment_text

    failure = culprit.after.failure
    return {
        "repository": culprit.repository,
        "commit": culprit.commit.identifier,
        "parent": culprit.parent.identifier,
        "date": moment_text(culprit.commit.time),
        "author": culprit.commit.author,
        "subject": culprit.commit.subject,
        "files": [{"path": path, "change": change.value} for path, change in culprit.files.items()],
        "before": dict(culprit.before.versions),
        "after": None if failure else dict(culprit.after.versions),
        "explanation": sentences(failure) if failure else [],
    }


def _sign(change: str) -> str:
    sign, color = _SIGNS[change]
    return click.style(sign, fg=color)
