"""Refuses libraries that a build took from outside the sources without the context saying so.

findlib's path of a cross toolchain may end in the host's own libraries, so that a library which is installed
there and was not vendored is linked in silence, the host's C code included. dune's log tells each
folder that a compiler was pointed to; one that belongs to an installed package has a META.
"""

from __future__ import annotations

import re
from pathlib import Path

from builder.context import Context
from builder.errors import InputsError

_POINTED_TO = re.compile(r"-I (?:'(/[^']+)'|(/[^\s')]+))")
_WITH_THE_COMPILER = frozenset(
    {
        *("bigarray", "bytes", "compiler-libs", "dynlink", "findlib", "ocamldoc", "profiling"),
        *("runtime_events", "seq", "stdlib", "str", "threads", "unix"),
    }
)


def refuse_libraries_from_outside(context: Context, log: str) -> None:
    """Check every folder of libraries in dune's ``log``.

    Raises:
        InputsError: one is of a package that neither comes with the compiler nor is expected outside.
    """
    for folder in sorted({match[1] or match[2] for match in _POINTED_TO.finditer(log)}):
        package = _package_at(Path(folder))
        if package is not None and package not in {*_WITH_THE_COMPILER, *context.toolchain.packages}:
            raise InputsError(
                f"is taken from {folder}, but is neither vendored nor expected there",
                place=package,
                hint="make it a dependency and lock again, or name it as provided in mono.toml",
            )


def _package_at(folder: Path) -> str | None:
    """The installed package to which a folder belongs, as findlib calls it; None where it is of none."""
    return next((place.name for place in (folder, *folder.parents) if (place / "META").is_file()), None)
