"""``mono bundle``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from monorepo.cli import wiring
from monorepo.cli.group import NamedGroup
from monorepo.cli.output import print_json, print_table
from monorepo.cli.settings import json_option, settings_of, show_help_alone, with_global_options
from monorepo.cli.sizes import size_text
from monorepo.cli.words import ReportedError, counted
from monorepo.errors import FetchError


@click.group(
    "bundle",
    cls=NamedGroup,
    invoke_without_command=True,
    short_help="Carry a locked project to where there is no network.",
)
@click.pass_context
def command(context: click.Context) -> None:
    """Carry a locked project, with all that its lock names, to where there is no network."""
    show_help_alone(context)


@command.command("create", short_help="Write a bundle of this project.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@json_option("Print what the bundle holds as JSON.")
@click.pass_context
def create_command(context: click.Context, file: Path, force: bool, as_json: bool) -> None:
    """Write FILE (.tar or .tar.gz): the project's own files, its lock, every source and repository of it.

    What is not in the cache is fetched first. The lock must be fresh. The same lock and files give the same
    bytes.
    """
    from monorepo.bundle.create import create

    settings = settings_of(context)
    talk = settings.talk()
    with wiring.opened(settings.cache, talk) as (http, git), talk.progress() as progress:
        created = create(
            settings.directory,
            file,
            cache=settings.cache,
            http=http,
            git=git,
            workers=wiring.workers(),
            progress=progress,
            force=force,
        )
    talk.say(
        f"{created.file}: {counted(created.files, 'file')} of the project, "
        f"{counted(created.archives, 'archive')}, {counted(created.commits, 'commit')}, "
        f"{counted(created.repositories, 'repository')} ({size_text(created.size)})"
    )
    if as_json:
        print_json(
            {
                "file": str(created.file),
                "size": created.size,
                "files": created.files,
                "archives": created.archives,
                "commits": created.commits,
                "repositories": created.repositories,
            }
        )


@command.command("unpack", short_help="Put what a bundle holds into the cache and a folder.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--into",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the project's files go, instead of the folder mono works in.",
)
@click.option("--force", is_flag=True, help="Overwrite files of the project that differ.")
@json_option("Print what was unpacked as JSON.")
@click.pass_context
def unpack_command(context: click.Context, file: Path, into: Path | None, force: bool, as_json: bool) -> None:
    """Verify FILE, put its sources and repositories into the cache, and its project into FOLDER.

    Then mono lock --check --offline, mono pull --offline and mono contexts need no network.
    """
    from monorepo.bundle.unpack import unpack

    settings = settings_of(context)
    talk = settings.talk()
    folder = into or settings.directory
    with wiring.opened(settings.cache, talk, offline=True) as (_, git):
        unpacked = unpack(file, folder, cache=settings.cache, git=git, force=force)
    talk.say(
        f"{counted(unpacked.files, 'file')} of {unpacked.project} into {folder}; "
        f"{counted(unpacked.archives, 'archive')}, {counted(unpacked.commits, 'commit')}, "
        f"{counted(unpacked.repositories, 'repository')} into the cache"
    )
    if as_json:
        print_json(
            {
                "project": unpacked.project,
                "folder": str(folder),
                "files": unpacked.files,
                "archives": unpacked.archives,
                "commits": unpacked.commits,
                "repositories": unpacked.repositories,
            }
        )


@command.command("verify", short_help="Try a bundle where there is no network.")
@click.argument("file", type=click.Path(path_type=Path))
@json_option("Print the steps as JSON.")
@click.pass_context
def verify_command(context: click.Context, file: Path, as_json: bool) -> None:
    """Unpack FILE, check its lock, pull, write contexts and build, all with an empty cache and no network.

    The network is taken away with a network namespace, by unshare or bubblewrap; where neither can make one
    mono is only told not to use it. Targets whose compiler or dune is not on this machine are not built.
    """
    from monorepo.bundle.verify import Outcome, verify
    from monorepo.cli.commands.build import builder_beside_mono

    settings = settings_of(context)
    talk = settings.talk()
    trial = verify(
        file,
        wiring.processes(capture=True),
        mono=(sys.executable, "-P", "-m", "monorepo.cli"),
        builder=builder_beside_mono(),
        began=lambda name: talk.detail(f"  {name}"),
    )
    if trial.denied_by is None:
        talk.warn("no network namespace can be made here: mono was told not to use the network")
    else:
        talk.say(f"the network was denied by {trial.denied_by}")
    steps = [
        {"step": step.name, "outcome": step.outcome.value, "detail": step.detail} for step in trial.steps
    ]
    data = {"good": trial.good, "network-denied-by": trial.denied_by, "steps": steps}
    if not as_json:
        rows = [
            (step.name, step.outcome.value, step.detail if step.outcome is Outcome.SKIPPED else "")
            for step in trial.steps
        ]
        print_table(("step", "outcome", "why"), rows, styled=settings.styled(1))
    failed = next((step for step in trial.steps if step.outcome is Outcome.FAILED), None)
    if failed is not None:
        lines = tuple(failed.detail.splitlines())
        raise ReportedError(FetchError(f"{failed.name} failed", str(file), details=lines), data)
    if as_json:
        print_json(data)


with_global_options(command)
