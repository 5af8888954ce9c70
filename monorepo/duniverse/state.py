"""What a pull remembers of the duniverse it made, in duniverse/.mono.json.

For every directory: the digest of what the lock says of its content, the digest of the tree, its stamp, which
tells whether anything may have changed since, and what it shows to dune, so that a later pull need not read
it again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monorepo.duniverse.expose import Shown
from monorepo.duniverse.intruders import REMOVED
from monorepo.errors import DuniverseError
from monorepo.fetch.checksums import parse_checksums
from monorepo.lock.model import LockedSource

STATE = ".mono.json"
_FORMAT = 1
RULES = 6
"""Counts up when preparation or stamps change, so that every tree is made anew."""


@dataclass(frozen=True, slots=True)
class Vendored:
    """One directory as a pull left it; the digests are ``sha256:`` and hex digits.

    ``without`` are the packages of which the source's own copies were hidden, as others are locked
    (`monorepo.duniverse.nested`); ``prepared`` is the digest of the tree before that, "" for the same.
    """

    source: str
    tree: str
    stamp: str
    shown: Shown
    without: tuple[str, ...] = ()
    prepared: str = ""

    @property
    def recorded(self) -> str:
        """The digest of the tree as the cache has it, and the lock records it."""
        return self.prepared or self.tree


def read_state(duniverse: Path) -> Mapping[str, Vendored] | None:
    """What the pull that made ``duniverse`` wrote; None where no mono made it.

    Raises:
        DuniverseError: the file is there and cannot be understood.
    """
    path = duniverse / STATE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        if document["format"] != _FORMAT:
            raise _unreadable(path, f"it is of format {document['format']}")
        return {name: _vendored(**entry) for name, entry in document["directories"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, f"it is malformed ({error})") from error


def state_text(directories: Mapping[str, Vendored]) -> str:
    """What is written to `STATE`."""
    entries = {name: dataclasses.asdict(vendored) for name, vendored in sorted(directories.items())}
    return json.dumps({"format": _FORMAT, "directories": entries}, indent=1, sort_keys=True) + "\n"


def source_digest(source: LockedSource) -> str:
    """The digest of everything in the lock that decides the content of ``source``'s directory.

    Where the same bytes are fetched from does not count, unless no checksum of the lock tells them.
    """
    content = {
        "rules": RULES,
        "packages": sorted(source.packages),
        "removed": REMOVED,
        "checksums": [str(checksum) for checksum in parse_checksums(source.checksums)],
        "commit": source.commit,
        **({"url": source.url} if source.unverified else {}),
        "subpath": source.subpath,
        "extra_sources": [
            [extra.file, [str(checksum) for checksum in parse_checksums(extra.checksums)]]
            for extra in source.extra_sources
        ],
        "extra_files": [[extra.file, extra.sha256] for extra in source.extra_files],
        "patches": source.patches,
        "substitutions": [[one.file, one.variables] for one in source.substitutions],
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return f"sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()}"


def shown_of(about: dict[str, Any]) -> Shown:
    """What a source shows, as `dataclasses.asdict` has it and JSON gives it back."""
    lists = {"language": tuple(about["language"]), "nested": tuple(about.get("nested", ()))}
    return Shown(**{**about, **lists})


def _vendored(
    source: str,
    tree: str,
    stamp: str,
    shown: dict[str, Any] | None = None,
    without: Sequence[str] = (),
    prepared: str = "",
) -> Vendored:
    """One entry as it was read; before rule 2 what a source shows was not written down."""
    seen = Shown({}, {}) if shown is None else shown_of(shown)
    return Vendored(source, tree, stamp, seen, tuple(without), prepared)


def _unreadable(path: Path, why: str) -> DuniverseError:
    return DuniverseError(
        f"mono's notes on the duniverse cannot be read: {why}",
        place=str(path),
        hint="pull with --force to make the duniverse anew",
    )
