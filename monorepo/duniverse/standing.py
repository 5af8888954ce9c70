"""Whether what stands in duniverse/ is as a pull left it."""

from __future__ import annotations

import os
from collections.abc import Collection
from enum import Enum
from pathlib import Path

from builder.digest import bytes_digest
from monorepo.duniverse.files import LISTS, list_files
from monorepo.duniverse.stamp import stamp
from monorepo.duniverse.state import STATE, Vendored

OWN_FILES = {
    "dune": """\
; Written by mono; the next `mono pull` writes it again.
(vendored_dirs *)
""",
    "README.md": """\
# The duniverse

Written by `mono pull` from mono.lock; do not edit it here. Each folder is one source: fetched, verified
against the lock, prepared as opam prepares it (extra sources and files, substitutions, patches). `_build`,
`_opam`, `.git`, a nested `duniverse`, `dune-workspace`, and dune files of tests that may be meant to break
are taken out, as they would disturb the workspace around it. Packages of a source that are not locked are
hidden from dune, as `dune build -p` hides them: their opam files and stanzas are taken out, each stanza
leaving its empty lines. So are a source's own copies of packages that are locked from elsewhere. dune treats
all of it as vendored (see the file `dune`).

`.mono.json` and `.mono.files` hold what mono needs to see which folders are still as it left them, and which
files of the others are not: `mono pull --check` tells. A folder that was changed by hand is not overwritten:
`mono pull` stops and names it; `mono pull --force` discards the change.
""",
}


class Standing(Enum):
    """How a directory compares with what a pull left there."""

    UNTOUCHED = "as it was left"
    TOUCHED = "as it was left, but for times, as in a fresh checkout"
    CHANGED = "other files"
    ABSENT = "not there"
    NO_FOLDER = "no folder"

    @property
    def is_intact(self) -> bool:
        """Whether it holds what was left."""
        return self in (Standing.UNTOUCHED, Standing.TOUCHED)


def standing(folder: Path, vendored: Vendored, *, thorough: bool = False) -> Standing:
    """How ``folder`` compares with ``vendored``; files are read where sizes or times differ, or ``thorough``.

    Raises:
        DuniverseError: something in it cannot be read.
    """
    if not os.path.lexists(folder):
        return Standing.ABSENT
    if folder.is_symlink() or not folder.is_dir():
        return Standing.NO_FOLDER
    untouched = stamp(folder) == vendored.stamp
    if (thorough or not untouched) and bytes_digest(list_files(folder)) != vendored.tree:
        return Standing.CHANGED
    return Standing.UNTOUCHED if untouched else Standing.TOUCHED


def strangers(duniverse: Path, directories: Collection[str]) -> list[str]:
    """What is in ``duniverse`` that no pull put there, by name."""
    expected = {*directories, *OWN_FILES, STATE, LISTS}
    if not duniverse.is_dir():
        return []
    return sorted(entry.name for entry in duniverse.iterdir() if entry.name not in expected)


def own_files_changed(duniverse: Path) -> list[str]:
    """The files that mono itself writes into ``duniverse``, as far as they are not as it would."""
    return [
        name
        for name, text in OWN_FILES.items()
        if not (duniverse / name).is_file() or (duniverse / name).read_bytes() != text.encode()
    ]
