"""Reads targets: the built-in ones from data files, and what a project adds or changes in mono.toml.

A data file (docs/targets.md) has the keys of `Target`, of which `base` names another file to start
from; what it does not say is as in its base. ``variables`` are merged, every other key replaces.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from monorepo.errors import ManifestError, TargetError
from monorepo.targets.definition import Check, Target
from solver.formula import Value

_DATA = files("monorepo.targets").joinpath("data")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CONTEXT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def target_names() -> tuple[str, ...]:
    """The built-in targets that mono builds for, sorted."""
    return tuple(sorted(name for name in _data_files() if "refused" not in _data(name)))


def load_target(name: str) -> Target:
    """The built-in target of that name.

    Raises:
        TargetError: there is none (the nearest name is the hint), or it cannot be built for.
    """
    if name not in _data_files():
        raise TargetError(
            f'there is no target "{name}"',
            place=name,
            hint=_nearest(name, target_names()) or f"the built-in targets are {', '.join(target_names())}",
        )
    return _built_in(name)


def define_target(
    name: str, table: Mapping[str, object], base: Target | None = None, *, place: str = "mono.toml"
) -> Target:
    """A project's own target, or its changes to a built-in one, from ``[targets.NAME]``.

    It starts from ``base`` where one is given, else from the built-in target that the table's own key
    ``base`` names, else from the built-in target called ``name``, else from nothing.

    Raises:
        ManifestError: an unknown key (with the nearest one), a wrong type or an impossible value.
        TargetError: the base is unknown, or is a target that cannot be built for.
    """
    if not _NAME.fullmatch(name):
        raise ManifestError(
            f'"{name}" cannot name a target',
            place=place,
            hint="use letters, digits, dots, underscores and dashes",
        )
    if base is None:
        base = _starting_point(name, table, place)
    return _complete(_changed(base, name, table, place), place)


def _starting_point(name: str, table: Mapping[str, object], place: str) -> Target:
    if "base" in table:
        return load_target(_text(table["base"], "base", place))
    return load_target(name) if name in _data_files() else _blank(name)


def _blank(name: str) -> Target:
    return Target(name=name, description="", variables=(), context="default", toolchain=None)


@cache
def _built_in(name: str) -> Target:
    data = _data(name)
    if "refused" in data:
        raise TargetError(
            f"mono does not build for {name}: {data['refused']}",
            place=name,
            hint="the other Solo5 targets are hvt, spt, virtio, muen, xen and qubes",
        )
    place = f"built-in target {name}"
    return _complete(_from_data(name, data, place), place)


def _from_data(name: str, data: Mapping[str, object], place: str) -> Target:
    """One data file over its bases, which need not be complete."""
    above = data.get("base")
    base = _blank(name) if above is None else _from_data(name, _data(f"bases/{above}"), place)
    return _changed(base, name, data, place)


@cache
def _data_files() -> frozenset[str]:
    """Names of the data files that are targets themselves."""
    return frozenset(entry.name.removesuffix(".toml") for entry in _DATA.iterdir() if _is_toml(entry))


def _is_toml(entry: Traversable) -> bool:
    return entry.is_file() and entry.name.endswith(".toml")


@cache
def _data(name: str) -> Mapping[str, object]:
    return tomllib.loads(_DATA.joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def _changed(base: Target, name: str, table: Mapping[str, object], place: str) -> Target:
    """``base`` under another name and with what ``table`` says."""
    changes: dict[str, object] = {}
    for key, value in table.items():
        if key == "base":
            continue
        if key not in _KEYS:
            raise ManifestError(
                f'"{key}" is not a key of a target',
                place=place,
                hint=_nearest(key, tuple(_KEYS)) or f"the keys are {', '.join(sorted(_KEYS))}",
            )
        changes[key.replace("-", "_")] = _KEYS[key](value, key, place)
    if "variables" in changes:
        merged = dict(base.variables) | dict(_variables(table["variables"], "variables", place))
        changes["variables"] = tuple(sorted(merged.items()))
    return replace(base, name=name, **changes)  # type: ignore[arg-type] # _KEYS gives each field its type


def _complete(target: Target, place: str) -> Target:
    """The target, if it says enough to be built."""
    if not _CONTEXT.fullmatch(target.context):
        raise ManifestError(f'"{target.context}" cannot name a dune context', place=place)
    if target.context == "default" and target.toolchain is not None:
        raise ManifestError(
            f'the context of a toolchain ("{target.toolchain}") cannot be called "default"',
            place=place,
            hint=f'say context = "{target.toolchain}"',
        )
    for key, value in (("build", target.build), ("artefacts", target.artefacts)):
        if not value:
            raise ManifestError(
                f"the target {target.name} has no {key}",
                place=place,
                hint='name a built-in target to start from, as in base = "host", or list them',
            )
    return target


def _text(value: object, key: str, place: str) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ManifestError(f"{key} must be a line of text, not {value!r}", place=place)
    return value


def _texts(value: object, key: str, place: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ManifestError(f"{key} must be a list of texts, not {value!r}", place=place)
    return tuple(_text(part, f"each of {key}", place) for part in value)


def _truth(value: object, key: str, place: str) -> bool:
    if not isinstance(value, bool):
        raise ManifestError(f"{key} must be true or false, not {value!r}", place=place)
    return value


def _variables(value: object, key: str, place: str) -> tuple[tuple[str, Value], ...]:
    if not isinstance(value, Mapping):
        raise ManifestError(f"{key} must be a table, not {value!r}", place=place)
    for name, variable in value.items():
        if not isinstance(variable, (str, bool)):
            raise ManifestError(f"{key}.{name} must be a text, true or false, not {variable!r}", place=place)
    return tuple(sorted(value.items()))


def _checks(value: object, key: str, place: str) -> tuple[Check, ...]:
    if not isinstance(value, list):
        raise ManifestError(f"{key} must be a list of tables, not {value!r}", place=place)
    return tuple(_check(entry, key, place) for entry in value)


def _check(entry: object, key: str, place: str) -> Check:
    wanted = {"tool", "arguments", "expected"}
    if not isinstance(entry, Mapping) or set(entry) != wanted:
        raise ManifestError(
            f"each of {key} must be a table of {', '.join(sorted(wanted))}, not {entry!r}", place=place
        )
    return Check(
        tool=_text(entry["tool"], f"{key}.tool", place),
        arguments=_texts(entry["arguments"], f"{key}.arguments", place),
        expected=_text(entry["expected"], f"{key}.expected", place),
    )


_KEYS: Mapping[str, Callable[[object, str, str], object]] = {
    "description": _text,
    "variables": _variables,
    "context": _text,
    "toolchain": _text,
    "requires": _texts,
    "provided": _texts,
    "link-flags": _texts,
    "c-flags": _texts,
    "disable-dynamic-archives": _truth,
    "build": _texts,
    "artefacts": _texts,
    "checks": _checks,
    "tools": _texts,
}


def _nearest(name: str, known: tuple[str, ...]) -> str:
    """A question that proposes the known name nearest to ``name``; empty where none is near."""
    matches = get_close_matches(name, known, n=1)
    return f'did you mean "{matches[0]}"?' if matches else ""
