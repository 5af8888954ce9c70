"""The options that every command takes, before its name or after."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from monorepo.cli.talk import Talk


@dataclass(slots=True)
class Settings:
    """What the user set for this run; `run` makes one, the options fill it in.

    Args:
        as_json: data is asked for as JSON, and so is what goes wrong.
        lock_options: those given to ``mono lock``, each after a blank: what is to be done next has them too.
    """

    environment: Mapping[str, str]
    directory: Path = Path()
    cache_dir: Path | None = None
    quiet: bool = False
    verbose: bool = False
    color: str = "auto"
    debug: bool = False
    as_json: bool = False
    lock_options: str = ""

    @property
    def cache(self) -> Path:
        """mono's cache folder."""
        from monorepo.cache import cache_folder

        return self.cache_dir.absolute() if self.cache_dir else cache_folder(self.environment)

    def talk(self) -> Talk:
        """What speaks to the user."""
        return Talk(quiet=self.quiet, verbose=self.verbose, color=self.styled(2))

    def styled(self, descriptor: int) -> bool:
        """Whether what goes to this file descriptor (1 stdout, 2 stderr) gets colours and bold type."""
        if self.color != "auto":
            return self.color == "always"
        plain = bool(self.environment.get("NO_COLOR")) or self.environment.get("TERM") == "dumb"
        return not plain and os.isatty(descriptor)


def settings_of(context: click.Context) -> Settings:
    """The settings of this run."""
    settings = context.find_object(Settings)
    assert settings is not None  # `run` puts them there
    return settings


def json_option(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option ``--json`` of a command, which takes it as ``as_json``; ``text`` is its help.

    With it a failure is told on stdout too, as one document: see `monorepo.cli.words.error_data`.
    """

    def remember(context: click.Context, _parameter: click.Parameter, value: bool) -> bool:
        settings_of(context).as_json = value
        return value

    return click.option("--json", "as_json", is_flag=True, callback=remember, help=text)


def global_options(*, hidden: bool) -> list[click.Parameter]:
    """The options; ``hidden`` from a command's own help, where they may stand as well."""
    folder = click.Path(exists=True, file_okay=False, path_type=Path)
    return [
        _option(("-C", "--directory"), hidden, "Work in this folder instead.", type=folder),
        _option(
            ("--cache-dir",), hidden, "Keep what can be had again here.", type=click.Path(path_type=Path)
        ),
        _option(("-q", "--quiet"), hidden, "Say nothing but errors.", is_flag=True),
        _option(("-v", "--verbose"), hidden, "Say more.", is_flag=True),
        _option(("--color",), hidden, "Colour what is said.", type=click.Choice(["auto", "always", "never"])),
        _option(("--debug",), hidden, "Show where in mono an error arose.", is_flag=True),
    ]


def show_help_alone(context: click.Context) -> None:
    """Print the help of a group of commands where none of them was named."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def with_global_options(group: click.Group) -> click.Group:
    """``group``, whose own commands take the options as well."""
    for command in group.commands.values():
        command.params.extend(global_options(hidden=True))
    return group


def _option(names: tuple[str, ...], hidden: bool, text: str, **details: object) -> click.Option:
    return click.Option(names, expose_value=False, callback=_remember, hidden=hidden, help=text, **details)  # type: ignore[arg-type]


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    name = parameter.name
    assert name is not None  # every option has one
    if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
        setattr(settings_of(context), name, value)
