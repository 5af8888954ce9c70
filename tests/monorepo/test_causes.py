"""What changed from one lock to another, and why, as `mono diff` says it."""

from __future__ import annotations

from dataclasses import replace

import click
import pytest

from monorepo.cli.causes import change_rows
from monorepo.cli.summary import change_lines
from monorepo.lock.causes import Causes
from monorepo.lock.difference import difference
from monorepo.lock.model import Lock, LockedRepository
from tests.monorepo.test_seeing import lock_with, locked, root, target

HERE = lock_with(root("lib"), locked("lib.1"))
BOTH = ("host", "mac")
TWO = (target("host"), target("mac"))


def moved(lock: Lock, commit: str) -> Lock:
    return replace(
        lock, repositories=(LockedRepository("test", "git+https://example.org", commit=commit * 40),)
    )


def in_folder(lock: Lock, content: str) -> Lock:
    return replace(
        lock, repositories=(LockedRepository("test", "repository", content=f"sha256:{content * 64}"),)
    )


CASES = {
    "a root asks for more": (
        HERE,
        lock_with(root("lib", "new {>= 2}"), locked("lib.1"), locked("new.2")),
        ["+ new 2", "    app asks for it {>= 2}", "~ app dev: its opam file changed: depends: + new >= 2"],
    ),
    "a newer version needs more": (
        HERE,
        lock_with(root("lib"), locked("lib.2", "deep {>= 1}"), locked("deep.1")),
        ["+ deep 1", "    needed by lib 2 (was 1)", "~ lib 1 -> 2", "    a newer version was taken"],
    ),
    "the repository moved": (
        moved(HERE, "a"),
        moved(lock_with(root("lib"), locked("lib.2")), "b"),
        [
            "~ repository test aaaaaaaaaaaa -> bbbbbbbbbbbb",
            "~ lib 1 -> 2",
            "    the repository test moved",
        ],
    ),
    "of a folder another version was read": (
        in_folder(HERE, "a"),
        in_folder(lock_with(root("lib"), locked("lib.2")), "b"),
        [
            "~ repository test: other opam files were read of it, of lib",
            "~ lib 1 -> 2",
            "    a newer version was taken",
        ],
    ),
    "of a folder other packages were read": (
        in_folder(lock_with(root("lib", "old"), locked("lib.1"), locked("old.1"), locked("same.1")), "a"),
        in_folder(
            lock_with(
                root("lib", "new"), locked("lib.1", metadata="other"), locked("new.1"), locked("same.1")
            ),
            "b",
        ),
        [
            "~ repository test: other opam files were read of it, of lib, new and old",
            *("+ new 1", "    app asks for it", "- old 1", "    app asks for it no more"),
            "~ app dev: its opam file changed: depends: - old, + new",
            "~ lib 1: its opam file changed",
        ],
    ),
    "of a folder what was read is of nothing in the lock": (
        in_folder(HERE, "a"),
        in_folder(HERE, "b"),
        ["~ repository test: other opam files were read of it, none of a locked package"],
    ),
    "nobody needs it": (
        lock_with(root("lib"), locked("lib.1", "deep"), locked("deep.1", "deeper"), locked("deeper.1")),
        lock_with(root("lib"), locked("lib.0")),
        [
            *("- deep 1", "    lib 0 (was 1) needs it no more"),
            *("- deeper 1", "    nobody needs it any more: deep 1 is gone"),
            *("~ lib 1 -> 0", "    an older version was taken, which nothing else in the lock asks for"),
        ],
    ),
    "another package wants it": (
        lock_with(root("lib", "other"), locked("lib.1"), locked("other.1", "lib")),
        lock_with(root("lib", "other"), locked("lib.2"), locked("other.3", "lib {>= 2}")),
        [
            "~ lib 1 -> 2",
            "    other 3 (was 1) needs lib >= 2",
            "~ other 1 -> 3",
            "    a newer version was taken",
        ],
    ),
    "it would not have another package": (
        lock_with(root("lib", "base"), locked("lib.2", "base {< 5}"), locked("base.4")),
        lock_with(root("lib", "base {>= 5}"), locked("lib.1"), locked("base.5")),
        [
            *("~ base 4 -> 5", "    app needs base >= 5"),
            *("~ lib 2 -> 1", "    lib 2 needs base < 5"),
            "~ app dev: its opam file changed: depends: - base, + base >= 5",
        ],
    ),
    "it conflicts": (
        lock_with(root("lib"), locked("lib.2", conflicts=("other {>= 2}", "another {= version}"))),
        lock_with(root("lib", "other"), locked("lib.1"), locked("other.2")),
        [
            *("+ other 2", "    app asks for it"),
            *("~ lib 2 -> 1", "    lib 2 conflicts with other >= 2"),
            "~ app dev: its opam file changed: depends: + other",
        ],
    ),
    "a bound is gone": (
        lock_with(root("lib", "other"), locked("lib.1"), locked("other.1", "lib {< 2}")),
        lock_with(root("lib", "other"), locked("lib.2"), locked("other.2", "lib {< 3}")),
        [
            *("~ lib 1 -> 2", "    other 1 needs lib < 2, and other 2 does not"),
            *("~ other 1 -> 2", "    other 1 needs lib < 2"),
        ],
    ),
    "the project's own bounds are gone": (
        lock_with(
            root("lib {< 2}", "other"), locked("lib.1"), locked("other.1"), constraints=("other {< 2}",)
        ),
        lock_with(root("lib", "other"), locked("lib.2"), locked("other.2", "lib {>= 2}")),
        [
            *("~ lib 1 -> 2", "    app needs lib < 2 no more", "    other 2 (was 1) needs lib >= 2"),
            *("~ other 1 -> 2", "    the project's bound other < 2 is gone"),
            "~ app dev: its opam file changed: depends: - lib < 2, + lib",
        ],
    ),
    "metadata of the same version": (
        lock_with(root("lib"), locked("lib.1", metadata="sha256:a")),
        lock_with(root("lib"), locked("lib.1", "base", metadata="sha256:b"), locked("base.1")),
        [
            "+ base 1",
            "    needed by lib 1 (other opam file)",
            "~ lib 1: its opam file changed: depends: + base",
        ],
    ),
    "a target more": (
        HERE,
        lock_with(
            root("lib", targets=BOTH),
            locked("lib.1", targets=BOTH),
            locked("x.1", targets=["mac"]),
            targets=(TWO[0], target("mac", requires=("x",))),
        ),
        [
            *("+ x 1", "    target mac asks for it", "    target mac is new"),
            *("~ app dev: the program for mac needs it now", "~ lib 1: the program for mac needs it now"),
        ],
    ),
    "not available on a new target": (
        lock_with(root("lib"), locked("lib.2", available='os = "linux"')),
        lock_with(root("lib", targets=BOTH), locked("lib.1", targets=BOTH), targets=TWO),
        ["~ lib 2 -> 1", "    lib 2 is not available on mac", "~ app dev: the program for mac needs it now"],
    ),
    "versions that part": (
        lock_with(root("lib", targets=BOTH), locked("lib.1", targets=BOTH), targets=TWO),
        lock_with(root("lib", targets=BOTH), locked("lib.1", targets=["mac"]), locked("lib.2"), targets=TWO),
        [
            "+ lib 2",
            "    no one version of it will do for all targets any more",
            "~ lib 1: the program for host needs it no more",
        ],
    ),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_each_change_has_its_cause(before: Lock, after: Lock, expected: list[str]) -> None:
    changes, causes = difference(before, after), Causes(before, after)
    assert [click.unstyle(line) for line in change_lines(changes, causes)] == expected
    rows = list(change_rows(changes, causes))
    assert all(row["causes"] for row in rows)
    short = [line for line in expected if not line.startswith("    ") and "repository" not in line]
    assert len(rows) == len(short)


def test_equal_locks_differ_in_nothing() -> None:
    assert list(change_lines(difference(HERE, HERE), Causes(HERE, HERE))) == []
