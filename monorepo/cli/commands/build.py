"""``mono build``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from monorepo.cli import wiring
from monorepo.cli.commands.contexts import write_contexts
from monorepo.cli.commands.lock import make_lock
from monorepo.cli.commands.pull import pull_sources
from monorepo.cli.settings import Settings, settings_of
from monorepo.document import nearest_hint
from monorepo.errors import BuildError, TargetError
from monorepo.lock.reader import load_lock

BUILDER = "mono-build"


@click.command("build", short_help="Lock if need be, pull, write contexts and build.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option(
    "--twice", is_flag=True, help="Build in two places, and fail unless every artefact is identical."
)
@click.option("--builder", metavar="PROGRAM", help=f"Build with this program instead of {BUILDER}.")
@click.pass_context
def command(context: click.Context, targets: tuple[str, ...], twice: bool, builder: str | None) -> None:
    """Build for each TARGET, or for all of the lock.

    Locks if the lock is stale, pulls, writes contexts, and runs mono-build on each.
    """
    settings = settings_of(context)
    make_lock(settings)
    _refuse_other_targets(targets, [target.name for target in load_lock(settings.directory).targets])
    pull_sources(settings)
    for folder in write_contexts(settings):
        if not targets or Path(folder).name in targets:
            _build(settings, folder, builder or builder_beside_mono(), twice=twice)


def _refuse_other_targets(targets: Sequence[str], locked: Sequence[str]) -> None:
    from monorepo.targets.reader import target_names

    for name in targets:
        if name not in locked:
            hint = nearest_hint(name, locked)
            if name in target_names():
                hint = f'name it in mono.toml, as in [targets] build = ["{name}"]'
            raise TargetError(f'the lock has no target "{name}"', "mono.lock", hint)


def _build(settings: Settings, folder: str, builder: str, *, twice: bool) -> None:
    options = [*(["--quiet"] if settings.quiet else []), *(["--twice"] if twice else [])]
    done = wiring.processes().run([builder, *options, folder], folder=settings.directory)
    if done.status != 0:
        raise BuildError(f"{Path(builder).name} did not build it (exit status {done.status})", folder)


def builder_beside_mono() -> str:
    """The builder that was installed with this mono, or else the one on PATH."""
    beside = shutil.which(BUILDER, path=str(Path(sys.executable).parent))
    return beside or BUILDER
