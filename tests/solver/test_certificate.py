"""A good answer is corrupted in every way, and the certificate notices each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from solver.certificate import Locked, certify
from solver.formula import AllOf, Comparison, Constraint, Dependency, Text, Variable
from solver.package import Package, Source
from solver.request import Platform, Request, Restriction
from solver.version import Version
from tests.solver.worlds import DUNE, bound, dependency, formula, package, request, root

REPO = "https://example.org/lib.git"
ONE = Source("https://example.org/lib-2.tbz", checksums=("sha256=aa",))
LIB = package("lib.2", "base >= 1 or spare", dev_repo=REPO, source=ONE, conflict_class=("k",))
LIB_EXTRA = package("lib-extra.2", "lib = 2", dev_repo=REPO + "/", source=ONE)
BASE = package("base.1", conflicts=(dependency("lib < 2"),))

Answer = list[Locked]


def good() -> tuple[Request, Answer]:
    app = root("lib", "lib-extra")
    asked = request(app, restrictions=(Restriction("base", bound(">= 1"), "base {>= 1}", "mono.toml:4"),))
    return asked, [Locked(p, ("host",)) for p in (app, LIB, LIB_EXTRA, BASE, DUNE)]


def change(answer: Answer, name: str, **fields: object) -> Answer:
    return [
        replace(locked, package=replace(locked.package, **fields)) if locked.package.name == name else locked
        for locked in answer
    ]


def without(answer: Answer, name: str) -> Answer:
    return [locked for locked in answer if locked.package.name != name]


def with_another(answer: Answer, added: Package) -> Answer:
    return [*answer, Locked(added, ("host",))]


ELSEWHERE = Comparison(Variable("os"), "=", Text("macos"))
BY_FILTER = Dependency("macos-only", Comparison(Variable("os"), "=", Text("linux")))

CORRUPTIONS: dict[str, tuple[Callable[[Answer], Answer], str]] = {
    "an older version": (lambda a: change(a, "lib", version=Version.parse("1")), "dependency on lib"),
    "a version in conflict": (lambda a: change(a, "lib", version=Version.parse("1.5")), "conflicts with lib.1.5"),
    "a missing dependency": (lambda a: without(a, "base"), "dependency on base or spare"),
    "a missing root": (lambda a: without(a, "app"), "is a root"),
    "a conflict added": (lambda a: change(a, "dune", conflicts=(dependency("base"),)), "conflicts with base.1"),
    "a class shared": (lambda a: change(a, "base", conflict_class=("k",)), "shares conflict class k"),
    "a filter flipped": (lambda a: change(a, "base", depends=formula("dune"), available=ELSEWHERE), "not available"),
    "a dependency by filter": (
        lambda a: change(a, "base", depends=AllOf((Dependency("dune"), BY_FILTER))), "dependency on macos-only"),
    "a package nobody needs": (lambda a: with_another(a, package("lone.1")), "nobody needs it"),
    "a package twice": (lambda a: with_another(a, package("base.2")), "in 2 versions"),
    "outside the user's bound": (lambda a: change(a, "base", version=Version.parse("0")), "is outside base {>= 1}"),
    "its own version": (
        lambda a: change(a, "lib-extra", depends=AllOf((Dependency("lib", Constraint("=", Variable("version"))),
                                                        Dependency("dune"))), version=Version.parse("3")),
        "dependency on lib"),
}  # fmt: skip


def test_the_good_answer_is_certified() -> None:
    assert certify(*good()) == ()


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_each_corruption_is_caught(corruption: str) -> None:
    corrupt, reason = CORRUPTIONS[corruption]
    asked, answer = good()
    violations = [str(violation) for violation in certify(asked, corrupt(answer))]
    assert any(reason in violation for violation in violations), violations


def test_membership_by_target() -> None:
    asked, answer = good()
    both = (Platform(("host", "mac"), {"os": "linux"}),)
    asked = replace(asked, platforms=both)
    violations = certify(asked, answer)
    assert {violation.target for violation in violations} == {"mac"}
