"""``pin-depends`` of the roots: packages taken from git, whatever the repositories say (opam manual).

A pin adds no dependency; where its package is needed, it is the only candidate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from monorepo.errors import ManifestError, MonoError, told_of
from monorepo.ports import Git
from overlays.errors import OpamSyntaxError
from overlays.opam_file import OpamFile, read_package
from overlays.syntax.tree import String
from solver.archive import git_location
from solver.package import Package, Source
from solver.version import Version

FIELD = "pin-depends"


@dataclass(frozen=True, slots=True)
class Pin:
    """``name.version`` comes from ``url``, says the root's opam file at ``place``."""

    name: str
    version: Version
    url: str
    place: str


@dataclass(frozen=True, slots=True)
class PinnedPackage:
    """A pin that was read: what the solver sees, and the opam file at that commit."""

    package: Package
    opam_file: OpamFile


def read_pins(files: Sequence[OpamFile]) -> tuple[Pin, ...]:
    """The pins of all roots.

    Raises:
        OpamSyntaxError: the field is no list of pairs.
        ManifestError: two roots pin one package differently, or a url holds a password.
    """
    pins: dict[str, Pin] = {}
    for file in files:
        for identity, value in file.pairs(FIELD):
            if not isinstance(value, String):
                raise file.error_in(FIELD, "a package is pinned to a url, which is a string")
            name, _, version = identity.partition(".")
            url = value.text
            place = f"{file.place}:{file.line_naming(identity, FIELD)}"
            if urlsplit(url).password is not None:
                reason = f"the pin of {name} holds a password: the lock would show it"
                raise ManifestError(reason, place, "let git or ssh know it")
            pin = Pin(name, Version.parse(version or "dev"), url, place)
            other = pins.setdefault(name, pin)
            if (other.url, other.version.text) != (pin.url, pin.version.text):
                raise ManifestError(
                    f"{identity} is pinned to {url}, but {name}.{other.version} to {other.url}",
                    place,
                    "pin it to one place",
                )
    return tuple(pins[name] for name in sorted(pins))


def open_pins(pins: Sequence[Pin], git: Git, commits: Mapping[str, str]) -> dict[str, PinnedPackage]:
    """Read each pin's opam file at its commit, by name of package.

    ``commits`` are those already known, by url; the rest are asked of their repositories.

    Raises:
        ManifestError: a pin is not in git, or has no opam file.
        MonoError: git cannot have it.
    """
    return {pin.name: _open(pin, git, commits) for pin in pins}


def _open(pin: Pin, git: Git, commits: Mapping[str, str]) -> PinnedPackage:
    place = git_location(pin.url)
    if place is None:
        raise ManifestError(
            f"{pin.name} is pinned to {pin.url}, which is not in git",
            pin.place,
            "pin it to a git repository (git+https://…#branch), or put it in an overlay",
        )
    location, reference = place
    try:
        commit = commits.get(pin.url) or git.resolve(location, reference)
        objects = git.objects(location, commit)
    except MonoError as error:
        raise told_of(f"the pin of {pin.name}", pin.place, error) from error
    files = objects.files(commit, "")
    for name in (f"{pin.name}.opam", f"opam/{pin.name}.opam", "opam"):
        if name in files:
            text = objects.blob(files[name])
            break
    else:
        raise ManifestError(
            f"{pin.url} at {commit[:12]} has no {pin.name}.opam at its top", pin.place, "check the pin"
        )
    try:
        file = OpamFile.parse(text.decode("utf-8"), f"{pin.url}: {name}")
        digest = f"sha256:{hashlib.sha256(text).hexdigest()}"
        package = read_package(file, pin.name, pin.version, None, digest)
    except (OpamSyntaxError, UnicodeDecodeError) as error:
        raise ManifestError(
            f"the opam file of the pin {pin.name} cannot be read: {error}", pin.place
        ) from error
    return PinnedPackage(replace(package, source=Source(pin.url)), file)
