"""Locks of two programs are compared version by version."""

from __future__ import annotations

from bench.versions import older_than, pinned_versions, told
from overlays.opam_file import OpamFile, read_package
from solver.version import Version

LOCKED = """\
opam-version: "2.0"
depends: [
  "base-unix" {= "base" & ?vendor}
  "lwt" {= "5.7.0" & ?vendor}
  "dune" {= "3.17.2"}
  "loose" {>= "1"}
]
"""


def versions(**texts: str) -> dict[str, Version]:
    return {name: Version.parse(text) for name, text in texts.items()}


def test_a_locked_opam_file() -> None:
    package = read_package(OpamFile.parse(LOCKED, "bench.opam.locked"), "bench", "dev")
    assert {name: str(version) for name, version in pinned_versions(package).items()} == {
        "base-unix": "base",
        "lwt": "5.7.0",
        "dune": "3.17.2",
    }


def test_older_and_newer_are_told() -> None:
    ours, theirs = versions(a="1.10", b="2", c="1", d="1"), versions(a="1.9", b="3", c="1.0", e="1")
    assert list(older_than("abcde", ours, theirs)) == ["b", "c"]
    assert told("ab", ours, theirs) == "0 equal, a 1.10 (not 1.9), OLDER: b 2 (not 3)"
    assert told("a", None, theirs) == "MONO DOES NOT LOCK IT"
    assert told("a", ours, None) == "opam-monorepo lock does not lock it"
    assert told("a", None, None) == "neither locks it"
