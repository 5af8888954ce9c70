"""`mono why-not` and `mono outdated` on small repositories on disk."""

from __future__ import annotations

import subprocess

import pytest

from monorepo.adapters.git import GitClones
from monorepo.adapters.http import HttpClient
from monorepo.cli.explanation import sentences
from monorepo.errors import LockError, RepositoryError
from monorepo.outdated import Standings, outdated
from monorepo.why_not import Because, WhyNot, asked_in, why_not
from solver.holding import Held
from solver.reason import Relation
from tests.monorepo.test_locking import Place, library, place
from tests.monorepo.test_relocking import TWO_TARGETS, three_versions

__all__ = ["place"]


def ask(place: Place, word: str) -> WhyNot:
    with HttpClient() as http:
        git = GitClones(place.cache)
        return why_not(place.project, asked_in(word), cache=place.cache, http=http, git=git)


def look(place: Place, **options: object) -> Standings:
    with HttpClient() as http:
        git = GitClones(place.cache)
        return outdated(place.project, cache=place.cache, http=http, git=git, **options)  # type: ignore[arg-type]


def changes(told: WhyNot) -> list[str]:
    pairs = [(was or now, was, now) for was, now in told.changes]
    return [f"{one.name} {was and was.version} {now and now.version}" for one, was, now in pairs if one]


def because(told: WhyNot) -> list[Because]:
    return [cause.because for cause in told.causes]


def test_a_kept_version_can_be_updated(place: Place) -> None:
    place.publish({"lib.1": library(file="lib-1.tbz")})
    place.root('depends: ["lib"]')
    place.lock()
    three_versions(place, "lib")
    assert ask(place, "lib.1").locked
    told = ask(place, "lib.3")
    assert changes(told) == ["lib 1 3"] and because(told) == [Because.KEPT]
    assert because(ask(place, "lib.2")) == [Because.NEWER]
    assert because(ask(place, "lib {>= 2}")) == [Because.KEPT]
    assert [p.version for p in ask(place, "lib {<= 1}").locked] == ["1"]


def test_another_compiler_is_refused_by_the_projects_own_bound(place: Place) -> None:
    place.publish(
        {
            "ocaml.4.13.1": 'depends: ["ocaml-base-compiler" {= "4.13.1"}]\nflags: compiler',
            "ocaml-base-compiler.4.13.1": "flags: compiler",
            "old.1": library(depends='"ocaml" {< "5"}'),
        }
    )
    manifest = (place.project / "mono.toml").read_text(encoding="utf-8")
    place.toml(f'{manifest}[solve]\nocaml = "= 4.13.1"\n')
    place.root('depends: ["ocaml" "old"]')
    place.lock()
    impossible = ask(place, "ocaml.5.2.0").impossible
    assert impossible is not None
    told = {(step.reason.relation, step.reason.who) for step in impossible.explanation.steps}
    assert told == {(Relation.QUESTION, ""), (Relation.BOUND, "ocaml")}


COMPILERS = {
    f"{name}.{version}": f"{fields}\nflags: compiler"
    for version in ("4.14.0", "5.2.0")
    for name, fields in {
        "ocaml": f'depends: ["ocaml-base-compiler" {{= "{version}"}} | "ocaml-variants" {{= "{version}"}}]',
        "ocaml-base-compiler": 'conflict-class: "core"',
        "ocaml-variants": 'conflict-class: "core"',
    }.items()
}


def test_a_question_about_a_compiler_is_told_as_one(place: Place) -> None:
    """What every project asks of a compiler is another thing, though it is the same package."""
    place.publish(COMPILERS)
    place.root('depends: ["ocaml" {>= "5.1"}]')
    place.lock()
    impossible = ask(place, "ocaml-base-compiler.4.14.0").impossible
    assert impossible is not None
    assert sentences(impossible) == [
        "ocaml-base-compiler = 4.14.0 is asked for",
        "app needs ocaml >= 5.1 (app.opam:2)",
        "ocaml-base-compiler = 4.14.0 is for ocaml = 4.14.0",
        "no version of ocaml meets both",
    ]


def test_who_asks_for_a_variant_of_the_compiler_gets_no_other(place: Place) -> None:
    """As a project does whose root names it."""
    place.publish(COMPILERS)
    place.root('depends: ["ocaml"]')
    place.lock()
    told = ask(place, "ocaml-variants.5.2.0")
    assert changes(told) == ["ocaml-base-compiler 5.2.0 None", "ocaml-variants None 5.2.0"]
    assert because(told) == [Because.NOT_NEEDED]


def test_a_question_on_what_a_target_asks_for_is_another_than_the_targets(place: Place) -> None:
    manifest = (place.project / "mono.toml").read_text(encoding="utf-8")
    target = 'base = "host"\nrequires = ["lib {>= 2}"]\n'
    place.toml(f'{manifest}[targets]\nbuild = ["board"]\n[targets.board]\n{target}')
    place.publish({"mirage-runtime.1": library()})
    three_versions(place, "lib")
    place.root('depends: ["mirage-runtime"]')
    place.lock()
    impossible = ask(place, "lib.1").impossible
    assert impossible is not None
    assert sentences(impossible) == [
        "the target board needs lib >= 2",
        "lib = 1 is asked for",
        "no version of lib meets both",
    ]


def test_what_would_be_set_back_is_named(place: Place) -> None:
    three_versions(place, "base")
    place.publish(
        {
            "lib.1": library(file="lib-1.tbz"),
            "lib.2": library(depends='"base" {< "3"}', file="lib-2.tbz"),
            "lib.3": library("flags: avoid-version", file="lib-3.tbz"),
        }
    )
    place.root('depends: ["base" "lib"]')
    place.lock()
    told = ask(place, "lib.2")
    assert changes(told) == ["base 3 2", "lib 1 2"]
    assert because(told) == [Because.KEPT, Because.SETS_BACK]
    assert [(was.version, now.version) for was, now in told.causes[1].back if was and now] == [("3", "2")]
    assert because(ask(place, "lib.3")) == [Because.AVOIDED]


def test_what_nobody_needs_could_come_with_more(place: Place) -> None:
    place.publish(
        {"lib.1": library(), "new.1": library(depends='"more"', file="n"), "more.1": library(file="m")}
    )
    place.root('depends: ["lib"]')
    place.lock()
    told = ask(place, "new")
    assert changes(told) == ["more None 1", "new None 1"] and because(told) == [Because.NOT_NEEDED]


def test_what_cannot_be_had_is_explained(place: Place) -> None:
    three_versions(place, "lib")
    place.root('depends: ["lib" {< "3"}]')
    place.lock()
    told = ask(place, "lib.3")
    assert told.impossible is not None and told.impossible.reason == "no versions meet what is asked"
    assert not told.changes and not told.causes


def only_on(target: str) -> str:
    return f'available: os = "{"linux" if target == "one" else "macos"}"'


def test_a_locked_package_is_asked_for_on_its_own_targets(place: Place) -> None:
    place.toml(TWO_TARGETS)
    place.publish({"lib.1": library(file="lib-1.tbz")})
    place.root('depends: ["lib" {os = "macos"}]')
    place.lock()
    place.publish({"lib.2": library(only_on("two"), file="lib-2.tbz")})
    told = ask(place, "lib.2")
    assert told.impossible is None and told.targets == ("two",)
    assert changes(told) == ["lib 1 2"] and because(told) == [Because.KEPT]


def test_one_version_for_all_targets_comes_before_a_newer_one_for_some(place: Place) -> None:
    place.toml(TWO_TARGETS)
    place.publish({"lib.1": library(file="lib-1.tbz"), "lib.2": library(only_on("two"), file="lib-2.tbz")})
    place.root('depends: ["lib"]')
    place.lock()
    told = ask(place, "lib.2")
    assert told.targets == ("two",) and because(told) == [Because.APART]


def test_of_several_versions_one_may_move(place: Place) -> None:
    place.toml(TWO_TARGETS)
    place.publish(
        {
            "lib.1": library(only_on("one"), file="lib-1.tbz"),
            "lib.2": library(only_on("two"), file="lib-2.tbz"),
        }
    )
    place.root('depends: ["lib"]')
    place.lock()
    place.publish({"lib.3": library(only_on("two"), file="lib-3.tbz")})
    told = ask(place, "lib.3")
    assert told.impossible is None and told.targets == ("two",)
    assert [p.version for p in ask(place, "lib.2").locked] == ["2"]


def test_what_is_not_locked_may_be_had_on_some_targets(place: Place) -> None:
    place.toml(TWO_TARGETS)
    place.publish({"lib.1": library(), "new.1": library(only_on("two"), file="n")})
    place.publish({"none.1": library('available: os = "win32"', file="x")})
    place.root('depends: ["lib"]')
    place.lock()
    told = ask(place, "new")
    assert told.impossible is None and told.targets == ("two",)
    assert changes(told) == ["new None 1"] and because(told) == [Because.NOT_NEEDED]
    everywhere = ask(place, "none")
    assert everywhere.impossible is not None


def test_what_no_repository_has_is_refused(place: Place) -> None:
    three_versions(place, "lib")
    place.root('depends: ["lib"]')
    with pytest.raises(LockError, match="there is no lock"):
        ask(place, "lib")
    place.lock()
    with pytest.raises(RepositoryError, match="no repository has a package lob") as caught:
        ask(place, "lob")
    assert caught.value.hint == 'did you mean "lib"?'
    with pytest.raises(RepositoryError, match="no repository has such a version of lib: there is 1 to 3"):
        ask(place, "lib.4")


def test_a_root_is_no_package_of_a_repository(place: Place) -> None:
    place.publish({"app.2": library()})
    place.root("depends: []")
    place.lock()
    assert ask(place, "app").locked
    with pytest.raises(RepositoryError, match="app is a root of the project, in version dev"):
        ask(place, "app.2")


def test_outdated_packages_are_told_with_what_holds_them(place: Place) -> None:
    place.publish({f"{name}.1": library(file=f"{name}-1.tbz") for name in ("lib", "free", "deep", "gone")})
    place.publish({"free.1": library(depends='"gone"', file="free-1.tbz")})
    place.root('depends: ["lib" {< "2"} "free"]')
    place.lock()
    three_versions(place, "lib", "free")
    found = {s.package.name: s for s in look(place).standings}
    told = {
        n: (list(map(str, s.available)), str(s.newest), s.is_outdated, s.direct) for n, s in found.items()
    }
    assert told == {
        "dune": (["3.17.0"], "3.17.0", False, False),
        "free": (["3"], "3", True, True),
        "gone": ([], "1", True, False),
        "lib": (["1"], "3", True, True),
        "ocaml": (["5.2.0"], "5.2.0", False, True),
        "ocaml-base-compiler": (["5.2.0"], "5.2.0", False, True),
    }
    holding = found["lib"].holding
    assert holding is not None and holding.held is Held.REFUSED
    assert found["free"].holding is None


def test_each_version_of_a_package_stands_for_itself(place: Place) -> None:
    place.toml(TWO_TARGETS)
    three_versions(place, "both", "lib")
    place.publish(
        {
            "lib.2": library('available: os = "linux"', file="lib-2.tbz"),
            "lib.3": library('available: os = "macos"', file="lib-3.tbz"),
        }
    )
    place.root('depends: ["lib" {>= "2"}]')
    place.lock()
    found = look(place)
    told = [
        (s.package.version, list(map(str, s.available))) for s in found.standings if s.package.name == "lib"
    ]
    assert told == [("2", ["2"]), ("3", ["3"])]
    one = look(place, targets=["one"]).standings
    held = [s.holding.held for s in one if s.package.name == "lib" and s.holding]
    assert held == [Held.UNAVAILABLE]


def test_the_recorded_state_serves_where_a_repository_cannot_be_reached(place: Place) -> None:
    three_versions(place, "lib")
    place.root('depends: ["lib" {< "3"}]')
    git = ["git", "-C", str(place.repository), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *arguments], check=True)
    place.toml(f'[[repositories]]\nname = "test"\nurl = "git+{place.repository.as_uri()}"\n')
    place.lock()
    assert look(place).unreachable == ""
    place.repository.rename(place.repository.with_name("elsewhere"))
    found = look(place)
    assert "repository" in found.unreachable
    assert found.standings == look(place, offline=True).standings
    assert look(place, offline=True).unreachable == ""
