"""Lines and tables, folded to a terminal and whole elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import termios
from contextlib import suppress
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monorepo.cli.output import fold, table_lines
from tests.monorepo.fetch.sources import put
from tests.support.programs import Program

HERE = Path(__file__).parent


def test_a_line_is_folded_between_words_and_indented() -> None:
    assert fold("  held back by lwt-domain", 16) == ["  held back by", "      lwt-domain"]
    assert fold("  held back by lwt-domain", None) == ["  held back by lwt-domain"]


def test_colours_take_no_room() -> None:
    red = click.style("error:", fg="red", bold=True)
    assert fold(f"{red} it is gone", 17) == [f"{red} it is gone"]
    assert fold(f"{red} it is gone", 16) == [f"{red} it is", "    gone"]


WORDS = st.lists(st.text("abc{}", min_size=1, max_size=12), min_size=1, max_size=20)


@given(WORDS, st.integers(20, 60), st.integers(0, 4))
def test_nothing_is_lost_and_only_what_is_too_long_sticks_out(
    words: list[str], columns: int, margin: int
) -> None:
    lines = fold(" " * margin + " ".join(words), columns)
    assert " ".join(lines).split() == words
    assert all(len(line) <= columns for line in lines)
    assert all(line.startswith(" " * margin) for line in lines)


ROWS = [
    ("package", "newest", "held back by"),
    ("lwt", "6.1", ""),
    ("cmdliner", "2.0", "fsevents-lwt 0.3.0 needs cmdliner < 2.0.0"),
]


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (
            None,
            [
                "package   newest  held back by",
                "lwt       6.1",
                "cmdliner  2.0     fsevents-lwt 0.3.0 needs cmdliner < 2.0.0",
            ],
        ),
        (
            56,
            [
                "package   newest  held back by",
                "lwt       6.1",
                "cmdliner  2.0     fsevents-lwt 0.3.0 needs cmdliner <",
                "                  2.0.0",
            ],
        ),
        (
            40,
            [
                "package   newest",
                "    held back by",
                "lwt       6.1",
                "cmdliner  2.0",
                "    fsevents-lwt 0.3.0 needs cmdliner <",
                "    2.0.0",
            ],
        ),
    ],
)
def test_a_table_is_folded_in_its_last_column_or_below(columns: int | None, lines: list[str]) -> None:
    assert list(table_lines(ROWS, columns)) == lines


@pytest.mark.parametrize("columns", [48, 80, 160])
def test_what_is_said_fits_the_terminal(columns: int, mono: Program, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(HERE / "project", project)
    toml = project / "mono.toml"
    toml.write_text(
        f'{toml.read_text(encoding="utf-8")}[solve]\nconstraints = ["gret {{< 1}}"]\n', encoding="utf-8"
    )
    (project / "lost.opam").write_text('opam-version: "2.0"\ndepends: ["greet" {>= "9"}]\n', encoding="utf-8")
    failure = said_on_a_terminal(mono, columns, project, "lock")
    (project / "lost.opam").unlink()
    warning = said_on_a_terminal(mono, columns, project, "lock")
    rows = said_on_a_terminal(mono, columns, project, "why", "ocaml")
    shutil.rmtree(project / "archives")
    details = said_on_a_terminal(mono, columns, project, "pull", "--offline")
    assert any("is offline" in line for line in details)
    assert all(len(line) <= columns or " " not in line.strip() for line in details), details
    for lines in (failure, warning, rows):
        assert lines
        assert all(len(line) <= columns for line in lines), lines
    if columns > 80:
        assert any("did you mean greet?" in line for line in warning)


def said_on_a_terminal(mono: Program, columns: int, folder: Path, *arguments: str) -> list[str]:
    """The lines that mono writes to a terminal of so many columns."""
    outside, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    command = [mono.executable, *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=mono.environment, stdin=subprocess.DEVNULL, stdout=inside, stderr=inside
    ) as process:
        os.close(inside)
        said = b""
        with suppress(OSError):  # at the end, when nobody holds the other side
            while part := os.read(outside, 65536):
                said += part
        process.wait(60)
    os.close(outside)
    return click.unstyle(said.decode("utf-8")).splitlines()


@pytest.mark.parametrize("columns", [80, 200])
def test_what_is_in_the_cache_fits_the_terminal(columns: int, mono: Program, tmp_path: Path) -> None:
    """An entry is a line that tells what it is of, whatever the length of its name; a pipe has it whole."""
    project = tmp_path / "project"
    shutil.copytree(HERE / "project", project)
    mono("lock", folder=project).succeeded()
    mono("pull", folder=project).succeeded()
    put(mono.cache, f"git/{'c0' * 20}/url", b"https://example.org/a/repository-of-a-rather-long-name\n")
    put(mono.cache, f"git/{'c0' * 20}.commits/url", b"https://example.org/x\n")
    piped = mono("cache", "list", "--all", folder=project).succeeded().stdout.splitlines()
    shown = said_on_a_terminal(mono, columns, project, "cache", "list", "--all")
    assert len(shown) == len(piped)
    assert all(len(line) <= columns for line in shown), shown
    assert [line.split()[0] for line in shown] == [line.split()[0] for line in piped]
    archive, history = (next(line for line in shown if room in line) for room in ("archives", "(history)"))
    digest = "1cf7b09ce69287c8e7e600d1e478b0813005b700e6e10da3eb25f1ca26614a54"
    whole = f"sha256/1c/{digest}"
    assert (whole if columns == 200 else f"{digest[:9]}…") in archive and archive.endswith("greet")
    assert any(whole in line for line in piped)
    assert history.endswith("https://example.org/x (history)")
    assert any(line.endswith("/repository-of-a-rather-long-name") for line in piped)
