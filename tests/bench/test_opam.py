"""What opam prints is read as it is meant."""

from __future__ import annotations

import pytest

from bench.opam import Answer, read_answer, read_variables


def test_variables_of_opam() -> None:
    listing = """\
<><> Global opam variables ><><><><><><><>

arch              x86_64                      # Inferred from system
exe                                           # Suffix needed for executable filenames (Windows)
os-version        12                          # Inferred from system
sys-ocaml-cc      cc                          # Host C Compiler type, if any
beta              true                        # A flag
"""
    assert read_variables(listing) == {
        "arch": "x86_64",
        "exe": "",
        "os-version": "12",
        "sys-ocaml-cc": "cc",
        "beta": True,
    }


def test_what_opam_would_install() -> None:
    actions = [
        {"install": {"name": "lwt", "version": "6.1.2"}},
        {"install": {"name": "dune", "version": "3.24.2"}},
    ]
    told = read_answer({"exit": 0, "said": "", "solution": actions})
    assert told == Answer({"lwt": "6.1.2", "dune": "3.24.2"})


def test_why_opam_cannot() -> None:
    conflict = {"conflicts": {"causes": ["Missing dependency:\n- ocaml < 4\n"]}, "exit": 20, "said": ""}
    assert read_answer(conflict) == Answer(None, "Missing dependency: - ocaml < 4")
    nowhere = {"exit": 5, "said": "[ERROR] lib: unmet availability conditions: 'os = \"win32\"'\n"}
    assert read_answer(nowhere).packages is None
    assert "unmet availability" in read_answer(nowhere).reason


def test_an_answer_in_haste_and_none() -> None:
    late = {"exit": 60, "said": "timed out", "solution": []}
    assert read_answer(late).undecided
    assert read_answer({**late, "exit": 0, "hasty": True}) == Answer({}, hasty=True)


def test_anything_but_installing_is_refused() -> None:
    with pytest.raises(ValueError, match="something else"):
        read_answer({"exit": 0, "said": "", "solution": [{"remove": {"name": "lwt", "version": "1"}}]})
