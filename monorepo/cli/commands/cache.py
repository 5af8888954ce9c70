"""``mono cache``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from monorepo.cli import wiring
from monorepo.cli.group import NamedGroup
from monorepo.cli.output import print_json, print_table, width
from monorepo.cli.parameters import Age
from monorepo.cli.settings import Settings, json_option, settings_of, show_help_alone, with_global_options
from monorepo.cli.sizes import age_text, size_text
from monorepo.cli.words import ReportedError, counted
from monorepo.errors import MonoError

if TYPE_CHECKING:
    from monorepo.cache.rooms import Contents, Entry
    from monorepo.lock.model import Lock


@click.group(
    "cache",
    cls=NamedGroup,
    invoke_without_command=True,
    short_help="Look at what is kept, remove what is not used, verify it.",
)
@click.pass_context
def command(context: click.Context) -> None:
    """Look at what mono keeps for all projects, remove what is not used, and verify it."""
    show_help_alone(context)


@command.command("dir", short_help="Print the cache's folder.")
@json_option("Print it as JSON.")
@click.pass_context
def dir_command(context: click.Context, as_json: bool) -> None:
    """Print the folder of the cache."""
    folder = str(settings_of(context).cache)
    if as_json:
        print_json(folder)
    else:
        click.echo(folder)


@command.command("list", short_help="Tell what is in the cache.")
@click.option("--all", "each", is_flag=True, help="Show each entry.")
@json_option("Print it as JSON.")
@click.pass_context
def list_command(context: click.Context, each: bool, as_json: bool) -> None:
    """Print what each room of the cache holds: entries and size; or each entry, largest first.

    An entry that the lock of this project names is told by its packages. Names are cut short where the
    terminal is too narrow for them, and whole in a pipe.
    """
    from monorepo.cache.rooms import contents

    settings = settings_of(context)
    found = contents(settings.cache, _lock(settings))
    entries = sorted(found.entries, key=lambda entry: (-entry.size, entry.room, entry.name))
    if each:
        _show_each(entries, settings, as_json=as_json)
    else:
        _show_rooms(found, settings, as_json=as_json)


def _show_each(entries: Sequence[Entry], settings: Settings, *, as_json: bool) -> None:
    if as_json:
        print_json([_row(entry) for entry in entries])
        return
    now, columns = time.time(), width(1)
    short = columns is not None and columns < _WHOLE
    rows = [
        (
            entry.room.value,
            size_text(entry.size),
            age_text(now - entry.used),
            _cut(entry.name.rpartition("/")[2], _DIGITS) if short else entry.name,
            " ".join(_cut(word, _WORD) for word in entry.about.split(" ")) if short else entry.about,
        )
        for entry in entries
    ]
    print_table(("room", "size", "used", "entry", "of"), rows, styled=settings.styled(1))


_WHOLE = 150
"""Columns from which on the names of entries, which are mostly hashes, leave room for what they are of."""

_DIGITS, _WORD = 10, 36
"""Characters that are shown of an entry's name, and of a word that tells what it is of, on fewer columns."""


def _cut(word: str, most: int) -> str:
    return word if len(word) <= most else f"{word[: most - 1]}…"


def _show_rooms(found: Contents, settings: Settings, *, as_json: bool) -> None:
    from monorepo.cache.rooms import Room

    rooms: dict[str, list[Entry]] = {room.value: [] for room in Room}
    for entry in found.entries:
        rooms[entry.room.value].append(entry)
    rooms["leftovers"] = list(found.leftovers)
    if as_json:
        print_json({name: {"entries": len(own), "size": _size(own)} for name, own in rooms.items()})
        return
    rooms["total"] = [*found.entries, *found.leftovers]
    rows = [(name, str(len(own)), size_text(_size(own))) for name, own in rooms.items()]
    print_table(("room", "entries", "size"), rows, styled=settings.styled(1))


@command.command("prune", short_help="Remove what was not used for long.")
@click.option(
    "--older-than",
    type=Age(),
    default="30d",
    metavar="AGE",
    show_default=True,
    help="Remove what was not used for so long: 12h, 30d, 2w.",
)
@click.option("--all", "everything", is_flag=True, help="Remove everything.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
@json_option("Print what was removed as JSON.")
@click.pass_context
def prune_command(
    context: click.Context, older_than: float, everything: bool, dry_run: bool, as_json: bool
) -> None:
    """Remove from the cache what was not used for long, and what killed runs left.

    It waits until no other mono uses the cache.
    """
    from monorepo.cache.prune import prune

    settings = settings_of(context)
    talk = settings.talk()
    pruned = prune(
        settings.cache,
        time.time(),
        float("-inf") if everything else older_than,
        lambda: talk.say("waiting for another mono that uses the cache"),
        dry_run=dry_run,
    )
    for entry in pruned.removed:
        talk.detail(f"  {entry.room} {entry.name} ({size_text(entry.size)})")
    done = "would remove" if dry_run else "removed"
    talk.say(
        f"{done} {counted(len(pruned.removed), 'entry')} ({size_text(_size(pruned.removed))}); "
        f"{counted(pruned.kept, 'entry')} ({size_text(pruned.kept_size)}) stay"
    )
    if as_json:
        rows = [_row(entry) for entry in pruned.removed]
        print_json({"removed": rows, "size": _size(pruned.removed), "dry-run": dry_run})


@command.command("verify", short_help="Check every archive, tree, clone and snapshot.")
@click.option("--dry-run", is_flag=True, help="Only tell what is damaged.")
@json_option("Print what is damaged as JSON.")
@click.pass_context
def verify_command(context: click.Context, dry_run: bool, as_json: bool) -> None:
    """Check archives by their checksums, trees by their digests, clones with git fsck, and snapshots.

    What is damaged is removed, and had again when it is wanted; exits with 1 if anything was.
    """
    from monorepo.cache.verify import verify

    settings = settings_of(context)
    talk = settings.talk()
    with talk.progress() as progress:
        verified = verify(
            settings.cache,
            wiring.git(settings.cache).without_network(),
            progress,
            lock=_lock(settings),
            dry_run=dry_run,
        )
    bad = verified.bad
    rows = [{**_row(one.entry), "reason": one.reason} for one in bad]
    data = {"entries": verified.count, "size": verified.size, "bad": rows, "dry-run": dry_run}
    if bad:
        if not as_json:
            for one in bad:
                of = f" of {one.entry.about}" if one.entry.about else ""
                click.echo(f"{one.entry.room} {one.entry.name}{of}: {one.reason}")
        done = "left where it is" if dry_run else "removed"
        error = MonoError(f"{counted(len(bad), 'entry')} damaged, and {done}", str(settings.cache))
        raise ReportedError(error, data)
    talk.say(
        f"verified {counted(verified.count, 'entry')} ({size_text(verified.size)}): all is as it should be"
    )
    if as_json:
        print_json(data)


def _lock(settings: Settings) -> Lock | None:
    """The lock of the project, which gives names to entries; none where it cannot be read."""
    from monorepo.errors import LockError
    from monorepo.lock.reader import load_lock

    try:
        return load_lock(settings.directory)
    except LockError:
        return None


def _row(entry: Entry) -> dict[str, object]:
    return {
        "room": entry.room.value,
        "name": entry.name,
        "size": entry.size,
        "last-used": int(entry.used),
        "of": entry.about,
    }


def _size(entries: Sequence[Entry]) -> int:
    return sum(entry.size for entry in entries)


with_global_options(command)
