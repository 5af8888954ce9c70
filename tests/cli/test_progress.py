"""Progress: lines where there is no terminal, a display where there is one."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from monorepo.cli.progress import Drawing, Lines
from monorepo.cli.talk import Talk
from monorepo.fetch.progress import Progress as Hearing


def work(hearing: Hearing) -> None:
    """Two stages, as a pull goes through them."""
    hearing.started("fetching", 2)
    for item in ("lwt", "re"):
        hearing.advanced(item, 10, None)
        hearing.advanced(item, 20, 20)
    hearing.noted("a mirror was passed over")
    hearing.finished("lwt")
    hearing.finished("re")
    hearing.started("preparing", 1)
    hearing.finished("re")


@pytest.mark.parametrize(
    ("talk", "told"),
    [
        (Talk(), "fetching 2 sources\nnote: a mirror was passed over\npreparing 1 source\n"),
        (
            Talk(verbose=True),
            "fetching 2 sources\nnote: a mirror was passed over\n  lwt\n  re\npreparing 1 source\n  re\n",
        ),
        (Talk(quiet=True), ""),
    ],
    ids=["plain", "verbose", "quiet"],
)
def test_lines(talk: Talk, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    work(Lines(talk))
    captured = capsys.readouterr()
    assert captured.err == told
    assert captured.out == ""


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def shown(drawn: Drawing, console: Console) -> list[list[str]]:
    """The words of each line, without the bars."""
    with console.capture() as captured:
        console.print(drawn)
    lines = captured.get().splitlines()
    assert all(len(line) <= console.width - 4 for line in lines)
    return [line.replace("━", " ").replace("╸", " ").replace("╺", " ").split() for line in lines]


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=80, color_system=None)


def test_what_is_shown_of_a_stage(console: Console) -> None:
    clock = Clock()
    drawn = Drawing(console, clock)
    assert shown(drawn, console) == []
    drawn.started("fetching", 3)
    drawn.advanced("lwt", 0, 5000)
    drawn.advanced("resumed", 40_000, None)
    clock.now += 0.4
    assert shown(drawn, console) == [["fetching", "0/3"]]
    clock.now += 0.6
    drawn.advanced("lwt", 2500, 5000)
    drawn.advanced("resumed", 41_000, None)
    assert shown(drawn, console) == [
        ["fetching", "0/3", "·", "3.5", "kB", "3.5", "kB/s"],
        ["lwt", "2.5", "kB", "of", "5.0", "kB", "2.5", "kB/s"],
        ["resumed", "41.0", "kB", "1.0", "kB/s"],
    ]
    drawn.finished("lwt")
    assert [line[:2] for line in shown(drawn, console)] == [["fetching", "1/3"], ["resumed", "41.0"]]
    drawn.started("preparing", 2)
    drawn.finished("re")
    assert shown(drawn, console) == [["preparing", "1/2"]]


def test_a_download_that_begins_anew_does_not_take_back_what_came(console: Console) -> None:
    clock = Clock()
    drawn = Drawing(console, clock)
    drawn.started("fetching", 1)
    drawn.advanced("lwt", 1000, 5000)
    drawn.advanced("lwt", 4000, 5000)
    drawn.advanced("lwt", 500, 5000)
    clock.now += 1
    drawn.advanced("lwt", 1500, 5000)
    assert shown(drawn, console)[0][3:5] == ["4.0", "kB"]


def test_of_many_items_the_longest_running_are_shown(console: Console) -> None:
    clock = Clock()
    drawn = Drawing(console, clock)
    drawn.started("fetching", 50)
    for number in range(50):
        drawn.advanced(f"package-{number}", 1, 2)
        clock.now += 0.1
    assert [line[0] for line in shown(drawn, console)[1:]] == [f"package-{number}" for number in range(5)]


def test_names_are_no_markup(console: Console) -> None:
    clock = Clock()
    drawn = Drawing(console, clock)
    drawn.started("fetching", 1)
    drawn.advanced("[bold]lwt[/]\x1b[2J", 1, 2)
    clock.now += 1
    assert shown(drawn, console)[1][0].startswith("[bold]lwt[/]")


def test_notes_stay(console: Console) -> None:
    Drawing(console).noted("a [mirror] was passed over")
    assert console.file.getvalue() == "note: a [mirror] was passed over\n"  # type: ignore[attr-defined]
