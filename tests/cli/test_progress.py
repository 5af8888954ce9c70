"""Progress: lines where there is no terminal, bars that vanish where there is one."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

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


def test_bars_count_what_is_finished() -> None:
    drawn = Progress(console=Console(file=io.StringIO(), force_terminal=True, width=80))
    work(Drawing(drawn))
    (stage,) = drawn.tasks
    assert (stage.description, stage.completed, stage.total) == ("preparing", 1, 1)


def test_many_items_at_once_get_few_bars() -> None:
    drawn = Progress(console=Console(file=io.StringIO(), force_terminal=True, width=80))
    drawing = Drawing(drawn)
    drawing.started("fetching", 50)
    for number in range(50):
        drawing.advanced(f"package-{number}", 1, 2)
    assert len(drawn.tasks) == 7
