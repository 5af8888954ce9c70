"""What dune would refuse is refused by the pull, before the new duniverse takes the place of the old one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from monorepo.errors import DuniverseError
from monorepo.lock.model import Kind, Lock, LockedPackage, LockedSource
from tests.monorepo.fetch.sources import lock, pulled, put, source, tar, tree

OPAM = {"dune-project": b"(lang dune 2.0)\n", "a.opam": b"", "b.opam": b""}
LIBRARIES = {"dune": b"(library (public_name a) (modules))\n(library (public_name b) (modules))\n"}
PROGRAM = {"dune": b'(* -*- tuareg -*- *)\nsend "(library (public_name b))"\n'}


def made(folder: Path, directory: str, files: dict[str, bytes], *packages: str) -> LockedSource:
    content = tar({f"{directory}/{name}": text for name, text in files.items()})
    return source(
        directory, put(folder, f"upstream/{directory}-{len(content)}", content), content, packages=packages
    )


def with_dune(locked: Lock, version: str) -> Lock:
    dune = LockedPackage("dune", version, Kind.PROVIDED, "the build tool", ("host",))
    root, *others = locked.packages
    root = replace(root, depends=(*root.depends, "dune"))
    return replace(locked, packages=(root, *others, dune))


def refused(locked: Lock, folder: Path) -> DuniverseError:
    before = tree(folder / "project")
    with pytest.raises(DuniverseError) as failure:
        pulled(locked, folder)
    assert tree(folder / "project") == before, "the old duniverse stays"
    return failure.value


def test_two_archives_of_one_repository(tmp_path: Path) -> None:
    one = made(tmp_path, "one", {**OPAM, **LIBRARIES}, "a")
    two = made(tmp_path, "two", {**OPAM, **LIBRARIES}, "b")
    pulled(lock(one, two), tmp_path)
    duniverse = tmp_path / "project/duniverse"
    assert sorted(path.relative_to(duniverse).as_posix() for path in duniverse.rglob("*.opam")) == [
        "one/a.opam",
        "two/b.opam",
    ]
    assert (duniverse / "one/dune").read_bytes() == b"(library (public_name a) (modules))\n\n"
    assert (duniverse / "two/dune").read_bytes() == b"\n(library (public_name b) (modules))\n"


def test_what_is_exposed_follows_the_lock(tmp_path: Path) -> None:
    files = {**OPAM, **LIBRARIES}
    assert pulled(lock(made(tmp_path, "one", files, "a")), tmp_path).made == ("one",)
    assert pulled(lock(made(tmp_path, "one", files, "a", "b")), tmp_path).made == ("one",)
    assert (tmp_path / "project/duniverse/one/dune").read_bytes() == LIBRARIES["dune"]
    assert pulled(lock(made(tmp_path, "one", files, "a", "b")), tmp_path).made == ()


def test_one_package_in_two_sources(tmp_path: Path) -> None:
    pulled(lock(made(tmp_path, "one", {**OPAM, **LIBRARIES}, "a", "b")), tmp_path)
    one = made(tmp_path, "one", {**OPAM, **PROGRAM}, "a")
    two = made(tmp_path, "two", {"dune-project": b"(lang dune 2.0)\n(package\n (name b))\n"}, "b")
    error = refused(lock(one, two), tmp_path)
    assert (
        error.reason
        == "two sources define the package b: duniverse/one/b.opam:1 and duniverse/two/dune-project:2"
    )
    assert error.place == "duniverse/two/dune-project:2"
    assert error.details == (f"duniverse/one is a from {one.url}", f"duniverse/two is b from {two.url}")
    assert "one archive" in error.hint


def test_a_package_of_the_project_itself(tmp_path: Path) -> None:
    own = {**OPAM, "app.opam": b"", "dune": PROGRAM["dune"].replace(b"name b", b"name app")}
    one = made(tmp_path, "one", own, "a")
    assert refused(lock(one), tmp_path).reason == (
        "a source defines the project's own package app as well: mono.lock and duniverse/one/app.opam:1"
    )
    put(tmp_path, "project/dune-project", b"(lang dune 2.0)\n\n(package (name a))\n")
    assert refused(lock(made(tmp_path, "one", OPAM, "a")), tmp_path).reason == (
        "a source defines the project's own package a as well: dune-project:3 and duniverse/one/a.opam:1"
    )


@pytest.mark.parametrize("other", ["library", "old name"])
def test_a_library_under_the_old_name_of_its_package(tmp_path: Path, other: str) -> None:
    renamed = {
        "dune-project": b"(lang dune 2.0)\n(package (name n) (deprecated_package_names b))\n",
        "dune": b"(library (public_name n))\n(deprecated_library_name (old_public_name b.x) (new_public_name n))\n",
    }
    if other == "library":
        files = {
            "dune-project": b"(lang dune 2.0)\n",
            "b.opam": b"",
            "x/dune": b"\n(library (name x) (public_name b.x))\n",
        }
        place = "x/dune:2"
    else:
        files = {name: text.replace(b" n)", b" m)") for name, text in renamed.items()}
        place = "dune:2"
    locked = lock(made(tmp_path, "new", renamed, "n"), made(tmp_path, "old", files, "b", "m"))
    assert refused(locked, tmp_path).reason == (
        f"two sources define the library b.x: duniverse/new/dune:2 and duniverse/old/{place}"
    )
    fine = {"dune-project": b"(lang dune 2.0)\n", "b.opam": b"", "dune": b"(library (public_name b.y))\n"}
    pulled(lock(made(tmp_path, "new", renamed, "n"), made(tmp_path, "old", fine, "b")), tmp_path)


@pytest.mark.parametrize(
    ("dune", "language", "fine"),
    [
        ("2.9.3", "2.9", True),
        ("2.9.3", "2.10", False),
        ("2.9.3", "3.0", False),
        ("3.20.0~alpha1", "3.20", True),
        ("3.9.0", "3.17", False),
        ("dev", "3.99", True),
    ],
)
def test_a_language_above_the_locked_dune(tmp_path: Path, dune: str, language: str, fine: bool) -> None:
    files = {**OPAM, "ex/dune-project": f"\n(lang dune {language})\n".encode()}
    locked = with_dune(lock(made(tmp_path, "one", files, "a", "b")), dune)
    if fine:
        pulled(locked, tmp_path)
        return
    error = refused(locked, tmp_path)
    assert str(error) == (
        f"duniverse/one/ex/dune-project:2: (lang dune {language}) is above the locked dune, which is {dune}"
    )
    assert error.hint == (
        f'lock with constraints = ["dune {{>= \\"{language}\\"}}"], or with an older version of a, b'
    )


def test_what_changed_around_a_duniverse_is_seen_without_making_it_anew(tmp_path: Path) -> None:
    locked = with_dune(lock(made(tmp_path, "one", OPAM, "a", "b")), "2.9.3")
    pulled(locked, tmp_path)
    assert "above the locked dune" in refused(with_dune(lock(*locked.sources), "1.11.4"), tmp_path).reason
    put(tmp_path, "project/a.opam", b"")
    assert "project's own package a" in refused(locked, tmp_path).reason


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    program = PROGRAM["dune"] + b'send "(library (public_name a))"\n'
    newer = {**OPAM, "dune-project": b"(lang dune 3.0)\n", "dune": program}
    sources = [made(tmp_path, name, newer, package) for name, package in (("one", "a"), ("two", "b"))]
    error = refused(with_dune(lock(*sources), "2.9.3"), tmp_path)
    assert error.reason == "4 things keep the sources from being built together"
    assert sum("two sources define the package" in line for line in error.details) == 2
    assert sum("(lang dune 3.0) is above" in line for line in error.details) == 2


def test_a_duniverse_from_before_packages_were_hidden_is_made_anew(tmp_path: Path) -> None:
    locked = lock(made(tmp_path, "one", {**OPAM, **LIBRARIES}, "a"))
    pulled(locked, tmp_path)
    notes = tmp_path / "project/duniverse/.mono.json"
    document = json.loads(notes.read_text("utf-8"))
    for entry in document["directories"].values():
        entry["source"] = "sha256:" + "0" * 64
        del entry["shown"]
    notes.write_text(json.dumps(document), "utf-8")
    assert pulled(locked, tmp_path).made == ("one",)
