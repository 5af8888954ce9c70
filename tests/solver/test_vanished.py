"""What the roots would need if variables had values."""

from __future__ import annotations

import pytest

from solver.formula import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Constraint,
    Defined,
    Dependency,
    Formula,
    Not,
    Text,
    Variable,
)
from solver.package import Package
from solver.request import Platform
from solver.vanished import Vanished, vanished
from solver.version import Version
from tests.solver.worlds import request

MONOREPO = Variable("monorepo")
IS_SET = Defined(MONOREPO)
NEW = Constraint(">=", Text("4"))
TEST = Variable("with-test")


def left_out(*needs: Formula, **options: object) -> tuple[Vanished, ...]:
    app = Package("app", Version.parse("dev"), AllOf(needs))
    places = {("app", "lwt"): "app.opam:4", ("app", "fmt"): "app.opam:5"}
    return vanished(request(app, root_places=places, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("condition", "variables"),
    [
        (IS_SET, ("monorepo",)),
        (AllOf((MONOREPO, NEW)), ("monorepo",)),
        (AllOf((IS_SET, Not(MONOREPO))), ("monorepo",)),
        (Comparison(Variable("flavour"), "=", Text("small")), ("flavour",)),
        (AnyOf((TEST, MONOREPO)), ("monorepo",)),
        (AllOf((MONOREPO, Variable("other"))), ("monorepo", "other")),
        (Not(IS_SET), None),
        (AllOf((TEST, IS_SET)), None),
        (Comparison(Variable("os"), "=", Text("win32")), None),
        (Variable("coq:installed"), None),
        (NEW, None),
    ],
)
def test_which_variables(condition: Condition, variables: tuple[str, ...] | None) -> None:
    told = left_out(Dependency("lwt", condition))
    assert [each.variables for each in told] == ([] if variables is None else [variables])


def test_those_of_the_same_variables_are_told_together() -> None:
    (told,) = left_out(Dependency("lwt", IS_SET), Dependency("fmt", AllOf((MONOREPO, NEW))))
    assert told == Vanished("app", ("monorepo",), ("lwt", "fmt"), "app.opam:4")


def test_what_is_wanted_all_the_same_is_not_left_out() -> None:
    assert left_out(Dependency("lwt", IS_SET), Dependency("lwt", NEW)) == ()


def test_one_target_with_the_variable_is_enough() -> None:
    platforms = (Platform(("host",), {}), Platform(("hvt",), {"monorepo": "mono"}))
    assert left_out(Dependency("lwt", IS_SET), platforms=platforms) == ()
