"""The cache of prepared trees, shared by every project of a user: a source is prepared once.

CACHE/trees/HH/HEX64/ is one entry: HEX64 is the hex of `monorepo.duniverse.state.source_digest`, which covers
everything that decides the content, and HH its first two digits. ``tree/`` has the files, which are
read-only; ``files`` is their list (`monorepo.duniverse.files`); ``about.json`` has what is known of them, and
its own time says when the entry was used last.

Invariants: an entry appears complete or not at all (made aside, renamed), and never changes; one whose stamp
is not what its notes say (edited, damaged, incomplete) is not believed but replaced. What is being made is
below CACHE/incoming, in a folder with a name of its own that its maker holds locked, so that whatever a
killed one left can be told and cleared away.
"""

from __future__ import annotations

import dataclasses
import errno
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from monorepo.alone import is_at, take_if_free
from monorepo.cache.names import ABOUT, TREE
from monorepo.cache.use import unusable
from monorepo.duniverse.files import LISTS
from monorepo.duniverse.placing import LinkMode, Placing, choose
from monorepo.duniverse.state import Vendored, shown_of, source_digest
from monorepo.errors import FetchError
from monorepo.lock.model import LockedSource
from overlays.stores.files import touch

FILES = "files"
_FORMAT = 1
_MAKING = "tree-"


class TreeCache:
    """Prepared trees below ``folder``/trees. Where they cannot be used methods raise OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trees = folder / "trees"
        self._incoming = folder / "incoming"

    def entry(self, digest: str) -> Path:
        """Where the entry for a source with this digest is, if there is one."""
        hexadecimal = digest.removeprefix("sha256:")
        return self._trees / hexadecimal[:2] / hexadecimal

    def has(self, source: LockedSource) -> bool:
        """Whether there is an entry for ``source``, to be believed or not."""
        return self.entry(source_digest(source)).exists()

    def placing(self, asked: LinkMode | None, folder: Path) -> Placing:
        """How files get from here to ``folder``: as ``asked``, else as cheaply as can be.

        Raises:
            DuniverseError: what is asked for cannot be had there.
            FetchError: the cache cannot be used.
        """
        try:
            self._clear()
            with self.making() as aside:
                (aside / "probe").touch()
                return choose(asked, aside / "probe", folder / ".probe", self._folder)
        except OSError as error:
            raise unusable(self._folder, error, FetchError) from error

    def place(self, source: LockedSource, target: Path, placing: Placing) -> Vendored | None:
        """Have the prepared tree of ``source`` at ``target``, which is absent, and the list of its files.

        None where there is no such entry, or none to be believed; ``target`` is absent then.
        """
        entry = self.entry(source_digest(source))
        vendored = _notes(entry, source)
        if vendored is None:
            return None
        try:
            if placing.tree(entry / TREE, target) == vendored.stamp:
                placing.file(str(entry / FILES), str(target.parent / LISTS / target.name), 0o644)
                touch(entry / ABOUT)
                return vendored
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            pass  # it is damaged, or another process found it so, or prunes the cache
        shutil.rmtree(target, ignore_errors=True)
        return None

    @contextmanager
    def making(self) -> Iterator[Path]:
        """An empty folder for what is to become an entry; gone at the end, with all that is left in it."""
        import tempfile

        self._incoming.mkdir(parents=True, exist_ok=True)
        while True:
            aside = Path(tempfile.mkdtemp(prefix=_MAKING, dir=self._incoming))
            held = _hold(aside)
            if held is not None:
                break
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            os.close(held)

    def keep(self, source: LockedSource, vendored: Vendored, aside: Path) -> None:
        """What a maker made in ``aside``, tree and list of files of ``source``: make it an entry."""
        about = {
            "format": _FORMAT,
            "digest": vendored.tree,
            "stamp": vendored.stamp,
            "shown": dataclasses.asdict(vendored.shown),
            "directory": source.directory,
            "packages": source.packages,
            "url": source.url,
        }
        made = aside / "made"
        made.mkdir(0o755)
        for name in (TREE, FILES):
            (aside / name).rename(made / name)
        (made / ABOUT).write_text(json.dumps(about, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        entry = self.entry(vendored.source)
        entry.parent.mkdir(0o755, parents=True, exist_ok=True)
        for number in itertools.count():
            try:
                made.rename(entry)
                return
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    raise
            # Whoever makes an entry did not find one to believe. Another process may be placing the files of
            # this one, if it was made meanwhile: it will find them gone, and look again.
            with suppress(FileNotFoundError):
                entry.rename(aside / f"old-{number}")

    def _clear(self) -> None:
        """Remove what makers left that were killed."""
        for aside in self._incoming.glob(f"{_MAKING}*"):
            held = _hold(aside)
            if held is not None:
                shutil.rmtree(aside, ignore_errors=True)
                os.close(held)


def _hold(aside: Path) -> int | None:
    """Lock a maker's folder until the descriptor is closed; None where another has it, or has removed it."""
    try:
        held = os.open(aside, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if take_if_free(held) and is_at(aside, held):
        return held
    os.close(held)
    return None


def _notes(entry: Path, source: LockedSource) -> Vendored | None:
    """What an entry says of its tree; None where there is none, or it says nothing to be understood."""
    try:
        about = json.loads((entry / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != _FORMAT:
            return None
        return Vendored(source_digest(source), about["digest"], about["stamp"], shown_of(about["shown"]))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
