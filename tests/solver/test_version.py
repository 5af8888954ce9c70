"""opam's order of versions, against its manual's examples and against dpkg, whose order it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.version import Version

ASCENDING = [
    "~~", "~", "~beta2", "~beta10", "0.1", "1.0~beta", "1.0~beta.1", "1.0~rc", "1.0", "1.0-test", "1.0.1", "1.0.10",
    "1.12", "1.12+dune", "1.12+dune+mirage", "1.12.1", "dev", "trunk",
]  # fmt: skip
EQUAL = [("1.0", "1.0-0"), ("1.0", "1.00"), ("1", "01"), ("v0.16.0", "v0.16.0")]


def test_ascending_as_opam_orders() -> None:
    descending = ASCENDING[::-1]
    assert sorted(descending, key=Version.parse) == ASCENDING


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal(one: str, other: str) -> None:
    assert Version.parse(one) == Version.parse(other)
    assert hash(Version.parse(one)) == hash(Version.parse(other))


def test_letters_after_digits() -> None:
    assert Version.parse("0.16.0") < Version.parse("v0.16.0")


LIMIT = sys.int_info.str_digits_check_threshold


@pytest.mark.parametrize("length", [LIMIT - 1, LIMIT, LIMIT + 1, 4300, 4301, 100_000])
def test_numbers_of_any_length(length: int) -> None:
    ascending = ["9" * (length - 1), f"1{'0' * (length - 1)}", "9" * (length - 1) + "8", "9" * length]
    ascending += [f"{'9' * length}a", f"{'9' * length}.1", f"1{'0' * length}"]
    versions = [Version.parse(text) for text in ascending]
    assert all(one < other for one, other in pairwise(versions))
    for text in (*ascending, "", "1", "1.2"):
        assert Version.parse(f"{'0' * length}{text}") == Version.parse(text or "0")


texts = st.text(alphabet="019.~+-abz", max_size=8)


@given(texts, texts, texts)
def test_total_order(one: str, two: str, three: str) -> None:
    a, b, c = Version.parse(one), Version.parse(two), Version.parse(three)
    assert (a < b) + (b < a) + (a == b) == 1
    if a <= b and b <= c:
        assert a <= c


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="dpkg is not on this machine")
@settings(max_examples=60)
@given(texts.map("1{}".format), texts.map("1{}".format))
def test_agrees_with_dpkg(one: str, two: str) -> None:
    """Debian's order is opam's where both accept the text: no epoch, and no empty revision."""
    if one.endswith("-") or two.endswith("-"):
        return
    later = subprocess.run(["dpkg", "--compare-versions", one, "lt", two], capture_output=True, check=False)
    assert (later.returncode == 0) == (Version.parse(one) < Version.parse(two))
