"""What both sides of mono.lock agree on (docs/mono-lock.md), and how the format may change.

``format`` rises when an older mono would misread a lock: such a mono refuses it. ``revision`` rises when
something is added that an older mono may safely pass over: it reads such a lock and ignores the keys it does
not know. Within a revision it does know, an unknown key is damage.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monorepo.lock.model import Lock

FILE = "mono.lock"
FILES_FOLDER = "mono.lock.files"
"""Beside the lock: what repositories themselves carry for a package, each file named by its sha256."""

FORMAT = 2
REVISION = 2
READABLE = ">=2,<3"
"""``format.revision`` that this mono reads, as a PEP 440 range."""


def canonical(lock: Lock) -> Lock:
    """The same lock with everything sorted that has no order of its own.

    Repositories, targets, mirrors, checksums, patches, extra files and formulas keep theirs.
    """
    return replace(
        lock,
        preparation=lock.preparation if any(source.tree for source in lock.sources) else 0,
        roots=tuple(sorted(lock.roots)),
        variables=tuple(sorted(lock.variables)),
        packages=tuple(
            replace(
                package,
                targets=tuple(sorted(package.targets)),
                host_for=tuple(sorted(package.host_for)),
                dependencies=tuple(sorted(package.dependencies)),
                flags=tuple(sorted(package.flags)),
            )
            for package in sorted(lock.packages, key=lambda package: (package.name, package.version))
        ),
        sources=tuple(
            replace(source, packages=tuple(sorted(source.packages)), targets=tuple(sorted(source.targets)))
            for source in sorted(lock.sources, key=lambda source: source.directory)
        ),
        system_packages=tuple(
            sorted(
                (
                    replace(
                        wish,
                        packages=tuple(sorted(wish.packages)),
                        wanted_by=tuple(sorted(wish.wanted_by)),
                    )
                    for wish in lock.system_packages
                ),
                key=lambda wish: (wish.when, wish.packages, wish.wanted_by),
            )
        ),
    )
