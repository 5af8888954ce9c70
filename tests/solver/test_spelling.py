"""Which names are offered for one that is not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.spelling import comes_with_ocaml, nearest, package_of_library, slip

NAMES = (
    "atd", "base64", "cohttp", "cohttp-lwt", "cohttp-lwt-unix", "conduit-lwt-unix", "core", "curl", "decompress",
    "dkim-lwt-unix", "dune", "extunix", "fmt", "h2-lwt-unix", "jsonm", "jsont", "logs", "lwt", "lwt_ppx", "mirage-clock",
    "mtime", "nocrypto", "ocaml", "ocaml-lsp-server", "ocamlgraph", "osh", "ounit", "ounit2", "ppx_deriving",
    "ppx_deriving_cmdliner", "ppx_sexp_conv", "ppx_sexp_value", "re", "sqlite3", "tls-lwt", "yojson", "zarith",
)  # fmt: skip


@pytest.mark.parametrize(
    ("word", "expected", "slip_for"),
    [
        ("Cohttp", ("cohttp",), "cohttp"),
        ("LWT", ("lwt",), "lwt"),
        ("lwt-ppx", ("lwt_ppx",), "lwt_ppx"),
        ("ocaml-graph", ("ocamlgraph",), "ocamlgraph"),
        ("cohtp", ("cohttp",), "cohttp"),
        ("cohttp-lwt-unx", ("cohttp-lwt-unix", "cohttp-lwt"), "cohttp-lwt-unix"),
        ("ppx-derivng", ("ppx_deriving",), "ppx_deriving"),
        ("decmpres", ("decompress",), "decompress"),
        ("lwr", ("lwt",), "lwt"),
        ("cor", ("core",), "core"),
        ("coru", ("core",), "core"),
        ("ltw", ("lwt",), "lwt"),
        ("dnue", ("dune",), "dune"),
        ("oUnit3", ("ounit", "ounit2"), ""),
        ("json", ("jsonm", "jsont"), ""),
        ("sqlite", ("sqlite3",), "sqlite3"),
        ("graph", ("ocamlgraph",), ""),
        ("ocaml-curl", ("curl",), ""),
        ("ocaml-lsp", ("ocaml-lsp-server",), ""),
        ("ocaml-nothing", (), ""),
        ("ppx_sexp", ("ppx_sexp_conv", "ppx_sexp_value"), ""),
        ("ppx_deriving_show", ("ppx_deriving",), ""),
        ("lwt-unix", ("lwt",), ""),
        ("logs_lwt", ("logs",), ""),
        ("mtime-clock", ("mtime",), ""),
        ("lwt.unix", ("lwt",), "lwt"),
        ("lwtt.unix", ("lwt",), "lwt"),
        ("crypto", ("nocrypto",), ""),
        ("nosuch", (), ""),
        ("-", (), ""),
    ],
)
def test_what_may_be_meant(word: str, expected: tuple[str, ...], slip_for: str) -> None:
    assert nearest(word, NAMES) == expected
    assert slip(word, NAMES) == slip_for


def test_a_library_is_of_the_package_that_its_name_begins_with() -> None:
    assert package_of_library("lwt.unix", NAMES) == "lwt"
    assert package_of_library("lwtt.unix", NAMES) == package_of_library("lwt", NAMES) == ""


LETTERS = st.text("abc", max_size=5)


@given(LETTERS, LETTERS)
def test_a_slip_is_one_letter_put_in_taken_out_or_replaced_or_two_exchanged(word: str, name: str) -> None:
    letters = "abc"
    put_in = {word[:i] + letter + word[i:] for i in range(len(word) + 1) for letter in letters}
    taken_out = {word[:i] + word[i + 1 :] for i in range(len(word))}
    replaced = {word[:i] + letter + word[i + 1 :] for i in range(len(word)) for letter in letters}
    exchanged = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    known = {name} - {""}
    assert bool(slip(word, known)) is bool(known & {word, *put_in, *taken_out, *replaced, *exchanged})


def test_libraries_of_the_compiler_have_no_package() -> None:
    assert comes_with_ocaml("threads.posix") and comes_with_ocaml("unix")
    assert not comes_with_ocaml("lwt.unix")
