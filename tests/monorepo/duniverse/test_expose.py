"""What is hidden of a source, file by file: everything of packages that are not locked, and not a byte more."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

from monorepo.duniverse.expose import Shown, expose, place_of_library
from tests.monorepo.fetch.sources import put, tree

PROJECT = "(lang dune 2.9)\n"
OPAM = {"dune-project": PROJECT, "a.opam": "", "b.opam": ""}
"""A project of the packages a and b."""


@dataclass(frozen=True)
class Case:
    """``files`` of a source of which ``packages`` are locked; ``after`` are those that change, None where gone."""

    name: str
    files: Mapping[str, str]
    after: Mapping[str, str | None] = field(default_factory=dict)
    packages: tuple[str, ...] = ("a",)


def stanza(name: str, dune: str, after: str, **others: str) -> Case:
    """A dune file in a project of the packages a and b, of which a is locked."""
    changed = {"x/dune": dedent(after)} if dedent(after) != dedent(dune) else {}
    return Case(name, {**OPAM, **others, "x/dune": dedent(dune)}, {"b.opam": None, **changed})


def gone(name: str, dune: str) -> Case:
    """A stanza that goes."""
    return stanza(name, dune, "\n" * dune.count("\n"))


def kept(name: str, dune: str) -> Case:
    """A stanza that stays."""
    return stanza(name, dune, dune)


HIDDEN = "(library (name c) (public_name b.c))\n"


def renamed(name: str, before: str, after: str) -> Case:
    """A stanza that names c, a library of b, by its private name."""
    return stanza(f"the private name in {name}", HIDDEN + before, "\n" + after)


CASES = [
    Case("all locked", {**OPAM, "x/dune": HIDDEN}, packages=("a", "b")),
    Case("more than all locked", {**OPAM, "x/dune": HIDDEN}, packages=("a", "b", "z")),
    Case("no project", {"a.opam": "", "b.opam": "", "x/dune": HIDDEN}),
    gone("a library", "(library\n (name c)\n (public_name b))\n"),
    gone("a library below the package", "(library (public_name b.c.d) (name d))\n"),
    gone("a private library of the package", "(library (name c) (package b))\n"),
    kept("a library of the locked package", "(library (name c) (public_name a.c) (libraries b))\n"),
    kept("a library whose name starts alike", "(library (name b_c) (public_name a.b))\n"),
    kept("a private library", "(library (name b))\n"),
    gone("an executable", "(executable (name m) (public_name m) (package b))\n"),
    gone("executables", "(executables (names m n) (public_names m -) (package b))\n"),
    kept("a private executable", "(executable (name b))\n"),
    kept("executables none of which is installed", "(executables (names b m) (public_names - -))\n"),
    gone("install", "(install (section share) (files f) (package b))\n"),
    kept("install of the other", "(install (section share) (files b.opam) (package a))\n"),
    gone("a rule", "(rule\n (alias runtest)\n (package b)\n (action (run ./m.exe)))\n"),
    kept("a rule of nobody", "(rule (targets b.ml) (deps (package b)) (action (run b %{targets})))\n"),
    kept("a rule in short", "(rule (copy b.ml c.ml))\n"),
    gone("an alias", "(alias (name runtest) (package b) (action (run x)))\n"),
    gone("a test", "(test (name t) (package b))\n"),
    gone("tests", "(tests (names t u) (package b) (libraries b.c))\n"),
    kept("a test of nobody", "(test (name t) (libraries b))\n"),
    gone("cram", "(cram (package b) (deps %{bin:b}))\n"),
    gone("mdx", "(mdx (files b.md) (package b))\n"),
    gone("documentation", "(documentation (package b) (mld_files :standard))\n"),
    gone("a plugin", "(plugin (name p) (libraries b) (site (a plugins)) (package b))\n"),
    gone("a Coq theory", "(coq.theory (name T) (package b))\n"),
    gone("a Coq theory by its old field", "(coq.theory (name T) (public_name b.T))\n"),
    gone("Melange output", "(melange.emit (target js) (package b))\n"),
    gone("a deprecated name", "(deprecated_library_name (old_public_name b.c) (new_public_name a.c))\n"),
    kept("a deprecated name for another", "(deprecated_library_name (old_public_name a.c) (new_public_name b))\n"),
    kept("sites of the hidden package", "(generate_sites_module (module s) (sites b))\n"),
    kept("flags and modules of that name", "(env (_ (flags b))) (ocamllex b) (include_subdirs no)\n"),
    stanza("what is between stays", "; one\n(library (public_name b)) ; two\n(rule (copy x y)) ; \xe9\r\n",
           "; one\n ; two\n(rule (copy x y)) ; \xe9\r\n"),
    stanza("inside of subdir", "(subdir s/t (rule (copy x y)) (library (public_name b)))\n",
           "(subdir s/t (rule (copy x y)) )\n"),
    stanza("in a string", '(library (name c) (public_name "b.c"))\n(rule (copy "(library" ")"))\n',
           '\n(rule (copy "(library" ")"))\n'),
    renamed("libraries", "(test (name t) (libraries a c unix))\n", "(test (name t) (libraries a b.c unix))\n"),
    renamed("libraries as a string", '(test (name t) (libraries "c"))\n', '(test (name t) (libraries "b.c"))\n'),
    renamed("re_export", "(library (name l) (libraries (re_export c)))\n",
            "(library (name l) (libraries (re_export b.c)))\n"),
    renamed("select", "(test (name t) (libraries (select c.ml from (c !d -> c.a.ml) (!c -> c) (-> n))))\n",
            "(test (name t) (libraries (select c.ml from (b.c !d -> c.a.ml) (!b.c -> c) (-> n))))\n"),
    renamed("pps", "(test (name t) (preprocess (pps c -c -- c)))\n", "(test (name t) (preprocess (pps b.c -c -- c)))\n"),
    renamed("pps of some modules", "(test (name t) (preprocess (per_module ((staged_pps c) c))))\n",
            "(test (name t) (preprocess (per_module ((staged_pps b.c) c))))\n"),
    renamed("ppx_runtime_libraries", "(library (name l) (ppx_runtime_libraries c))\n",
            "(library (name l) (ppx_runtime_libraries b.c))\n"),
    renamed("implements", "(library (name l) (public_name a.l) (implements c))\n",
            "(library (name l) (public_name a.l) (implements b.c))\n"),
    renamed("default_implementation", "(library (name l) (virtual_modules c) (default_implementation c))\n",
            "(library (name l) (virtual_modules c) (default_implementation b.c))\n"),
    renamed("inline tests", "(library (name l) (inline_tests (backend c) (libraries c)))\n",
            "(library (name l) (inline_tests (backend b.c) (libraries b.c)))\n"),
    renamed("instrumentation", "(library (name l) (instrumentation (backend c --c)))\n",
            "(library (name l) (instrumentation (backend b.c --c)))\n"),
    renamed("include_dirs", "(library (name l) (foreign_stubs (names c) (include_dirs (lib c) c)))\n",
            "(library (name l) (foreign_stubs (names c) (include_dirs (lib b.c) c)))\n"),
    renamed("%{lib:…}", '(rule (with-stdout-to c (cat %{lib:c:c.h} "%{lib-available:c} %{dep:c}")))\n',
            '(rule (with-stdout-to c (cat %{lib:b.c:c.h} "%{lib-available:b.c} %{dep:c}")))\n'),
    renamed("a field that has both", "(test (name t) (libraries c b.c))\n", "(test (name t) (libraries  b.c))\n"),
    stanza("libraries that are called as fields are", "(library (name backend) (public_name b.c))\n(library (name libraries) (public_name b.d))\n"
           "(library (name l) (inline_tests (backend backend)) (libraries libraries))\n",
           "\n\n(library (name l) (inline_tests (backend b.c)) (libraries b.d))\n"),
    stanza("a private library of the package, from elsewhere",
           "(library (name c) (package b))\n(test (name t) (libraries c))\n", "\n(test (name t) (libraries b.__private__.c))\n"),
    stanza("a name that another library has too", HIDDEN + "(library (name c) (enabled_if false))\n(test (name t) (libraries c))\n",
           "\n(library (name c) (enabled_if false))\n(test (name t) (libraries c))\n"),
    Case("a library in another file", {**OPAM, "x/dune": HIDDEN, "y/dune": "(test (name t) (libraries c))\n"},
         {"b.opam": None, "x/dune": "\n", "y/dune": "(test (name t) (libraries b.c))\n"}),
    Case("a library of another project", {**OPAM, "x/dune": HIDDEN, "y/dune-project": PROJECT,
                                          "y/dune": "(test (name t) (libraries c))\n"},
         {"b.opam": None, "x/dune": "\n"}),
    Case("included files", {**OPAM, "x/dune": "(include c.inc)\n(include sub/d.inc)\n(include absent)\n",
                            "x/c.inc": HIDDEN, "x/sub/d.inc": "(include e)\n", "x/sub/e": HIDDEN, "x/f.inc": HIDDEN},
         {"b.opam": None, "x/c.inc": "\n", "x/sub/e": "\n"}),
    Case("the only package", {"dune-project": PROJECT, "b.opam": "", "dune": "(install (files f))\n(documentation)\n"
                              "(executable (public_name m))\n(executable (name n))\n"},
         {"b.opam": None, "dune": "\n\n\n(executable (name n))\n"}),
    Case("packages of dune-project",
         {"dune-project": "(lang dune 2.9)\n(name z)\n(package\n (name a))\n(package (name c)) ; c\n(package (name b))\n"},
         {"dune-project": "(lang dune 2.9)\n(name z)\n(package\n (name a))\n(package (name c)) ; c\n\n"},
         ("a", "c")),
    Case("one package of dune-project is left, and gives the project its name",
         {"dune-project": "(lang dune 2.9)\n(name z)\n(package (name b))\n(package (name a))\n", "a.opam": "", "b.opam": "",
          "a.opam.template": "", "b.opam.template": ""},
         {"dune-project": "(lang dune 2.9)\n(name a)\n\n(package (name a))\n", "b.opam": None}),
    Case("opam files inside of opam/",
         {"dune-project": "(lang dune 3.8)\n(opam_file_location inside_opam_directory)\n(package (name a))\n(package (name b))\n",
          "opam/a.opam": "", "opam/b.opam": ""},
         {"dune-project": "(lang dune 3.8)\n(opam_file_location inside_opam_directory)\n(package (name a))\n\n", "opam/b.opam": None}),
    Case("old names of packages",
         {"dune-project": "(lang dune 2.9)\n(package (name a))\n(package (name b) (deprecated_package_names o))\n",
          "dune": "(deprecated_library_name (old_public_name o) (new_public_name b))\n"},
         {"dune-project": "(lang dune 2.9)\n(package (name a))\n\n", "dune": "\n"}),
    Case("the source of dune: old names of what is locked stay, as the tool need not bring libraries",
         {"dune-project": "(lang dune 2.0)\n(name z)\n(package (name a))\n(package (name b))\n(package (name dune))\n",
          "dune": "(executable (public_name dune) (package dune))\n"
                  "(deprecated_library_name (old_public_name dune.a) (new_public_name a.x))\n"
                  "(deprecated_library_name (old_public_name dune.b) (new_public_name b))\n"},
         {"dune-project": "(lang dune 2.0)\n(name z)\n(package (name a))\n\n(package (name dune))\n",
          "dune": "\n(deprecated_library_name (old_public_name dune.a) (new_public_name a.x))\n\n"}),
    Case("the source of dune: its copies go, whoever is locked, and what names them means the originals",
         {"dune-project": PROJECT, "dyn.opam": "", "dune.opam": "", "dune-configurator.opam": "",
          "vendor/csexp/dune": "(library (name csexp) (public_name stdune.csexp))\n",
          "vendor/pp/dune": "(library (name pp) (public_name dyn.pp))\n",
          "src/dune": "(library (public_name dyn) (libraries pp))\n",
          "configurator/dune": "(library (public_name dune-configurator) (libraries csexp))\n"},
         {"dune.opam": None, "vendor/csexp/dune": "\n", "vendor/pp/dune": "\n"}, ("dyn", "dune-configurator")),
    Case("a nested project", {**OPAM, "n/dune-project": PROJECT, "n/b.opam": "", "n/x/dune": HIDDEN},
         {"b.opam": None, "n/b.opam": None, "n/x/dune": "\n"}),
    Case("an example with a package of its own", {"dune-project": PROJECT, "a.opam": "", "ex/dune-project": PROJECT,
                                                  "ex/ex.opam": "", "ex/dune": "(executable (public_name ex))\n"},
         {"ex/ex.opam": None, "ex/dune": "\n"}),
    Case("what the source vendors", {"dune-project": PROJECT, "a.opam": "", "dune": "(vendored_dirs vendor)\n",
                                     "vendor/v/dune-project": PROJECT, "vendor/v/v.opam": "",
                                     "vendor/v/dune": "(library (public_name v))\n"}),
    *(Case(f"folders that dune does not enter: {status or name}",
           {**OPAM, "dune": status, f"{name}/dune-project": PROJECT, f"{name}/b.opam": "", f"{name}/dune": HIDDEN},
           {"b.opam": None})
      for status, name in [("", ".hidden"), ("", "_out"), ("(data_only_dirs d*)", "data"), ("(dirs :standard \\ t)", "t"),
                           ("(ignored_subdirs (t))", "t"), ("(dirs)", "t"), ("(subdir s (data_only_dirs {t,u}))", "s/u"),
                           ("(dirs (and * (not t?)))", "tu/v"), ("(dirs (or a [!tu]))", "t")]),
    Case("folders that dune enters", {**OPAM, "dune": "(dirs :standard _b (or x))", "_b/dune": HIDDEN, "x/dune": HIDDEN},
         {"b.opam": None, "_b/dune": "\n", "x/dune": "\n"}),
    Case("cram tests", {"dune-project": "(lang dune 3.0)\n", "a.opam": "", "b.opam": "", "x.t/dune": HIDDEN}, {"b.opam": None}),
    Case("no cram tests yet", {**OPAM, "x.t/dune": HIDDEN}, {"b.opam": None, "x.t/dune": "\n"}),
    Case("a program whose stanzas are in sight",
         {**OPAM, "dune": "(* -*- tuareg -*- *)\nlet f = \"\"\nlet () = Jbuild_plugin.V1.send @@ {|\n"
          "(library (public_name a) |} ^ f ^ {|)\n(library\n (public_name b)|} ^ f ^ {|)\n|}\n"},
         {"b.opam": None, "dune": "(* -*- tuareg -*- *)\nlet f = \"\"\nlet () = Jbuild_plugin.V1.send @@ {|\n"
          "(library (public_name a) |} ^ f ^ {|)\n\n\n|}\n"}),
    Case("a program that cannot be understood keeps what it names",
         {**OPAM, "c.opam": "", "y/dune": HIDDEN,
          "dune": "(* -*- tuareg -*- *)\nsend (sprintf \"(library (public_name b.%s))\" \"x\")\n"},
         {"c.opam": None}),
    Case("so does a file that nobody can read", {**OPAM, "dune": "(library (public_name b)\n"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_hidden(case: Case, tmp_path: Path) -> None:
    for name, text in case.files.items():
        put(tmp_path, name, text.encode("latin-1"))
    expose(tmp_path, case.packages)
    expected = {name: text for name, text in {**case.files, **case.after}.items() if text is not None}
    assert {
        name: text.decode("latin-1") for name, text in tree(tmp_path).items() if isinstance(text, bytes)
    } == expected
    again = tree(tmp_path)
    expose(tmp_path, case.packages)
    assert tree(tmp_path) == again, "once is enough"


def test_what_is_shown(tmp_path: Path) -> None:
    put(
        tmp_path,
        "dune-project",
        b"(lang dune 2.0)\n(package\n (name a)\n (deprecated_package_names o p))\n(package (name b))\n",
    )
    put(tmp_path, "a.opam", b"")
    put(
        tmp_path,
        "dune",
        b"\n(deprecated_library_name (old_public_name o.x) (new_public_name a))\n(library (public_name a))\n",
    )
    put(tmp_path, "ex/dune-project", b"; newer\n(lang dune 2.9)\n")
    put(tmp_path, "ex/a-too.opam", b"")
    assert expose(tmp_path, ["a", "a-too"]) == Shown(
        {"a": "dune-project:2", "a-too": "ex/a-too.opam:1"}, {"o.x": "dune:2"}, (2, 9), "ex/dune-project:2"
    )
    assert place_of_library(tmp_path, "a") == "dune:3"
    assert place_of_library(tmp_path, "b") is None


def test_a_link_to_another_dune_file_becomes_a_file(tmp_path: Path) -> None:
    for name, text in {**OPAM, "x/dune": HIDDEN + "(include_subdirs no)\n"}.items():
        put(tmp_path / "source", name, text.encode())
    (tmp_path / "source/y").mkdir()
    (tmp_path / "source/y/dune").symlink_to("../x/dune")
    expose(tmp_path / "source", ["a"])
    for folder in "xy":
        assert (tmp_path / "source" / folder / "dune").read_bytes() == b"\n(include_subdirs no)\n"
    assert not (tmp_path / "source/y/dune").is_symlink()


def test_folders_behind_links_are_entered(tmp_path: Path) -> None:
    """As dune enters them: here from a folder that is data alone."""
    for name, text in {
        **OPAM,
        "dune": "(data_only_dirs real)\n",
        "real/dune": HIDDEN,
        "real/n/dune": "(include more.inc)\n",
        "real/n/more.inc": HIDDEN,
    }.items():
        put(tmp_path, name, text.encode())
    (tmp_path / "seen").symlink_to("real")
    (tmp_path / "again").symlink_to("real/n")
    expose(tmp_path, ["a"])
    for name in ("real/dune", "real/n/more.inc"):
        assert (tmp_path / name).read_bytes() == b"\n"
    assert (tmp_path / "seen").is_symlink() and (tmp_path / "again").is_symlink()
    assert not (tmp_path / "b.opam").exists()


def test_a_library_behind_a_link_has_a_place(tmp_path: Path) -> None:
    for name, text in {**OPAM, "dune": "(data_only_dirs real)\n", "real/dune": "\n" + HIDDEN}.items():
        put(tmp_path, name, text.encode())
    (tmp_path / "seen").symlink_to("real")
    assert place_of_library(tmp_path, "b.c") == "real/dune:2"


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    for name, text in {**OPAM, "x/dune": HIDDEN, "y/dune": HIDDEN, "x/d/dune": HIDDEN}.items():
        put(tmp_path, name, text.encode())
    (tmp_path / "x/up").symlink_to("..")
    (tmp_path / "x/d/x").symlink_to("..")
    (tmp_path / "x/to").symlink_to("../y")
    (tmp_path / "y/to").symlink_to("../x/d")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "gone").symlink_to("nowhere")
    expose(tmp_path, ["a"])
    for folder in ("x", "y", "x/d"):
        assert (tmp_path / folder / "dune").read_bytes() == b"\n"


def test_a_file_of_two_projects_is_edited_for_both(tmp_path: Path) -> None:
    for name, text in {
        **OPAM,
        "dune": "(data_only_dirs real)\n",
        "real/dune": HIDDEN + "(library (public_name c))\n(library (public_name a))\n",
        "n/dune-project": PROJECT,
        "n/c.opam": "",
        "n/d.opam": "",
    }.items():
        put(tmp_path, name, text.encode())
    (tmp_path / "seen").symlink_to("real")
    (tmp_path / "n/seen").symlink_to("../real")
    expose(tmp_path, ["a"])
    assert (tmp_path / "real/dune").read_bytes() == b"\n\n(library (public_name a))\n"


def test_a_project_behind_a_link_is_hidden_once(tmp_path: Path) -> None:
    for name, text in {"n/dune-project": PROJECT, "n/a.opam": "", "n/b.opam": "", "n/dune": HIDDEN}.items():
        put(tmp_path, name, text.encode())
    (tmp_path / "l").symlink_to("n")
    assert expose(tmp_path, ["a"]).packages.keys() == {"a"}
    assert sorted(path.name for path in (tmp_path / "n").iterdir()) == ["a.opam", "dune", "dune-project"]
    assert (tmp_path / "n/dune").read_bytes() == b"\n"


def test_nothing_outside_is_read_or_changed(tmp_path: Path) -> None:
    put(tmp_path, "outside/dune", HIDDEN.encode())
    put(tmp_path, "outside/c.inc", HIDDEN.encode())
    for name, text in {
        **OPAM,
        "x/dune": "(include ../../outside/c.inc)\n(include out/c.inc)\n(include /etc/passwd)\n",
    }.items():
        put(tmp_path / "source", name, text.encode())
    (tmp_path / "source/x/out").symlink_to("../../outside")
    (tmp_path / "source/y").mkdir()
    (tmp_path / "source/y/dune").symlink_to("../../outside/dune")
    before = tree(tmp_path / "outside")
    expose(tmp_path / "source", ["a"])
    assert tree(tmp_path / "outside") == before
    assert (tmp_path / "source/y/dune").readlink() == Path("../../outside/dune")


def test_modes_are_kept(tmp_path: Path) -> None:
    for name, text in {**OPAM, "dune": HIDDEN}.items():
        put(tmp_path, name, text.encode())
    (tmp_path / "dune").chmod(0o444)
    expose(tmp_path, ["a"])
    assert os.stat(tmp_path / "dune").st_mode & 0o777 == 0o444  # noqa: PTH116
