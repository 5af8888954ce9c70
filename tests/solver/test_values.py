"""Values are what the standard library's frozen, slotted dataclasses are."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from solver.values import dataclass


@dataclass(frozen=True, slots=True)
class Fast:
    """One made here."""

    name: str
    number: int = 1
    more: list[int] = dataclasses.field(default_factory=list, compare=False)
    hidden: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Slow:
    """The same, made by the standard library."""

    name: str
    number: int = 1
    more: list[int] = dataclasses.field(default_factory=list, compare=False)
    hidden: str = dataclasses.field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class One:
    """A single field."""

    it: str


@dataclass(frozen=True, slots=True)
class Other:
    """The same field."""

    it: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """No field."""


@dataclass(frozen=True, slots=True)
class Own:
    """Methods of its own."""

    it: str

    def __post_init__(self) -> None:
        if not self.it:
            raise ValueError("empty")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and self.it.casefold() == other.it.casefold()

    def __hash__(self) -> int:
        return hash(self.it.casefold())

    def __repr__(self) -> str:
        return f"<{self.it}>"


@dataclass(frozen=True, slots=True, eq=False)
class Itself:
    """Equal to nothing else."""

    it: str


@dataclass(slots=True)
class Written:
    """Not frozen."""

    it: str


@pytest.mark.parametrize(
    "look",
    [
        lambda make: repr(make("a", 2, [3], "b")).removeprefix(make.__name__),
        lambda make: make("a").more is make("a").more,
        lambda make: make(number=2, name="a").number,
        lambda make: dataclasses.asdict(make("a", more=[1])),
        lambda make: repr(dataclasses.replace(make("a"), number=5)).removeprefix(make.__name__),
        lambda make: make("a", 1, [1]) == make("a", 1, [2]) != make("b"),
        lambda make: make("a", hidden="b") == make("a"),
        lambda make: {make("a", 1, [1]): "x"}[make("a")],
        lambda make: pickle.loads(pickle.dumps(make("a", 2, [3]))) == make("a", 2),
        lambda make: pickle.loads(pickle.dumps(make("a", 2, [3]))).more,
        lambda make: copy.deepcopy(make("a", 2, [3])).more,
        lambda make: make.__match_args__,
        lambda make: hasattr(make("a"), "__dict__"),
        lambda make: [(field.name, field.type, field.default) for field in dataclasses.fields(make)][:2],
    ],
)
def test_same_as_the_standard_library(look: Callable[[type], Any]) -> None:
    assert look(Fast) == look(Slow)


@pytest.mark.parametrize("wrong", [(), ("a", 1, [], "", "b")])
def test_wrong_arguments_are_told_with_the_class(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=r"Fast\.__init__\(\)"):
        Fast(*wrong)


@pytest.mark.parametrize("value", [Fast("a"), One("a"), Own("a"), Itself("a")])
def test_nothing_changes_a_value(value: Any) -> None:
    field = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError, match=field):
        setattr(value, field, "b")
    with pytest.raises(dataclasses.FrozenInstanceError, match=field):
        delattr(value, field)
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.another = 1


def test_equality_is_within_a_class() -> None:
    assert One("a") == One("a")
    assert One("a") != One("b")
    assert One("a") != Other("a")
    assert len({One("a"), One("a"), Other("a"), Nothing(), Nothing()}) == 3


def test_what_a_class_says_itself_counts() -> None:
    assert Own("A") == Own("a")
    assert hash(Own("A")) == hash(Own("a"))
    assert repr(Own("A")) == "<A>"
    with pytest.raises(ValueError, match="empty"):
        Own("")
    assert Itself("a") != Itself("a")


def test_what_is_not_frozen_can_be_written() -> None:
    written = Written("a")
    written.it = "b"
    assert written == Written("b")
