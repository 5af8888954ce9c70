"""``mono lock``."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from monorepo.cli import wiring
from monorepo.cli.output import print_json
from monorepo.cli.parameters import Assignment, Moment
from monorepo.cli.settings import Settings, json_option, settings_of
from monorepo.cli.talk import Talk
from monorepo.renewal import AS_LOCKED, Renewal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monorepo.lock.notices import Notice
    from monorepo.locking import LockReport
    from monorepo.ports import Git, Http
    from monorepo.states import ChosenStates, States


@click.command("lock", short_help="Choose a version of everything and write mono.lock.")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 0 if the lock is fresh and certified, else 1."
)
@click.option("--upgrade", is_flag=True, help="Choose all anew, from repositories as they are now.")
@click.option(
    "--update",
    metavar="PACKAGE...",
    multiple=True,
    help="Take the newest of these packages; others move only where they must.",
)
@click.option("--lowest", is_flag=True, help="Choose all anew: the lowest versions, not the newest.")
@click.option(
    "--as-of",
    type=Moment(),
    metavar="DATE",
    help="Choose all anew, from git repositories as they were then; a day is meant to its end in UTC.",
)
@click.option(
    "--repository",
    "revisions",
    type=Assignment(),
    multiple=True,
    metavar="NAME=COMMIT",
    help="Choose all anew, from this git repository at a commit, tag or branch.",
)
@click.option(
    "--apply",
    "number",
    type=int,
    metavar="N",
    help="Make change N of those that a failed lock offered, and lock.",
)
@click.option("--offline", is_flag=True, help="Take repositories from the cache and this machine, or fail.")
@click.option(
    "--fetch",
    is_flag=True,
    help="Then fetch and prepare what no pull has yet, and record its trees; duniverse/ is left alone.",
)
@json_option("Print what was locked, or what differs, as JSON.")
@click.argument("packages", nargs=-1, metavar="")
@click.pass_context
def command(
    context: click.Context,
    check: bool,
    upgrade: bool,
    update: tuple[str, ...],
    lowest: bool,
    as_of: int | None,
    revisions: tuple[tuple[str, str], ...],
    number: int | None,
    offline: bool,
    fetch: bool,
    as_json: bool,
    packages: tuple[str, ...],
) -> None:
    """Choose a version of every package the project needs and write mono.lock.

    Every locked version that can stay stays, and so does the recorded state of the repositories, unless an
    option says otherwise. The same inputs and the same old lock give the same lock, byte for byte.
    """
    if packages and not update:
        raise click.UsageError(f"what about {packages[0]}? mono lock --update {packages[0]}", context)
    given = {
        "--check": check,
        "--apply": number is not None,
        "--update": bool(update),
        "--upgrade": upgrade,
        "--lowest": lowest,
        "--as-of": as_of is not None,
        "--repository": bool(revisions),
        "--fetch": fetch,
    }
    for option, others in _EXCLUDED.items():
        for other in others:
            if given[option] and given[other]:
                raise click.UsageError(f"{option} and {other} exclude each other", context)
    settings = settings_of(context)
    renewal = Renewal(upgrade, (*update, *packages), lowest, _states(as_of, revisions, context))
    options = LockOptions(renewal, number, offline)
    if check:
        check_lock(settings, as_json, offline=offline)
        return
    settings.lock_options = str(options)
    report = make_lock(settings, options, always=as_json)
    if fetch:
        fetch_locked(settings, offline=offline)
    if as_json and report is not None:
        from monorepo.cli.notices import notice_row
        from monorepo.cli.summary import package_row

        print_json(
            {
                "changed": report.changed,
                "warnings": list(map(notice_row, report.notices)),
                "packages": list(map(package_row, report.lock.packages)),
            }
        )


_EXCLUDED = {
    "--check": ("--apply", "--update", "--upgrade", "--lowest", "--as-of", "--repository", "--fetch"),
    "--update": ("--upgrade", "--lowest"),
}


@dataclass(frozen=True, slots=True)
class LockOptions:
    """How to lock; ``repair`` is one that is made before, and ``offline`` asks no server."""

    renewal: Renewal = AS_LOCKED
    repair: int | None = None
    offline: bool = False

    def __str__(self) -> str:
        """All but the repair as they are given, each after a blank."""
        wished = self.renewal
        words = ["--upgrade"] if wished.upgrade else []
        words += ["--update", *wished.update] if wished.update else []
        words += ["--lowest"] if wished.lowest else []
        if wished.states is not None:
            from monorepo.moments import moment_text

            as_of = wished.states.as_of
            words += [] if as_of is None else ["--as-of", moment_text(as_of).removesuffix("T23:59:59Z")]
            for name, revision in wished.states.revisions.items():
                words += ["--repository", f"{name}={revision}"]
        words += ["--offline"] if self.offline else []
        return "".join(f" {shlex.quote(word)}" for word in words)


def _states(
    as_of: int | None, revisions: tuple[tuple[str, str], ...], context: click.Context
) -> States | None:
    if as_of is None and not revisions:
        return None
    from monorepo.states import States

    by_name: dict[str, str] = {}
    for name, revision in revisions:
        if by_name.setdefault(name, revision) != revision:
            raise click.UsageError(f"--repository gives {name} two states", context)
    return States(as_of, by_name)


_AS_USUAL = LockOptions()


def make_lock(
    settings: Settings, options: LockOptions = _AS_USUAL, *, always: bool = False
) -> LockReport | None:
    """Lock, and tell what changed. Most calls find nothing to do, and import nothing to do it with.

    Then there is no report, unless there is to be one ``always``.
    """
    from monorepo.lock.freshness import Freshness

    talk = settings.talk()
    usual = replace(options, offline=False) == _AS_USUAL
    told = Freshness(settings.directory, settings.cache).told() if usual and not always else None
    if told is not None:
        _warn(told, talk)
        talk.say("mono.lock is fresh")
        return None

    from monorepo.cli.stopwatch import stopwatch
    from monorepo.cli.summary import change_lines, lock_summary
    from monorepo.lock.difference import difference
    from monorepo.locking import lock_project

    ports = wiring.opened(settings.cache, talk, offline=options.offline)
    with stopwatch() as seconds, ports as (http, git):
        if options.repair is None:
            report = lock_project(
                settings.directory, options.renewal, cache=settings.cache, http=http, git=git
            )
        else:
            report = _repaired(settings, options.repair, options.renewal, http, git)
    if report.unikernel is not None:
        talk.say(f"{report.unikernel.file}: a unikernel that mirage configured for {report.unikernel.target}")
    if report.states is not None:
        _tell_states(report.states, talk)
    if report.changed and report.before is not None:
        for line in change_lines(difference(report.before, report.lock), brief=not settings.verbose):
            talk.say(f"  {line}")
    _warn(report.notices, talk)
    if report.apart is not None and settings.verbose:
        from monorepo.cli.explanation import derivation

        for line in derivation(report.apart, verbose=True):
            talk.detail(f"  {line}")
    talk.say(lock_summary(report.lock, seconds(), changed=report.changed))
    return report


def fetch_locked(settings: Settings, *, offline: bool = False) -> None:
    """Have recorded in the lock what every source of it is."""
    from monorepo.cli.commands.pull import tell_recorded
    from monorepo.duniverse.pull import fetch_trees
    from monorepo.lock.reader import load_lock

    talk = settings.talk()
    lock = load_lock(settings.directory)
    with wiring.opened(settings.cache, talk) as (http, git), talk.progress() as progress:
        workers = wiring.workers()
        recorded = fetch_trees(
            lock, settings.directory, settings.cache, http, git, workers, progress, offline=offline
        )
    tell_recorded(recorded.trees, talk)
    if not recorded.trees and not recorded.notes:
        talk.say("mono.lock records every source")


def _tell_states(states: ChosenStates, talk: Talk) -> None:
    from monorepo.moments import moment_text

    for name, commit in states.dated.items():
        talk.say(f"repository {name} at {commit.identifier[:12]} of {moment_text(commit.time)}")


def _warn(notices: Sequence[Notice], talk: Talk) -> None:
    if notices:
        from monorepo.cli.notices import notice_line  # most locks have none

        for notice in notices:
            talk.warn(notice_line(notice))


def _repaired(settings: Settings, number: int, renewal: Renewal, http: Http, git: Git) -> LockReport:
    from monorepo.cli.repairs import in_words
    from monorepo.repairing import apply_repair

    repaired = apply_repair(settings.directory, number, renewal, cache=settings.cache, http=http, git=git)
    talk = settings.talk()
    for edit in repaired.repair.edits:
        talk.say(f"done: {in_words(edit)}")
    return repaired.lock


def check_lock(settings: Settings, as_json: bool, *, offline: bool = False) -> None:
    """Compare the lock with what would be locked now."""
    from monorepo import locking

    with wiring.opened(settings.cache, settings.talk(), offline=offline) as (http, git):
        report = locking.check_lock(settings.directory, cache=settings.cache, http=http, git=git)
    if not report.good:
        from monorepo.cli.checking import check_failure

        raise check_failure(report, verbose=settings.verbose)
    settings.talk().say("mono.lock is fresh and certified")
    if as_json:
        print_json({"fresh": True, "certified": True, "edits": [], "differences": []})
