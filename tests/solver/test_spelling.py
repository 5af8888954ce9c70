"""Which names are offered for one that is not there."""

from __future__ import annotations

import pytest

from solver.spelling import VERY_MUCH_ALIKE, comes_with_ocaml, nearest, package_of_library

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
        ("ltw", ("lwt",)),
        ("dnue", ("dune",)),
    ],
)
def test_nearest(word: str, expected: tuple[str, ...]) -> None:
    assert nearest(word, NAMES) == expected


def test_only_what_is_very_much_alike_is_offered_as_a_repair() -> None:
    assert nearest("unix", NAMES) == ("extunix",)
    assert nearest("unix", NAMES, alike=VERY_MUCH_ALIKE) == ()


def test_a_library_is_of_the_package_that_its_name_begins_with() -> None:
    assert package_of_library("lwt.unix", NAMES) == "lwt"
    assert nearest("lwt.unix", NAMES) == nearest("lwt.unix", NAMES, most=1, alike=VERY_MUCH_ALIKE) == ("lwt",)
    assert package_of_library("lwtt.unix", NAMES) == package_of_library("lwt", NAMES) == ""


def test_libraries_of_the_compiler_have_no_package() -> None:
    assert comes_with_ocaml("threads.posix") and comes_with_ocaml("unix")
    assert not comes_with_ocaml("lwt.unix")
