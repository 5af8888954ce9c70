"""Bounds are changed in the text of an opam file, and nothing else of it."""

from __future__ import annotations

import pytest

from overlays.bounds import with_eased_dependency, with_renamed_dependency, without_conflict
from overlays.opam_file import OpamFile, read_package
from solver.version import Version


@pytest.mark.parametrize(
    ("braces", "version", "expected"),
    [
        (' {>= "9"}', "3", ' {>= "3"}'),
        (' { >="9" }', "3", ' { >= "3" }'),
        (' {> "3"}', "3", ' {>= "3"}'),
        (' {>= "1" & < "2" & with-test}', "2", ' {>= "1" & <= "2" & with-test}'),
        (' {build & != "3"}', "3", " {build}"),
        (' {!= "3" & build}', "3", " {build}"),
        (' {!= "3"}', "3", ""),
        (' {= "1" | = "2"}', "3", ""),
        (' {(= "1" | = "2") & os = "linux"}', "3", ' {os = "linux"}'),
        (' {os = "linux" & >= "9"}', "3", ' {os = "linux" & >= "3"}'),
        (' {(>= "9")}', "3", ' {>= "3"}'),
        (' {build & (>= "9" & < "10")}', "3", ' {build & (>= "3" & < "10")}'),
        (" {= version}", "3", ""),
        (' {>= "9" & >= version}', "3", ' {>= "3"}'),
        (' {>= "9" & = _:version & os = "3.0"}', "3", ' {>= "3" & os = "3.0"}'),
        (' {>= "v9"}', "v3", ' {>= "v3"}'),
        (' { >= "9" # why\n}', "3", ' { >= "3" # why\n}'),
        (' {  >="1"}', "3", ' {  >="1"}'),
        (" {build}", "3", " {build}"),
        ("", "3", ""),
    ],
)
def test_braces(braces: str, version: str, expected: str) -> None:
    text = 'depends: [\n  "p"{} # mine\n  "q" {{>= "9"}}\n]\n'
    eased = with_eased_dependency(OpamFile.parse(text.format(braces)), "p", [Version.parse(version)])
    assert str(eased) == text.format(expected)


TEXT = """\
# mine
depends: [
  "lib"   {>= "9"}  # the newest
  ("lib-extra" | "lib" {< "2"})
  "other" {= "lib"}
]
synopsis: "lib"
"""


def test_every_mention_that_must_hold_is_eased() -> None:
    """One in a choice does not: what was proved to help leaves it alone."""
    text = TEXT.replace('  "other"', '  ("lib" {>= "8"} & "lab")\n  "other"')
    eased = str(with_eased_dependency(OpamFile.parse(text), "lib", [Version.parse("3")]))
    assert eased == text.replace('>= "9"', '>= "3"').replace('>= "8"', '>= "3"')


def test_every_mention_of_a_dependency_is_renamed() -> None:
    renamed = str(with_renamed_dependency(OpamFile.parse(TEXT), "lib", "lab"))
    assert renamed == TEXT.replace('"lib"   {', '"lab"   {').replace('| "lib"', '| "lab"')


CONFLICTS = """\
conflicts: [
  "a" {< "5"}  # of old
  ("b" | "c" {= "1"} | ("d"))
  "e" "f"
]
synopsis: "x"
"""


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [
        (0, '"a" {< "5"}  # of old', "# of old"),
        (1, '("b" | "c"', '("c"'),
        (2, ' | "c" {= "1"}', ""),
        (3, ' | ("d")', ""),
        (5, ' "f"', ""),
        (6, "", ""),
    ],
)
def test_one_conflict_is_dropped(number: int, old: str, new: str) -> None:
    """They are counted as `Package.conflicts` has them."""
    file = without_conflict(OpamFile.parse(CONFLICTS), number)
    assert str(file) == CONFLICTS.replace(old, new, 1)
    before = read_package(OpamFile.parse(CONFLICTS), "p", "1").conflicts
    after = read_package(file, "p", "1").conflicts
    assert after == tuple(each for position, each in enumerate(before) if position != number)


@pytest.mark.parametrize("value", ['"a"', '["a" {< "2"}]', '[("a")]'])
def test_the_field_goes_with_the_last_conflict(value: str) -> None:
    text = f'depends: []\nconflicts: {value}\nsynopsis: "x"\n'
    assert str(without_conflict(OpamFile.parse(text), 0)) == 'depends: []\nsynopsis: "x"\n'
    assert str(without_conflict(OpamFile.parse('synopsis: "x"\n'), 0)) == 'synopsis: "x"\n'


def test_what_is_not_there_changes_nothing() -> None:
    assert str(with_eased_dependency(OpamFile.parse(TEXT), "gone", [Version.parse("3")])) == TEXT
    assert str(with_renamed_dependency(OpamFile.parse('synopsis: "x"\n'), "lib", "lab")) == 'synopsis: "x"\n'
