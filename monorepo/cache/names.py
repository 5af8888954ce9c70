"""What things are called in the cache: between those who keep them there and those who look through it."""

from __future__ import annotations

import hashlib

TREE, ABOUT = "tree", "about.json"
"""Each prepared tree, and beside it what it is."""

USED = "HEAD"
"""The file in a bare clone whose time tells when the clone was used last."""


def clone_name(url: str) -> str:
    """The name of the bare clone of ``url``."""
    return hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:40]
