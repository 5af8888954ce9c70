"""From the text of an opam file to typed values."""

from __future__ import annotations

import pytest

from overlays.errors import OpamSyntaxError
from overlays.opam_file import OpamFile, Preparation, read_package, read_preparation
from solver.formula import ALWAYS, AllOf, AnyOf, Comparison, Constraint, Dependency, Text, Variable
from solver.package import Package, Source
from solver.version import Version

FULL = """opam-version: "2.0"
synopsis: "An example"   # kept
license: ["ISC" "MIT"]
depends: [
  "ocaml" {>= "4.08"}   (* "lwt" in a comment *)
  "dune" {build & "lwt" = os}
  ("lwt" | "async")
]
depopts: ["tls" "ssl"]
conflicts: ["old" {< "2"}]
conflict-class: "engine"
available: os != "win32"
flags: [avoid-version conf]
tags: ["org:mirage" "cross-compile"]
build: [["dune" "build" "-p" name]]
install: []
dev-repo: "git+https://example.org/example.git"
patches: ["one.patch" "two.patch" {os = "macos"}]
substs: "config.ml"
extra-files: [["one.patch" "sha256=AB"] ["two.patch" "00ff"]]
depexts: [
  ["libfoo-dev" "pkg-config"] {os-family="debian"&!(arch = "arm64")}
  "foo" {os = "macos"}
  ["bar"]
]
url {
  src: "https://example.org/example-1.tbz"
  mirrors: ["https://mirror.example/1" "https://swhid.opam.ocaml.org/swh:1:dir:00"]
  checksum: ["SHA256=AB" "0011"]
  subpath: "lib"
}
extra-source "more.tar" { archive: "https://example.org/more" checksum: "md5=22" }
x-maintenance-intent: ["(latest)"]
"""


def test_a_package() -> None:
    file = OpamFile.parse(FULL, "opam")
    assert read_package(file, "example", "1", "overlay", "sha256:00") == Package(
        name="example",
        version=Version.parse("1"),
        depends=AllOf(
            (
                Dependency("ocaml", Constraint(">=", Text("4.08"))),
                Dependency("dune", AllOf((Variable("build"), Comparison(Text("lwt"), "=", Variable("os"))))),
                AnyOf((Dependency("lwt"), Dependency("async"))),
            )
        ),
        conflicts=(Dependency("old", Constraint("<", Text("2"))),),
        conflict_class=("engine",),
        available=Comparison(Variable("os"), "!=", Text("win32")),
        flags=frozenset({"avoid-version", "conf"}),
        has_build=True,
        has_install=False,
        source=Source(
            "https://example.org/example-1.tbz",
            ("https://mirror.example/1", "https://swhid.opam.ocaml.org/swh:1:dir:00"),
            ("sha256=ab", "md5=0011"),
            "lib",
        ),
        dev_repo="git+https://example.org/example.git",
        repository="overlay",
        metadata_hash="sha256:00",
    )


def test_an_empty_file_is_a_package_that_asks_for_nothing() -> None:
    assert read_package(OpamFile.parse(""), "p", Version.parse("1")) == Package(
        "p", Version.parse("1"), ALWAYS
    )


def test_the_preparation_of_a_source() -> None:
    preparation = read_preparation(OpamFile.parse(FULL))
    debian, macos, everywhere = preparation.depexts
    assert preparation == Preparation(
        extra_sources=(("more.tar", Source("https://example.org/more", (), ("md5=22",))),),
        extra_files=(("one.patch", ("sha256=ab",)), ("two.patch", ("md5=00ff",))),
        patches=(("one.patch", None), ("two.patch", Comparison(Variable("os"), "=", Text("macos")))),
        substs=("config.ml",),
        depexts=(debian, macos, everywhere),
        licences=("ISC", "MIT"),
    )
    assert (debian[0], debian[2]) == (
        ("libfoo-dev", "pkg-config"),
        'os-family = "debian" & !(arch = "arm64")',
    )
    assert macos == (("foo",), Comparison(Variable("os"), "=", Text("macos")), 'os = "macos"')
    assert everywhere == (("bar",), None, "")


def test_lists_that_stand_without_their_outer_brackets() -> None:
    preparation = read_preparation(OpamFile.parse('extra-files: ["f" "md5=00"]\ndepexts: ["a" "b"]'))
    assert preparation.extra_files == (("f", ("md5=00",)),)
    assert preparation.depexts == ((("a", "b"), None, ""),)


def test_system_packages_as_opam_1_wrote_them() -> None:
    preparation = read_preparation(OpamFile.parse('depexts: [[["fedora"] ["gcc-c++" "make"]]]'))
    fedora = Comparison(Variable("os-distribution"), "=", Text("fedora"))
    assert preparation.depexts == ((("gcc-c++", "make"), fedora, 'os-distribution = "fedora"'),)


SUBPATHS = [
    'url { src: "u" subpath: "s" }',
    'url { src: "u" x-subpath: "s" }',
    'url { src: "u" }\nx-subpath: "s"',
]


@pytest.mark.parametrize("text", SUBPATHS)
def test_where_a_subpath_is_written(text: str) -> None:
    assert read_package(OpamFile.parse(text), "p", "1").source == Source("u", subpath="s")


MIRRORS = {
    'swhid: "swh:1:dir:00"': ("https://swhid.opam.ocaml.org/swh:1:dir:00",),
    'swhid: "https://swhid.opam.ocaml.org/swh:1:dir:00"': ("https://swhid.opam.ocaml.org/swh:1:dir:00",),
    'swhid: "swh:1:dir:00" mirrors: "m"': ("m", "https://swhid.opam.ocaml.org/swh:1:dir:00"),
    'swhid: "swh:1:dir:00" mirrors: ["https://swhid.opam.ocaml.org/swh:1:dir:00" "m"]': (
        "https://swhid.opam.ocaml.org/swh:1:dir:00",
        "m",
    ),
    "mirrors: []": (),
}


@pytest.mark.parametrize("text", MIRRORS)
def test_the_archive_of_software_heritage_is_a_mirror(text: str) -> None:
    assert read_package(OpamFile.parse(f'url {{ src: "u" {text} }}'), "p", "1").source == Source(
        "u", MIRRORS[text]
    )


def test_generic_access() -> None:
    file = OpamFile.parse(FULL)
    assert file.string("synopsis") == "An example"
    assert file.string("absent") is None
    assert file.strings("license") == ("ISC", "MIT")
    assert file.strings("dev-repo") == ("git+https://example.org/example.git",)
    assert file.strings("absent") == ()
    assert file.field("absent") is None and file.section("absent") is None
    assert [label for label, _ in file.sections("extra-source")] == ["more.tar"]
    assert file.names()[:3] == ("opam-version", "synopsis", "license")
    assert str(file) == FULL


@pytest.mark.parametrize(
    ("package", "line"), [("ocaml", 5), ("dune", 6), ("lwt", 7), ("async", 7), ("os", None)]
)
def test_the_line_of_a_dependency(package: str, line: int | None) -> None:
    assert OpamFile.parse(FULL).line_naming(package, "depends") == line


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('a: "1"\nb: [\n  "2"\n]\nc: "3"\n', 'a: "1"\nc: "3"\n'),
        ('a: "1"\r\nb: "2" \r\n\r\nc: "3"\r\n', 'a: "1"\r\n\r\nc: "3"\r\n'),
        ('a: "1"\n# why\nb: "2" # how\nc: "3"', 'a: "1"\n# why\n # how\nc: "3"'),
        ('a: "b: 1" b: "2" c: "3"', 'a: "b: 1"  c: "3"'),
        ('a: "1"\nb: "2"', 'a: "1"\n'),
        ('a: "b"\n', 'a: "b"\n'),
    ],
)
def test_a_field_is_taken_out(text: str, left: str) -> None:
    assert str(OpamFile.parse(text).without_field("b")) == left


def test_a_file_without_dependencies_has_no_line_of_one() -> None:
    assert OpamFile.parse("").line_naming("a", "depends") is None


REFUSED = {
    'opam-version: "1.2"': (1, 15, 'opam-version "1.2" is not supported; mono reads "2.0" and later 2.x'),
    'opam-version: "2.0"\ndepends: [\n  "a"\n  b\n]': (4, 3, "expected the name of a package, in quotes"),
    'synopsis: "ok"\nflags: [1]': (2, 9, "expected a string"),
    'url {\n  src: "u"\n  checksum: [ "a" b ]\n}': (3, 19, "expected a string"),
    "\nurl { checksum: [] }": (2, 6, 'a source wants "src"'),
    'conflicts: ["a" & "b"]': (1, 12, "conflicts are packages side by side or joined by |"),
    'patches: [["a"]]': (1, 11, "expected a string"),
    'extra-files: [["a" "md5=0"] "b"]': (1, 29, "expected a file and its checksum"),
    "depexts: [1]": (1, 11, "expected a string"),
    'extra-source "x" {\n src: "a" src: "b" }': (2, 11, 'there is a second field "src"'),
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_field_of_another_type_is_told_with_its_place(text: str) -> None:
    with pytest.raises(OpamSyntaxError) as caught:
        file = OpamFile.parse(text, "opam")
        read_package(file, "p", "1")
        read_preparation(file)
    assert (caught.value.line, caught.value.column, caught.value.reason) == REFUSED[text]


def test_changing_a_field_keeps_all_else() -> None:
    file = OpamFile.parse(FULL)
    changed = file.with_field("synopsis", '"Another"').with_field("depopts", "[]").with_field("x-new", "true")
    assert str(changed) == (
        FULL.replace('"An example"', '"Another"').replace('["tls" "ssl"]', "[]") + "x-new: true\n"
    )
    assert str(OpamFile.parse("a: 1").with_field("b", "2")) == "a: 1\nb: 2\n"
    assert str(file) == FULL


@pytest.mark.parametrize("value", ["", "[", '"a" b: "c"', '"a" # note', "a b", " 1"])
def test_a_field_is_not_changed_to_what_is_no_value(value: str) -> None:
    with pytest.raises(OpamSyntaxError):
        OpamFile.parse(FULL).with_field("synopsis", value)
