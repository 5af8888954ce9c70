"""Refuses libraries that a build took from outside the sources without the context saying so.

findlib's path of a cross toolchain may end in the host's own libraries, so that a library which is installed
there and was not vendored is linked in silence, the host's C code included. dune tells each folder that
a compiler was pointed to; one that belongs to an installed package has a META.
"""

from __future__ import annotations

from pathlib import Path

from builder.account import Account
from builder.context import Context
from builder.errors import InputsError
from builder.toolchain import WITH_THE_COMPILER, Installation


def refuse_libraries_from_outside(context: Context, installation: Installation, account: Account) -> None:
    """Check every folder of libraries that what was made was made with.

    Raises:
        InputsError: one is of a package that neither comes with the compiler nor is expected outside, or what
            was made for the target was made with a library of the host's.
    """
    expected = {*WITH_THE_COMPILER, *context.toolchain.packages}
    host, target = installation.standard_libraries
    used = {(made.context, folder) for made in account.values() for folder in made.folders}
    for in_context, folder in sorted(used):
        package = package_at(Path(folder))
        if package is None:
            continue
        if package not in expected:
            raise InputsError(
                f"is taken from {folder}, but is neither vendored nor expected there",
                place=package,
                hint="make it a dependency and lock again, or name it as provided in mono.toml",
            )
        is_for_target = in_context == context.dune.context and host != target
        if is_for_target and not _is_below(folder, Path(target).parent, apart=host):
            raise InputsError(
                f"is taken from {folder} for {context.target}, whose toolchain has its libraries elsewhere",
                place=package,
                hint=f"install it for the toolchain {context.toolchain.name}, or have it vendored",
            )


def _is_below(folder: str, top: Path, *, apart: str) -> bool:
    return Path(folder).is_relative_to(top) and not Path(folder).is_relative_to(apart)


def package_at(folder: Path) -> str | None:
    """The installed package to which a folder belongs, as findlib calls it; None where it is of none."""
    return next((place.name for place in (folder, *folder.parents) if (place / "META").is_file()), None)
