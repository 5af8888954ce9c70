"""How a run ends, whatever a command does: in words and an exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from monorepo.cli.group import mono
from monorepo.cli.run import run
from monorepo.cli.settings import json_option
from monorepo.cli.words import error_text
from monorepo.errors import FetchError
from overlays.errors import OpamSyntaxError, RepositoryUnreadable


def ending(body: Callable[[], object]) -> click.Command:
    return click.Command("mono", callback=body)


def raising(error: BaseException) -> Callable[[], object]:
    def body() -> None:
        raise error

    return body


ENDINGS = [
    (FetchError("it is gone", "https://example.org/x", "try again", ("first", "second")), 1,
     "error: https://example.org/x: it is gone\n  first\n  second\nhint: try again\n"),
    (OpamSyntaxError("expected a value", "a.opam", 3, 5, "depends: |"), 1,
     "error: a.opam:3:5: expected a value\n  depends: |\n"),
    (RepositoryUnreadable("opam", "repository", "no such folder"), 1, "error: opam: repository: no such folder\n"),
    (PermissionError(13, "Permission denied", "mono.lock"), 1, "error: mono.lock: Permission denied\n"),
    (ZeroDivisionError("division\nby zero"), 70,
     "error: mono itself failed: ZeroDivisionError: division by zero; please report this with what --debug adds\n"),
    (KeyboardInterrupt(), 130, "\n"),
    (click.ClickException("odd"), 1, "error: odd\n"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "status", "told"), ENDINGS, ids=[type(row[0]).__name__ for row in ENDINGS])
def test_endings(error: BaseException, status: int, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], ending(raising(error))) == status
    captured = capsys.readouterr()
    assert captured.err == told
    assert captured.out == ""


OF_EVERY_FAILURE = ["error", "code", "place", "hint", "details"]


@pytest.mark.parametrize(("error", "status", "told"), ENDINGS, ids=[type(row[0]).__name__ for row in ENDINGS])
def test_a_failure_is_one_document_with_json(
    error: BaseException, status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = json_option("As JSON.")(click.command("mono")(lambda as_json: raising(error)()))
    assert run(["--json"], command) == status
    captured = capsys.readouterr()
    assert captured.err == told
    if isinstance(error, Exception):
        assert list(json.loads(captured.out)) == OF_EVERY_FAILURE
    else:
        assert captured.out == ""


MORE = {"pull": ("--check",)}
"""What --json goes with alone."""


def _commands_with_json() -> Iterator[str]:
    context = click.Context(mono)
    for name in mono.list_commands(context):
        command = mono.get_command(context, name)
        assert command is not None
        if any("--json" in parameter.opts for parameter in command.params):
            yield name


@pytest.mark.parametrize("name", list(_commands_with_json()))
def test_every_command_with_json_fails_with_one_document(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a folder where there is nothing to work with but a broken mono.toml."""
    (tmp_path / "mono.toml").write_text("what?", encoding="utf-8")
    command = mono.get_command(click.Context(mono), name)
    assert command is not None
    arguments = [
        "x" for parameter in command.params if isinstance(parameter, click.Argument) and parameter.required
    ]
    options = ["-C", str(tmp_path), "--cache-dir", str(tmp_path / "cache")]
    status = run([*options, name, "--json", *MORE.get(name, ()), *arguments])
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    if name == "status":
        assert status == 0  # it tells of whatever is wrong
        return
    assert status == 1
    assert list(told)[:5] == OF_EVERY_FAILURE
    assert told["error"] in captured.err
    assert told["hint"] in captured.err


def test_what_a_file_holds_cannot_command_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "mono.toml").write_text("a\n\x1b[2Jname = 1\n", encoding="utf-8")
    told = click.unstyle(error_text(FetchError("bad", "mono.toml:2"), tmp_path))
    assert told == "error: mono.toml:2: bad\n  2 | \ufffd[2Jname = 1"


def test_a_good_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], ending(lambda: click.echo("done"))) == 0
    assert capsys.readouterr().out == "done\n"
