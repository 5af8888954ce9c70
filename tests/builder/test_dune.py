"""The first error in what dune says."""

from __future__ import annotations

import pytest

from builder.dune import first_error

WARNING = """\
File "duniverse/old/dune", line 2, characters 1-9:
Warning: this is deprecated
"""
TYPE_ERROR = """\
File "bin/main.ml", line 1, characters 9-10:
1 | let () = 3 + "x"
                 ^^^
Error: This expression has type string but an expression was expected of type
         int
"""
SECOND = """\
File "bin/other.ml", line 7, characters 0-1:
Error: Syntax error
"""
C_ERROR = """\
File "bin/dune", line 5, characters 38-42:
bin/stub.c:2:10: fatal error: absent.h: No such file or directory
compilation terminated.
"""


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (TYPE_ERROR, TYPE_ERROR),
        (WARNING + TYPE_ERROR + SECOND, TYPE_ERROR),
        ("    ocamlopt bin/main.exe (exit 2)\n" + TYPE_ERROR, TYPE_ERROR),
        (WARNING, WARNING),
        (C_ERROR + SECOND, C_ERROR),
        ("Error: Invalid first line\n", "Error: Invalid first line\n"),
        ("something went wrong\n", "something went wrong\n"),
        ("", ""),
        (
            "\n".join(f"line {number}" for number in range(100)),
            "\n".join(f"line {number}" for number in range(20)),
        ),
    ],
)
def test_first_error(output: str, expected: str) -> None:
    assert first_error(output) == tuple(expected.splitlines())
