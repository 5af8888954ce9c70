"""What there is to know of a lock that stops nobody, but may surprise; as values that `json` can keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias


@dataclass(frozen=True, slots=True)
class Unheard:
    """A name in mono.toml that no repository has, and the names that are near."""

    code: ClassVar = "unknown-name"
    name: str
    near: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a root would need if ``variables`` had values."""

    code: ClassVar = "variable-without-value"
    names: tuple[str, ...]
    variables: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Idle:
    """Targets of unikernels, and no root is one: no more than their toolchain is asked for."""

    code: ClassVar = "no-unikernel"
    targets: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A version of a locked package that was passed over, as its opam file is malformed."""

    code: ClassVar = "unreadable-version"
    name: str
    version: str
    reason: str
    place: ClassVar = ""


@dataclass(frozen=True, slots=True)
class Apart:
    """A package of which no one version will do: each of them, and the targets that it is for."""

    code: ClassVar = "several-versions"
    name: str
    versions: tuple[tuple[str, tuple[str, ...]], ...]
    place: ClassVar = ""


@dataclass(frozen=True, slots=True)
class Timeless:
    """A repository of which there is no older state, though one was asked for."""

    code: ClassVar = "no-older-state"
    repository: str
    place: ClassVar = ""


Notice: TypeAlias = Unheard | LeftOut | Idle | PassedOver | Apart | Timeless

_KINDS: dict[str, type[Notice]] = {
    kind.code: kind for kind in (Unheard, LeftOut, Idle, PassedOver, Apart, Timeless)
}


def as_rows(notices: Iterable[Notice]) -> list[dict[str, Any]]:
    """Notices as JSON has them."""
    return [{"code": notice.code, **asdict(notice)} for notice in notices]


def of_rows(rows: Iterable[dict[str, Any]]) -> tuple[Notice, ...]:
    """What `as_rows` made rows of; raises `KeyError`, `TypeError` for others."""
    return tuple(
        _KINDS[row["code"]](**{name: _tupled(value) for name, value in row.items() if name != "code"})
        for row in rows
    )


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
