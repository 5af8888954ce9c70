"""``mono`` itself: its commands by name, each imported when it is asked for."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from types import ModuleType

import click

from monorepo import __version__
from monorepo.cli.settings import global_options, show_help_alone

_COMMANDS = {
    "bisect": "Find the commit of a repository that changed what is chosen.",
    "build": "Lock if need be, pull, write contexts and build.",
    "bundle": "Carry a locked project to where there is no network.",
    "cache": "Look at what is kept, remove what is not used, verify it.",
    "ci": "Print a workflow that checks, builds and verifies the lock.",
    "contexts": "Write a build context for each target of the lock.",
    "diff": "Tell what changed from one lock to another, and why.",
    "list": "List the packages of the lock.",
    "lock": "Choose a version of everything and write mono.lock.",
    "outdated": "List what could be newer, and what holds it back.",
    "pull": "Fetch the locked sources into duniverse/.",
    "status": "Tell whether lock, duniverse and contexts are up to date.",
    "tree": "Show the packages of the lock as a tree.",
    "why": "Tell why a package is in the lock.",
    "why-not": "Tell what keeps a package or version out of the lock.",
}
"""Name and one line, so that help need not import the commands; each is `command` in its own module."""


class NoSuchCommandError(click.UsageError):
    """A command that mono does not have; ``hint`` names the nearest, or all."""

    def __init__(self, message: str, context: click.Context, hint: str) -> None:
        super().__init__(message, context)
        self.hint = hint


class NamedGroup(click.Group):
    """A group whose commands are all there; of one that is not, it names the nearest."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        _refuse_unknown(ctx, args[0], self.commands)
        return super().resolve_command(ctx, args)


def _refuse_unknown(ctx: click.Context, name: str, known: Collection[str]) -> None:
    if name not in known and not name.startswith("-"):
        from monorepo.document import nearest_hint

        raise NoSuchCommandError(f'there is no command "{name}"', ctx, nearest_hint(name, known))


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports only the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        if cmd_name not in self.commands:
            command: click.Command = _module(cmd_name).command
            command.params.extend(global_options(hidden=True))
            command.epilog = "Options that every command takes: mono --help"
            self.add_command(command)
        return self.commands[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        _refuse_unknown(ctx, args[0], _COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


def _module(name: str) -> ModuleType:
    return import_module(f"monorepo.cli.commands.{name.replace('-', '_')}")


@click.pass_context
def _without_command(context: click.Context) -> None:
    show_help_alone(context)


def _show_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"mono {__version__}")
        context.exit()


_VERSION = click.Option(
    ["--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)

mono = LazyGroup(
    name="mono",
    help="The lockfile-driven monorepo dependency manager for OCaml and MirageOS.",
    epilog="mono reads mono.toml and *.opam, and writes mono.lock, duniverse/ and contexts/.",
    params=[*global_options(hidden=False), _VERSION],
    callback=_without_command,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
