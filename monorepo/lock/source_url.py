"""Urls of sources: which are git, and what folder of the duniverse they become."""

from __future__ import annotations

import re

from monorepo.errors import LockError
from solver.archive import normalised_dev_repo
from solver.package import Package

_ARCHIVE_SCHEMES = ("http://", "https://", "file://", "ftp://")


def git_location(url: str) -> tuple[str, str | None] | None:
    """What git takes and the reference; None for the url of an archive (opam manual, "URLs")."""
    place, _, reference = url.partition("#")
    if place.startswith("git+"):
        return place.removeprefix("git+"), reference or None
    if place.startswith(("git://", "ssh://")) or (place.endswith(".git") and "://" in place):
        return place, reference or None
    return None


def refuse_unknown_scheme(package: Package) -> None:
    """Raise `LockError` for a source that mono cannot have: hg, darcs, and what opam does not know either."""
    assert package.source is not None
    url = package.source.url
    if git_location(url) is None and "://" in url and not url.startswith(_ARCHIVE_SCHEMES):
        scheme = url.partition(":")[0]
        raise LockError(
            f"the source of {package.identity} is a {scheme} url, which mono does not fetch",
            url,
            "use a version released as an archive or in git, or make a port of it",
        )


def directory_name(package: Package) -> str:
    """The folder that a package's source would like below duniverse/.

    As opam-monorepo names it: the last part of the dev-repo, up to its first dot; ``duniverse/dune`` is a
    file, so dune itself goes to ``dune_``. Without a dev-repo it is the package's name.
    """
    last = normalised_dev_repo(package.dev_repo).rpartition("/")[2] if package.dev_repo else package.name
    name = last.lstrip(".").partition(".")[0]
    if not re.fullmatch(r"[A-Za-z0-9+-][A-Za-z0-9_+-]*", name):
        name = package.name.lstrip("_")  # dune does not look into folders that begin with _ or .
    return "dune_" if name == "dune" else name
