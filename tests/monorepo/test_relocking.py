"""What of an old lock stays in the new one, what is told apart by role, and what differs by target."""

from __future__ import annotations

import pytest

from monorepo.duniverse.recording import record_trees
from monorepo.errors import LockError
from monorepo.lock.freshness import Freshness
from monorepo.lock.itself import certify_itself
from monorepo.lock.model import Lock
from monorepo.lock.reader import load_lock
from tests.monorepo.test_locking import UNVERIFIED, Place, library, place, versions

__all__ = ["place"]


def three_versions(place: Place, *names: str) -> None:
    for name in names:
        place.publish({f"{name}.{v}": library(file=f"{name}-{v}.tbz") for v in (1, 2, 3)})


def chosen(place: Place, *names: str, **options: object) -> list[str]:
    found = versions(place.lock(**options).lock)
    return [found[name] for name in names]


def test_what_was_locked_stays_when_the_roots_ask_for_more(place: Place) -> None:
    place.publish({f"{name}.1": library(file=f"{name}-1.tbz") for name in ("lib", "other")})
    place.root('depends: ["lib"]')
    assert chosen(place, "lib") == ["1"]
    three_versions(place, "lib", "other")
    place.root('depends: ["lib" "other"]')
    assert chosen(place, "lib", "other") == ["1", "3"]
    assert place.check().good
    place.root('depends: ["lib" {>= "2"} "other" {< "3"}]')
    assert chosen(place, "lib", "other") == ["3", "2"]


def test_an_update_moves_what_it_must(place: Place) -> None:
    place.publish({f"{name}.1": library(file=f"{name}-1.tbz") for name in ("lib", "deep", "other")})
    place.root('depends: ["lib" "deep" "other"]')
    place.lock()
    three_versions(place, "deep", "other")
    place.publish({"lib.2": library(depends='"deep" {>= "2"}', file="lib-2.tbz")})
    assert chosen(place, "lib", "deep", "other") == ["1", "1", "1"]
    assert chosen(place, "lib", "deep", "other", update=("other",)) == ["1", "1", "3"]
    assert chosen(place, "lib", "deep", "other", update=("lib",)) == ["2", "3", "3"]
    assert chosen(place, "lib", "deep", "other") == ["2", "3", "3"]


def test_an_update_of_a_stranger_names_the_nearest(place: Place) -> None:
    place.publish({"lib.1": library()})
    place.root('depends: ["lib"]')
    with pytest.raises(LockError, match="there is no lock to update"):
        place.lock(update=("lib",))
    place.lock()
    with pytest.raises(LockError, match="lob is not in the lock") as caught:
        place.lock(update=("lob",))
    assert caught.value.hint == 'did you mean "lib"?'


def test_the_lowest_versions_stay_until_all_is_upgraded(place: Place) -> None:
    three_versions(place, "lib")
    place.root('depends: ["lib" {>= "2"}]')
    assert chosen(place, "lib", lowest=True) == ["2"]
    assert chosen(place, "lib") == ["2"]
    assert place.check().good
    assert chosen(place, "lib", upgrade=True) == ["3"]


TWO_TARGETS = """
[[repositories]]
name = "test"
url = "../repository"

[targets]
build = ["one", "two"]

[targets.one]
context = "default"
build = ["@install"]
artefacts = ["x"]

[targets.one.variables]
os = "linux"

[targets.two]
context = "default"
build = ["@install"]
artefacts = ["x"]

[targets.two.variables]
os = "macos"
"""


def test_versions_differ_by_target_only_where_no_one_version_will_do(place: Place) -> None:
    place.toml(TWO_TARGETS)
    three_versions(place, "both", "lib")
    place.publish(
        {
            "lib.2": library('available: os = "linux"', '"both" {>= "2"}', file="lib-2.tbz"),
            "lib.3": library('available: os = "macos"', '"both"', file="lib-3.tbz"),
        }
    )
    place.root('depends: ["lib"]')
    assert chosen(place, "lib") == ["1"], "one version for both, though each could have a newer one"
    place.root('depends: ["lib" {>= "2"}]')
    report = place.lock()
    found = [(package.version, package.used_for) for package in report.lock.versions("lib")]
    assert found == [("2", ("one",)), ("3", ("two",))]
    assert [package.used_for for package in report.lock.versions("both")] == [("one", "two")]
    assert report.apart is not None and report.apart.explanation.steps
    assert load_lock(place.project) == report.lock
    assert place.check().good
    assert certify_itself(report.lock) == ()
    assert [(source.directory, source.targets) for source in report.lock.sources] == [
        (".lib.3", ("two",)),
        ("both", ()),
        ("lib.2", ("one",)),
    ]
    assert not place.lock().changed


def test_what_the_host_needs_is_told_from_what_the_target_needs(place: Place) -> None:
    place.publish(
        {
            "lib.1": library(depends='"generator" {build} "runtime"'),
            "generator.1": library(depends='"runtime" "parser"', file="generator.tbz"),
            "parser.1": library(file="parser.tbz"),
            "runtime.1": library(file="runtime.tbz"),
        }
    )
    place.root('depends: ["lib"]')
    lock = place.lock().lock
    roles = {p.name: (bool(p.targets), bool(p.host_for)) for p in lock.packages}
    assert roles == {
        "app": (True, False),
        "lib": (True, False),
        "runtime": (True, True),
        "generator": (False, True),
        "parser": (False, True),
        "dune": (False, True),
        "ocaml": (False, True),
        "ocaml-base-compiler": (True, True),
    }


def test_what_pulls_recorded_makes_no_lock_stale_and_stays(place: Place) -> None:
    place.publish({f"{name}.1": library(file=f"{name}-1.tbz") for name in ("lib", "other")})
    place.root('depends: ["lib" "other"]')
    first = place.lock().lock
    recorded = {
        source.directory: f"sha256:{number}" + "0" * 63 for number, source in enumerate(first.sources)
    }
    assert record_trees(first, place.project, recorded).trees == 2
    assert Freshness(place.project, place.cache).holds()
    report = place.lock()
    assert not report.changed and report.lock == load_lock(place.project)
    assert place.check().good

    place.publish({"more.1": library(file="more-1.tbz")})
    place.root('depends: ["lib" "other" "more"]')
    assert trees(place.lock().lock) == {**recorded, "more": ""}
    assert trees(place.lock(update=("lib",)).lock) == {**recorded, "lib": "", "more": ""}
    assert trees(place.lock(upgrade=True).lock) == {**recorded, "lib": "", "more": ""}
    place.publish({"other.2": library(file="other-2.tbz")})
    assert set(trees(place.lock(upgrade=True).lock).values()) == {""}
    assert load_lock(place.project).preparation == 0


def test_the_tree_of_what_nothing_else_verifies_is_forgotten_by_an_upgrade(place: Place) -> None:
    url = 'url { src: "https://example.org/lib.tbz" }'
    place.publish({"lib.1": f'depends: ["dune"]\nbuild: ["true"]\n{url}'})
    place.toml(UNVERIFIED)
    place.root('depends: ["lib"]')
    digest = "sha256:" + "0" * 64
    record_trees(place.lock().lock, place.project, {"lib": digest})
    (place.project / "app.opam").write_text('opam-version: "2.0"\ndepends: ["lib" {>= "1"}]\n')
    assert trees(place.lock().lock) == {"lib": digest}
    assert trees(place.lock(upgrade=True).lock) == {"lib": ""}


def trees(lock: Lock) -> dict[str, str]:
    return {source.directory: source.tree for source in lock.sources}
