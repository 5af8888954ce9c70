"""Errors in words: what is wrong and where, the line it is about, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from monorepo.cli.output import fold, width
from monorepo.cli.settings import Settings
from monorepo.errors import MonoError, SeveralError, UnsolvableError

_LONGEST = 2000
_LAYOUT = re.compile(r"(\n(?=  )|\x1b\[(?:0|1|2|3[1-7])m)")
"""What mono itself puts into what it says: lines that are continued further in, bold type and colours."""

_LINE = re.compile(r"(?P<file>[^\n:]+):(?P<line>[0-9]+)(?::[0-9]+)?")


@dataclass
class ReportedError(Exception):
    """A failure of which a script is told more: ``data``, beside what it is told of every failure."""

    told: MonoError
    data: Mapping[str, object]


class FaultError(MonoError):
    """mono itself failed."""

    code = "fault"


class MisuseError(MonoError):
    """The command line cannot be made sense of."""

    code = "usage"


def error_text(error: MonoError, folder: Path) -> str:
    """All that is to be said of ``error``; ``folder`` is where the files in its place are."""
    return "\n".join(_lines(error, folder))


def error_data(error: Exception, told: MonoError, folder: Path) -> dict[str, object]:
    """``error``, which is ``told`` in words, for a script: the same keys always, and more of some kinds.

    ``error`` is the reason in one sentence, ``code`` the kind of failure, ``place`` and ``hint`` are empty
    where there is none, ``details`` are further lines.
    """
    from monorepo.cli.explanation import as_data, sentences
    from monorepo.lock.answer import NoAnswerError

    data: dict[str, object] = {
        "error": told.reason,
        "code": told.code,
        "place": told.place,
        "hint": told.hint,
        "details": [click.unstyle(line) for line in told.details],
    }
    if isinstance(error, NoAnswerError):
        return data | {"details": sentences(error, verbose=True)} | as_data(error, folder)
    if isinstance(error, SeveralError):
        return data | {"hint": error.hint, "details": list(error.details)}
    return data | dict(error.data) if isinstance(error, ReportedError) else data


def told_in_words(error: Exception, settings: Settings) -> MonoError:
    """``error`` as one that can be told in words, whichever room it is from; `FaultError` for any other."""
    from builder.errors import BuilderError
    from overlays.errors import OpamSyntaxError, PackageUnreadable, RepositoryUnreadable

    match error:
        case UnsolvableError():
            from monorepo.cli.explanation import in_words

            folder, options = settings.directory, settings.lock_options
            return in_words(error, folder, verbose=settings.verbose, options=options)
        case SeveralError() if not settings.verbose:
            from monorepo.cli.unfetched import in_few_words

            return in_few_words(error)
        case MonoError():
            return error
        case ReportedError():
            return error.told
        case OpamSyntaxError():
            place = f"{error.place}:{error.line}:{error.column}"
            return MonoError(error.reason, place, details=(error.source_line,))
        case RepositoryUnreadable() | PackageUnreadable():
            return MonoError(str(error))
        case BuilderError():
            return MonoError(error.reason, error.place, error.hint, error.details)
        case click.ClickException():
            return MonoError(error.format_message())
        case OSError():
            return MonoError(error.strerror or str(error), str(error.filename or ""))
        case _:
            words = " ".join(str(error).split())
            told = f"{type(error).__name__}: {words}" if words else type(error).__name__
            return FaultError(f"mono itself failed: {told}; please report this with what --debug adds")


def _lines(error: MonoError, folder: Path) -> Iterator[str]:
    columns = width(2)
    yield from fold(f"{click.style('error:', fg='red', bold=True)} {_laid_out(str(error))}", columns)
    for line in error.details:
        yield from fold(f"  {_laid_out(line)}", columns)
    if not error.details:
        yield from (f"  {_laid_out(line)}" for line in _source_line(error.place, folder))
    if error.hint:
        yield from fold(f"{click.style('hint:', fg='cyan', bold=True)} {_laid_out(error.hint)}", columns)


def _source_line(place: str, folder: Path) -> tuple[str, ...]:
    """The line that ``place`` points at, where it is one of a file that can be read."""
    where = _LINE.fullmatch(place)
    if where is None:
        return ()
    try:
        lines = (folder / where["file"]).read_text(encoding="utf-8", errors="replace").split("\n")
        line = lines[int(where["line"]) - 1].rstrip()
    except (OSError, IndexError):
        return ()
    return (f"{where['line']} | {visible(line)}",) if line else ()


def visible(text: str) -> str:
    """The start of ``text`` without what a terminal would take for a command."""
    return one_line(text.expandtabs()[:200])


def one_line(text: str) -> str:
    """``text``, which may come from anywhere, as a line that says no more and does no more than it shows."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST // 2]} … {shown[-_LONGEST // 2 :]}"


def _laid_out(text: str) -> str:
    """``text`` as `one_line` has it, but for what may be of mono's own making, which does no harm."""
    parts = _LAYOUT.split(text)
    return "".join(part if index % 2 else one_line(part) for index, part in enumerate(parts))


def counted(number: int, thing: str) -> str:
    """``1 source``, ``2 sources``, ``3 entries``."""
    if number == 1:
        return f"1 {thing}"
    return f"{number} {thing.removesuffix('y')}ies" if thing.endswith("y") else f"{number} {thing}s"
