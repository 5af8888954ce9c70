"""What dune ran, from either account that it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.commands import Command, commands_of, read_log, read_trace

LOG = """\
# dune build
$ /usr/bin/ocamlc.opt -config > /tmp/dune.output
$ (cd /mono/build/default && /usr/bin/ocamldep.opt -modules main.ml) > /mono/build/default/main.ml.d
$ (cd /mono/build/default && /usr/bin/ocamlopt.opt -I 'with blank' -o main.exe lib/lib.cmxa main.cmx)
$ (cd '/mono/build/a folder' && /bin/cc -o x.o -c x.c) 2> /tmp/errors
> an answer -o that is no command
$ (cd /mono/build/default && /bin/sh -c 'several -o
lines')
$ (cd _build/default && odd ' -o quotes)
"""


def test_the_log() -> None:
    assert list(read_log(LOG)) == [
        Command(
            "/mono/build/default",
            (
                *("/usr/bin/ocamlopt.opt", "-I", "with blank", "-o", "main.exe"),
                *("lib/lib.cmxa", "main.cmx"),
            ),
        ),
        Command("/mono/build/a folder", ("/bin/cc", "-o", "x.o", "-c", "x.c")),
        Command("_build/default", ("odd", "'", "-o", "quotes")),
    ]


def sexp(value: object) -> bytes:
    if isinstance(value, bytes | str):
        text = value.encode() if isinstance(value, str) else value
        return b"%d:%s" % (len(text), text)
    assert isinstance(value, list | tuple)
    return b"(" + b"".join(map(sexp, value)) + b")"


def finished(folder: str, program: str, *arguments: str) -> bytes:
    """An event of dune 3.22 and later."""
    times = ["1787000000000000000", "15000000"]
    fields = [
        ["process_args", list(arguments)],
        ["pid", "7"],
        ["categories", ["ocamlopt"]],
        ["prog", program],
        ["dir", folder],
        ["exit", "0"],
        ["target_files", ["_build/default/main.exe"]],
        ["rusage", [["user_cpu_time", "1"]]],
    ]
    return sexp(["process", "finish", times, *fields])


LINK = finished("_build/default", "/usr/bin/ocamlopt.opt", "-o", "main.exe", "lib.cmxa", "a (b) 7:process")
COMPILE = finished("_build/default", "cc", "-o", "x.o")
OTHERS = sexp(["config", "init", "17", ["build_dir", "_build"]]) + finished(
    "_build/default", "ocamldep", "x.ml"
)


def test_the_trace() -> None:
    assert list(read_trace(OTHERS + LINK + OTHERS + COMPILE)) == [
        Command("_build/default", ("/usr/bin/ocamlopt.opt", "-o", "main.exe", "lib.cmxa", "a (b) 7:process")),
        Command("_build/default", ("cc", "-o", "x.o")),
    ]


@pytest.mark.parametrize("length", range(0, len(LINK), 7))
def test_a_trace_that_is_broken_off(length: int) -> None:
    commands = list(read_trace(COMPILE + LINK[:length]))
    assert commands == [Command("_build/default", ("cc", "-o", "x.o"))]


@given(st.binary(max_size=60))
def test_what_is_no_trace(noise: bytes) -> None:
    assert list(read_trace(noise + b"(7:process6:finish" + noise)) == []


def test_the_log_counts_where_there_is_one(tmp_path: Path) -> None:
    assert list(commands_of(tmp_path)) == []
    (tmp_path / "trace.csexp").write_bytes(LINK)
    assert len(list(commands_of(tmp_path))) == 1
    (tmp_path / "log").write_text(LOG)
    assert len(list(commands_of(tmp_path))) == 3
