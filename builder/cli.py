"""The command line of `mono-build`. stdout is data, stderr is talk."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from builder import __version__
from builder.errors import BuilderError


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument(
    "contexts",
    metavar="CONTEXT...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--twice", is_flag=True, help="Build in two folders and fail unless every artefact is bit-identical."
)
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "require", "off"]),
    default="auto",
    show_default=True,
    help="Build in a sandbox of bubblewrap where it works, or nowhere else, or without one.",
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Commands that dune may run at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the build records as a JSON array.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
@click.version_option(__version__, prog_name="mono-build", message="%(prog)s %(version)s")
def command(
    contexts: tuple[Path, ...], twice: bool, sandbox: str, jobs: int | None, as_json: bool, quiet: bool
) -> None:
    """Build each CONTEXT, a folder contexts/TARGET that mono contexts wrote.

    The artefacts come to be in CONTEXT/artefacts/ and a record of what went into them in
    CONTEXT/build-record.json. On stdout there is one line for each artefact: its sha256 and its path, as
    sha256sum prints and checks them.
    """
    from builder.build import Wishes, build
    from builder.record import record_document
    from builder.twice import build_twice

    def report(line: str) -> None:
        if not quiet:
            click.echo(f"mono-build: {line}", err=True)

    wishes = Wishes(os.environ, sandbox, jobs, report)  # type: ignore[arg-type] # click has checked the choice
    records: list[dict[str, object]] = []
    for folder in contexts:
        record = build_twice(folder, wishes) if twice else build(folder, wishes)
        records.append(record_document(record))
        report(f"{record.context.target}: {_outcome(len(record.artefacts), twice)} in {folder / 'artefacts'}")
        if not as_json:
            for artefact in record.artefacts:
                click.echo(
                    f"{artefact.digest.removeprefix('sha256:')}  {folder / 'artefacts' / artefact.name}"
                )
    if as_json:
        click.echo(json.dumps(records, indent=2, ensure_ascii=False))


def main() -> None:
    """The console script; exits with 0, 1 after an expected failure, 2 for wrong usage, 130 interrupted."""
    try:
        command.main(prog_name="mono-build", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except BuilderError as error:
        click.echo(describe(error), err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"mono-build: {error.filename or 'files'}: {error.strerror or error}", err=True)
        sys.exit(1)


def describe(error: BuilderError) -> str:
    """An error in words: what is wrong and where, what was found, what to do."""
    lines = [f"mono-build: {error}", *(f"  {line}" for line in error.details)]
    if error.hint:
        lines.append(f"  hint: {error.hint}")
    return "\n".join(lines)


def _outcome(count: int, twice: bool) -> str:
    artefacts = "1 artefact" if count == 1 else f"{count} artefacts"
    return f"{artefacts}, bit-identical in two builds," if twice else artefacts
