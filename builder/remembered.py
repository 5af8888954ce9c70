"""Digests of files outside the project, remembered from one build to the next.

A toolchain is hundreds of megabytes that hardly ever change. A file that has the size, the times and the
number that it had when it was read is taken for what it was then: whoever writes to a file changes its
``ctime``, which nobody can set. What changed while it was being read is not remembered.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TypeAlias

from builder.digest import bytes_digest, folder_entries, listing_of, sha256_of_file

_TOO_FRESH = 2_000_000_000
"""Nanoseconds; what changed so lately may change again within the same tick of the file system's clock."""

State: TypeAlias = "list[int]"


class Digests:
    """Takes digests, and looks first among those that ``file`` remembers, if there is such a file."""

    def __init__(self, file: Path) -> None:
        self._known: dict[str, tuple[State, str]] = {}
        self._used: dict[str, tuple[State, str]] = {}
        try:
            rows = json.loads(file.read_text(encoding="utf-8"))
            self._known = {path: (state, sha256) for path, (state, sha256) in rows.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            pass  # then everything is read

    def of_file(self, path: Path) -> str:
        """The digest of a file's bytes; OSError where it cannot be read."""
        return f"sha256:{self._sha256(os.fsencode(path))}"

    def of_files_in(self, folder: Path) -> str:
        """The digest of the files and links right in ``folder`` (`builder.digest`), without its folders."""
        return bytes_digest(listing_of(folder_entries(folder, deep=False, sha256=self._sha256)))

    def save(self, file: Path) -> None:
        """Remember in ``file`` what was asked for."""
        if self._used != self._known or not file.is_file():
            file.write_text(json.dumps(self._used), encoding="utf-8")

    def _sha256(self, path: bytes) -> str:
        name, state = os.fsdecode(path), _state(path)
        known = self._known.get(name)
        if known is not None and known[0] == state:
            self._used[name] = known
            return known[1]
        sha256 = sha256_of_file(path)
        if _state(path) == state and state[2] + _TOO_FRESH < time.time_ns():
            self._used[name] = (state, sha256)
        return sha256


def _state(path: bytes) -> State:
    told = os.stat(path)  # noqa: PTH116 # bytes
    return [told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino, told.st_dev]
