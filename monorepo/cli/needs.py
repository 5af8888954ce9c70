"""Packages of a lock and what they need of one another, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from monorepo.cli.settings import Settings
from monorepo.lock.graph import Need, Source
from monorepo.lock.model import Kind, Lock, LockedPackage

Places: TypeAlias = Mapping[tuple[str, str], str]
"""Where the roots name what they need: ``(root, dependency)`` to ``hello.opam:5``."""


def places_at_hand(settings: Settings) -> Places:
    """The lines of the roots' opam files; none where these cannot be read, for a lock tells the rest."""
    from monorepo.errors import ManifestError
    from monorepo.manifest import load_manifest
    from monorepo.project import root_places

    try:
        return root_places(settings.directory, load_manifest(settings.directory))
    except ManifestError as error:
        settings.talk().detail(f"the lines of opam files are not told: {error}")
        return {}


def label(package: LockedPackage, lock: Lock) -> str:
    """Its name, and its version where that is needed to tell which one is meant."""
    return package.name if len(lock.versions(package.name)) == 1 else f"{package.name} {package.version}"


def needed(need: Need, lock: Lock, places: Places) -> str:
    """``lwt {>= 5.6} (hello.opam:5)``: what is needed, as whoever needs it says."""
    words = [label(need.whom, lock), need.wording]
    match need.source:
        case Source.ASKED:
            words.append("(asked for on every target)")
        case Source.TARGET:
            words.append(f"(asked for by target {need.targets[0]})")
        case Source.PACKAGE if need.who is not None and (need.who.name, need.whom.name) in places:
            words.append(f"({places[need.who.name, need.whom.name]})")
    return " ".join(word for word in words if word)


def needing(need: Need, lock: Lock) -> str:
    """``lwt {>= 5.6}``: who needs it, and as what."""
    return f"{label(need.who, lock)} {need.wording}".rstrip() if need.who is not None else ""


def roles(package: LockedPackage) -> Iterator[str]:
    """Where a package is at work."""
    if package.targets:
        yield f"in the program for {', '.join(package.targets)}"
    if package.host_for:
        yield f"on the machine that builds for {', '.join(package.host_for)}"


def marks(package: LockedPackage) -> tuple[str, ...]:
    """What is out of the ordinary about a package: vendored into the program is the ordinary."""
    kind = () if package.kind is Kind.VENDORED else (package.kind.value,)
    return kind if package.targets else (*kind, "host")
