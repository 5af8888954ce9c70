"""Which names are offered for one that is not there."""

from __future__ import annotations

import pytest

from solver.spelling import VERY_MUCH_ALIKE, nearest

NAMES = ("cohttp", "cohttp-lwt", "core", "dune", "extunix", "lwt", "lwt_ppx", "osh", "re")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cohtp", ("cohttp",)),
        ("Cohttp", ("cohttp",)),
        ("LWT", ("lwt",)),
        ("lwt-ppx", ("lwt_ppx",)),
        ("nosuch", ()),
        ("cor", ("core",)),
        ("lwr", ("lwt",)),
        ("coru", ("core",)),
    ],
)
def test_nearest(word: str, expected: tuple[str, ...]) -> None:
    assert nearest(word, NAMES) == expected


def test_only_what_is_very_much_alike_is_offered_as_a_repair() -> None:
    assert nearest("unix", NAMES) == ("extunix",)
    assert nearest("unix", NAMES, alike=VERY_MUCH_ALIKE) == ()
