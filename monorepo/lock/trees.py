"""The trees of a lock: what each source is once it is prepared, as the first pull found it.

A tree says of a source what its checksums cannot: that patches, substitutions and mono itself made of it
what they made of it before, on whatever machine. It decides nothing: two locks that differ in their trees
alone ask for the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monorepo.lock.model import Lock, LockedSource

_LINES = re.compile(
    rb'^(?:tree = "sha256:[0-9a-f]{64}"|tree-of = "[0-9a-f]{16}"|preparation = [0-9]+)\n', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Trees:
    """Recorded trees, by `monorepo.duniverse.state.source_digest`, made by the rules ``preparation``."""

    preparation: int = 0
    by_source: Mapping[str, str] = field(default_factory=dict)

    def put_into(self, lock: Lock) -> Lock:
        """``lock`` with the trees of those of its sources that are known."""
        if not self.by_source:
            return lock
        from monorepo.duniverse.state import source_digest

        sources = (replace(one, tree=self.by_source.get(source_digest(one), "")) for one in lock.sources)
        return replace(lock, preparation=self.preparation, sources=tuple(sources))


def mark_of(source: LockedSource) -> str:
    """What a lock has beside the tree of ``source``, to tell of what it is: 16 digits of a hash.

    A merge of two locks can leave the tree of one version beside the checksums of another.
    """
    what = [
        sorted(source.packages),
        source.url if source.unverified else "",
        sorted(source.checksums),
        source.commit,
        source.subpath,
        [[extra.file, sorted(extra.checksums)] for extra in source.extra_sources],
        [[extra.file, extra.sha256] for extra in source.extra_files],
        source.patches,
        [[one.file, one.variables] for one in source.substitutions],
    ]
    text = json.dumps(what, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def trees_of(lock: Lock, *, verified: bool = False) -> Trees:
    """What ``lock`` records; where ``verified``, only of sources that something else vouches for as well."""
    recorded = [one for one in lock.sources if one.tree and not (verified and one.unverified)]
    if not recorded:
        return Trees()
    from monorepo.duniverse.state import source_digest

    return Trees(lock.preparation, {source_digest(source): source.tree for source in recorded})


def without_trees(lock: Lock) -> Lock:
    """The same lock as no pull has seen it."""
    if not lock.preparation:
        return lock
    return replace(lock, preparation=0, sources=tuple(replace(one, tree="") for one in lock.sources))


def text_without_trees(content: bytes) -> bytes:
    """The same of the text of a lock, as `monorepo.lock.writer` writes it, whichever way its lines end."""
    return _LINES.sub(b"", content.replace(b"\r\n", b"\n"))
