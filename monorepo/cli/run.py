"""One run of ``mono``: parse, do, and turn whatever goes wrong into words and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence

import click

from monorepo.cli.group import NoSuchCommandError, mono
from monorepo.cli.output import print_json
from monorepo.cli.settings import Settings
from monorepo.cli.words import FaultError, MisuseError, error_data, error_text, told_in_words
from monorepo.errors import MonoError

DONE, FAILED, MISUSED, FAULT, INTERRUPTED, UNREAD = 0, 1, 2, 70, 130, 141


def run(arguments: Sequence[str] | None, command: click.Command = mono) -> int:
    """Run ``command``; the exit code. Nothing is raised."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # whatever the locale: the same bytes
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    settings = Settings(os.environ)
    try:
        return _run(arguments, command, settings)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except SystemExit as ended:
        # click ends the process itself in two cases: a shell asked to complete a word, or nobody reads.
        return int(ended.code or DONE) if "_MONO_COMPLETE" in os.environ else UNREAD
    except BrokenPipeError:
        # Python flushes once more at its end: give it somewhere to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD


def _run(arguments: Sequence[str] | None, command: click.Command, settings: Settings) -> int:
    try:
        status = command.main(arguments, prog_name="mono", standalone_mode=False, obj=settings)
        sys.stdout.flush()
    except click.UsageError as error:
        # What is wrong with one word may be seen before --json is.
        settings.as_json = settings.as_json or "--json" in (sys.argv[1:] if arguments is None else arguments)
        _tell(error, _misuse(error), settings)
        return MISUSED
    except (BrokenPipeError, click.Abort):
        raise
    except Exception as error:
        return _tell_failure(error, settings)
    return status if isinstance(status, int) else DONE


def _tell_failure(error: Exception, settings: Settings) -> int:
    if settings.debug:
        settings.talk().complain(traceback.format_exc().rstrip())
    told = told_in_words(error, settings)
    _tell(error, told, settings)
    return FAULT if isinstance(told, FaultError) else FAILED


def _tell(error: Exception, told: MonoError, settings: Settings) -> None:
    """Say what went wrong, and where data is asked for as JSON give one document of it."""
    if settings.as_json:
        print_json(error_data(error, told, settings.directory))
        sys.stdout.flush()
    settings.talk().complain(error_text(told, settings.directory))


def _misuse(error: click.UsageError) -> MisuseError:
    from monorepo.document import nearest_hint

    reason = error.format_message().rstrip(".")
    hint = f"{error.ctx.command_path} --help tells more" if error.ctx else ""
    if isinstance(error, click.NoSuchOption):
        reason = f'there is no option "{error.option_name}"'
        if error.ctx is not None:
            known = (
                name for option in error.ctx.command.params for name in option.opts if name.startswith("--")
            )
            hint = nearest_hint(error.option_name, known)
    elif isinstance(error, NoSuchCommandError):
        hint = error.hint
    return MisuseError(f"{reason[:1].lower()}{reason[1:]}", hint=hint)
