"""``mono ci``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from monorepo import __version__
from monorepo.cli.group import NamedGroup
from monorepo.cli.settings import settings_of, show_help_alone, with_global_options


@click.group(
    "ci",
    cls=NamedGroup,
    invoke_without_command=True,
    short_help="Print a workflow that checks, builds and verifies the lock.",
)
@click.pass_context
def command(context: click.Context) -> None:
    """Print a workflow that checks the lock, builds every target of it and verifies what was built."""
    show_help_alone(context)


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every forge's workflow takes."""
    function = click.option(
        "--mono",
        metavar="REQUIREMENT",
        default=f"mono=={__version__}",
        show_default=True,
        help="What pipx is to install: a release, or git+https://…@COMMIT.",
    )(function)
    return click.option(
        "--reproduce", is_flag=True, help="Build every target once more on another machine, and compare."
    )(function)


@command.command("github", short_help="Print a workflow for GitHub Actions.")
@_options
@click.pass_context
def github_command(context: click.Context, reproduce: bool, mono: str) -> None:
    """Print a workflow for GitHub Actions, to be kept as .github/workflows/mono.yml."""
    from monorepo.ci import github_workflow

    _print(context, github_workflow, mono=mono, reproduce=reproduce)


@command.command("gitlab", short_help="Print a pipeline for GitLab.")
@_options
@click.pass_context
def gitlab_command(context: click.Context, reproduce: bool, mono: str) -> None:
    """Print a pipeline for GitLab, to be kept as .gitlab-ci.yml."""
    from monorepo.ci import gitlab_pipeline

    _print(context, gitlab_pipeline, mono=mono, reproduce=reproduce)


def _print(context: click.Context, workflow: Callable[..., str], *, mono: str, reproduce: bool) -> None:
    from monorepo.ci import GITLAB_SYSTEM, gitlab_pipeline, plan_jobs
    from monorepo.lock.reader import load_lock

    settings = settings_of(context)
    lock = load_lock(settings.directory)
    click.echo(workflow(lock, mono=mono, reproduce=reproduce), nl=False)
    talk = settings.talk()
    for job in plan_jobs(lock):
        if workflow is gitlab_pipeline and job.system != GITLAB_SYSTEM:
            talk.warn(f"the target {job.target} is left out: it is built on macOS")
        elif job.toolchain is not None:
            talk.warn(
                f"no package of opam has the toolchain {job.toolchain}, which the target {job.target} needs: "
                "add a step that puts it on PATH"
            )


with_global_options(command)
