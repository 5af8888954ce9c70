"""Reads targets: the built-in ones from data files, and what a project adds or changes in mono.toml.

A data file (docs/targets.md) has the keys of `Target`, of which `base` names another file to start
from; what it does not say is as in its base. ``variables`` are merged, every other key replaces.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from monorepo.document import Table, nearest_hint
from monorepo.errors import TargetError
from monorepo.targets.definition import Check, Companion, Step, Target
from overlays.errors import OpamSyntaxError
from overlays.notation import read_condition

_DATA = Path(__file__).with_name("data")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CONTEXT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def target_names() -> tuple[str, ...]:
    """The built-in targets that mono builds for, sorted."""
    return tuple(sorted(name for name in _data_files() if not _is_refused(name)))


def load_target(name: str) -> Target:
    """The built-in target of that name.

    Raises:
        TargetError: there is none (the nearest name is the hint), or it cannot be built for.
    """
    if name not in _data_files():
        raise TargetError(
            f'there is no target "{name}"',
            place=name,
            hint=nearest_hint(name, target_names()),
        )
    return _built_in(name)


def define_target(name: str, table: Table) -> Target:
    """A project's own target, or its changes to a built-in one, from ``[targets.NAME]``.

    It starts from the built-in target that the table's key ``base`` names, else from the built-in target
    called ``name``, else from nothing.

    Raises:
        UnacceptableError: an unknown key (with the nearest one), a wrong type or an impossible value, such as
            a base that is unknown or cannot be built for.
    """
    if not _NAME.fullmatch(name):
        hint = "use letters, digits, dots, underscores and dashes"
        raise table.unacceptable((), f'"{name}" cannot name a target', hint)
    return _complete(_changed(_starting_point(name, table), name, table), table)


def _starting_point(name: str, table: Table) -> Target:
    try:
        if "base" in table:
            return load_target(table.text("base"))
        return load_target(name) if name in _data_files() else _blank(name)
    except TargetError as error:
        where = ("base",) if "base" in table else ()
        raise table.unacceptable(where, error.reason, error.hint) from None


def _blank(name: str) -> Target:
    return Target(name=name, description="", variables=(), context="default", toolchain=None)


@cache
def _built_in(name: str) -> Target:
    data = _data(name)
    if _is_refused(name):
        raise TargetError(
            f"mono does not build for {name}: {data['unavailable']}",
            place=name,
            hint="the other Solo5 targets are hvt, spt, virtio, muen, xen and qubes",
        )
    return _complete(_from_data(name, data), Table(data))


def _from_data(name: str, data: Mapping[str, object]) -> Target:
    """One data file over its bases, which need not be complete."""
    above = data.get("base")
    base = _blank(name) if above is None else _from_data(name, _data(f"bases/{above}"))
    return _changed(base, name, Table(data))


@cache
def _data_files() -> frozenset[str]:
    """Names of the data files that are targets themselves."""
    return frozenset(entry.stem for entry in _DATA.glob("*.toml"))


@cache
def _data(name: str) -> Mapping[str, object]:
    return tomllib.loads((_DATA / f"{name}.toml").read_text(encoding="utf-8"))


def _is_refused(name: str) -> bool:
    """Whether a built-in target is there for the sake of telling why it cannot be."""
    return _data(name).get("available") == "false"


def _changed(base: Target, name: str, table: Table) -> Target:
    """``base`` under another name and with what ``table`` says."""
    table.only("base", *_KEYS)
    changes = {key.replace("-", "_"): read(table, key) for key, read in _KEYS.items() if key in table}
    if "variables" in table:
        merged = dict(base.variables) | dict(table.table("variables").variables())
        changes["variables"] = tuple(sorted(merged.items()))
    return replace(base, name=name, **changes)  # type: ignore[arg-type] # _KEYS gives each field its type


def _complete(target: Target, table: Table) -> Target:
    """The target, if it says enough to be built; ``table`` is where it would have to say it."""
    if not _CONTEXT.fullmatch(target.context):
        raise table.unacceptable("context", f'"{target.context}" cannot name a dune context')
    if target.context == "default" and target.toolchain is not None:
        raise table.unacceptable(
            "toolchain",
            f'the context of a toolchain ("{target.toolchain}") cannot be called "default"',
            f'say context = "{target.toolchain}"',
        )
    for key, value in (("build", target.build), ("artefacts", target.artefacts)):
        if not value:
            hint = 'name a built-in target to start from, as in base = "host", or list them'
            raise table.unacceptable(key, f"the target {target.name} has no {key}", hint)
    if target.available and not target.unavailable:
        raise table.unacceptable(
            "available", "nothing says why it is not available elsewhere", 'add unavailable = "…"'
        )
    return target


def _line(table: Table, key: str) -> str:
    return _as_line(table.text(key), table, (key,))


def _filter(table: Table, key: str) -> str:
    text = _line(table, key)
    try:
        read_condition(text, key)
    except OpamSyntaxError as error:
        hint = """write it as in 'arch = "x86_64" & os != "openbsd"'"""
        raise table.unacceptable(key, f"{text} is no filter of opam: {error.reason}", hint) from None
    return text


def _lines(table: Table, key: str) -> tuple[str, ...]:
    return tuple(_as_line(text, table, (key, position)) for position, text in enumerate(table.texts(key)))


def _as_line(text: str, table: Table, where: tuple[str | int, ...]) -> str:
    """``text``, which ends up in files of dune and on a terminal."""
    if not text or not text.isprintable():
        raise table.unacceptable(where, f"{text!r} is not a line of text")
    return text


def _checks(table: Table, key: str) -> tuple[Check, ...]:
    return tuple(_check(entry) for entry in table.tables(key))


def _check(table: Table) -> Check:
    table.only("tool", "arguments", "expected")
    return Check(_line(table, "tool"), _lines(table, "arguments"), _line(table, "expected"))


def _steps(table: Table, key: str) -> tuple[Step, ...]:
    return tuple(_step(entry) for entry in table.tables(key))


def _step(table: Table) -> Step:
    table.only("tool", "arguments", "output")
    return Step(_line(table, "tool"), _lines(table, "arguments"), _file_name(table, "output"))


def _companions(table: Table, key: str) -> tuple[Companion, ...]:
    return tuple(_companion(entry) for entry in table.tables(key))


def _companion(table: Table) -> Companion:
    table.only("name", "text", "file")
    if ("text" in table) == ("file" in table):
        raise table.unacceptable("name", "a companion has either a text or a file")
    name = _file_name(table, "name")
    if "text" in table:
        return Companion(name, text=table.text("text"))
    file = _line(table, "file")
    if file.startswith("/") or ".." in file.split("/"):
        hint = "name it as the project's folder has it"
        raise table.unacceptable("file", f'"{file}" is not a file of the project', hint)
    return Companion(name, file=file)


def _file_name(table: Table, key: str) -> str:
    name = _line(table, key)
    if "/" in name or name in (".", ".."):
        raise table.unacceptable(key, f'"{name}" is not the name of a file', "leave the folder out")
    return name


_KEYS: Mapping[str, Callable[[Table, str], object]] = {
    "description": _line,
    "variables": Table.table,
    "context": _line,
    "toolchain": _line,
    "requires": _lines,
    "unikernel-requires": _lines,
    "provided": _lines,
    "link-flags": _lines,
    "c-flags": _lines,
    "disable-dynamic-archives": Table.truth,
    "build": _lines,
    "artefacts": _lines,
    "checks": _checks,
    "steps": _steps,
    "companions": _companions,
    "tools": _lines,
    "available": _filter,
    "unavailable": _line,
}
