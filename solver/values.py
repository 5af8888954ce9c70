"""`dataclass` for values: frozen, slotted dataclasses that are made in a third of the time.

The standard decorator compiles six methods for each class, one by one; a command has a hundred such classes,
and that was a quarter of its time where it had little else to do. Here ``__init__`` alone is compiled. The
rest are the same functions for all classes, and type checkers, `dataclasses.fields`, `dataclasses.replace`,
pickle and the like see what they always see.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, cast

Method = Callable[..., Any]

_set = object.__setattr__


def _dataclass(
    plain: type | None = None, /, *, frozen: bool = False, slots: bool = False, eq: bool = True
) -> type | Callable[[type], type]:
    """As `dataclasses.dataclass`, which makes whatever is not both frozen and slotted."""
    if not (frozen and slots):
        standard: Method = dataclasses.dataclass
        return cast("type", standard(plain, frozen=frozen, slots=slots, eq=eq))

    def made(plain: type) -> type:
        said = {name for name, value in vars(plain).items() if value is not None}  # an __eq__ unsets __hash__
        cls: type = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(plain)
        fields = dataclasses.fields(cls)
        methods = {"__init__": _init(cls, fields), "__repr__": _repr, **_STAYING}
        if eq:
            methods |= _comparison([field.name for field in fields if field.compare])
        for name, method in methods.items():
            if name not in said:
                setattr(cls, name, method)
        return cls

    return made if plain is None else made(plain)


def _init(cls: type, fields: tuple[dataclasses.Field[Any], ...]) -> Method:
    names: dict[str, Any] = {"_set": _set, "_absent": dataclasses.MISSING}
    parameters, lines = ["self"], []
    for field in fields:
        name = field.name
        if field.default is not dataclasses.MISSING:
            names[f"_{name}"] = field.default
            parameters.append(f"{name}=_{name}")
        elif field.default_factory is not dataclasses.MISSING:
            names[f"_{name}"] = field.default_factory
            parameters.append(f"{name}=_absent")
            lines.append(f"    {name} = _{name}() if {name} is _absent else {name}")
        else:
            parameters.append(name)
        lines.append(f"    _set(self, {name!r}, {name})")
    if hasattr(cls, "__post_init__"):
        lines.append("    self.__post_init__()")
    exec("\n".join([f"def __init__({', '.join(parameters)}):", *lines, "    return"]), names)
    init: Method = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"  # what is told of wrong arguments
    return init


def _comparison(names: list[str]) -> dict[str, Method]:
    """Equality, between those of one class, and hash by the fields of these ``names``."""
    values: Method = attrgetter(*names) if names else lambda one: ()

    def equal(one: object, other: object) -> bool:
        return values(one) == values(other) if other.__class__ is one.__class__ else NotImplemented

    return {"__eq__": equal, "__hash__": lambda one: hash(values(one))}


def _repr(one: Any) -> str:
    shown = (f"{field.name}={getattr(one, field.name)!r}" for field in dataclasses.fields(one) if field.repr)
    return f"{one.__class__.__qualname__}({', '.join(shown)})"


def _refuse_setting(one: object, name: str, value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deleting(one: object, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(one: Any) -> list[object]:
    return [getattr(one, name) for name in one.__match_args__]


def _restore(one: Any, state: list[object]) -> None:
    for name, value in zip(one.__match_args__, state, strict=True):
        _set(one, name, value)


_STAYING: dict[str, Method] = {
    "__setattr__": _refuse_setting,
    "__delattr__": _refuse_deleting,
    "__getstate__": _state,
    "__setstate__": _restore,
}

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _dataclass
