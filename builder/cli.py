"""The command line of `mono-build`. stdout is data, stderr is talk."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from builder import __version__
from builder.errors import BuilderError

if TYPE_CHECKING:
    from builder.artefacts import Artefact
    from builder.preparation import Wishes


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument(
    "contexts",
    metavar="[CONTEXT]...",
    nargs=-1,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--twice", is_flag=True, help="Build in two folders and fail unless every artefact is bit-identical."
)
@click.option(
    "--verify",
    "record",
    metavar="RECORD",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Build anew, publish nothing, and fail unless all is as this record says; CONTEXT is its folder "
    "unless named.",
)
@click.option(
    "--docs", is_flag=True, help="Build documentation of the whole workspace instead: CONTEXT/docs/."
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
    contexts: tuple[Path, ...],
    twice: bool,
    record: Path | None,
    docs: bool,
    sandbox: str,
    jobs: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Build each CONTEXT, a folder contexts/TARGET that mono contexts wrote.

    The artefacts come to be in CONTEXT/artefacts/, what is in each of them in CONTEXT/sbom/, and a record of
    what went into them in CONTEXT/build-record.json. On stdout there is one line for each artefact: its
    sha256 and its path, as sha256sum prints and checks them.
    """
    from builder.preparation import Wishes

    _refuse_wrong_usage(contexts, twice, record, docs, as_json)

    def report(line: str) -> None:
        if not quiet:
            click.echo(f"mono-build: {line}", err=True)

    wishes = Wishes(os.environ, sandbox, jobs, report)  # type: ignore[arg-type] # click has checked the choice
    if record is not None:
        _verify(record, contexts[0] if contexts else record.parent, wishes)
    elif docs:
        _build_docs(contexts, wishes)
    else:
        _build(contexts, wishes, twice=twice, as_json=as_json)


def _refuse_wrong_usage(
    contexts: tuple[Path, ...], twice: bool, record: Path | None, docs: bool, as_json: bool
) -> None:
    wishes = {"--twice": twice, "--verify": record is not None, "--docs": docs}
    wished = [option for option, wish in wishes.items() if wish]
    if len(wished) > 1:
        raise click.UsageError(f"{' and '.join(wished)} cannot be had at once.")
    if as_json and (docs or record is not None):
        raise click.UsageError(f"{wished[0]} makes no record to print.")
    if record is not None and len(contexts) > 1:
        raise click.UsageError("A record is of one CONTEXT.")
    if record is None and not contexts:
        raise click.UsageError("Missing argument 'CONTEXT...'.")


def _build(contexts: tuple[Path, ...], wishes: Wishes, *, twice: bool, as_json: bool) -> None:
    from builder.build import build
    from builder.record import record_document
    from builder.twice import build_twice

    records: list[dict[str, object]] = []
    for folder in contexts:
        record = build_twice(folder, wishes) if twice else build(folder, wishes)
        records.append(record_document(record))
        outcome = _counted(record.artefacts) + (", bit-identical in two builds," if twice else "")
        wishes.report(f"{record.context.target}: {outcome} in {folder / 'artefacts'}")
        for artefact in record.artefacts:
            if artefact.tells_place:
                wishes.report(f"{artefact.name} tells where it was built, which --twice would not let pass")
            if not as_json:
                _print_digest(artefact, folder)
    if as_json:
        click.echo(json.dumps(records, indent=2, ensure_ascii=False))


def _verify(record: Path, folder: Path, wishes: Wishes) -> None:
    from builder.verify import verify

    artefacts = verify(record, folder, wishes)
    wishes.report(f"{_counted(artefacts)} as {record} says")
    for artefact in artefacts:
        _print_digest(artefact, folder)


def _build_docs(contexts: tuple[Path, ...], wishes: Wishes) -> None:
    from builder.docs import build_docs

    for folder in contexts:
        click.echo(build_docs(folder, wishes))


def _print_digest(artefact: Artefact, folder: Path) -> None:
    click.echo(f"{artefact.digest.removeprefix('sha256:')}  {folder / 'artefacts' / artefact.name}")


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


def _counted(artefacts: tuple[Artefact, ...]) -> str:
    return "1 artefact" if len(artefacts) == 1 else f"{len(artefacts)} artefacts"
