"""What a worker does for one source: have its prepared tree where the new duniverse is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monorepo.cache.names import TREE
from monorepo.cache.use import is_of, unusable
from monorepo.duniverse.files import list_files, read_list, write_list
from monorepo.duniverse.placing import KEEPING, REFUSALS, Placing, cannot_be_had
from monorepo.duniverse.prepare import prepare
from monorepo.duniverse.state import Vendored, source_digest
from monorepo.duniverse.trees import FILES, TreeCache
from monorepo.errors import DuniverseError
from monorepo.fetch.checksums import Checksum
from monorepo.fetch.places import packages_and
from monorepo.lock.model import LockedSource
from monorepo.ports import Git

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Maker:
    """Fills ``new``, which is to become ``duniverse``, by way of ``cache``; may be sent to another process.

    Args:
        lock_files: the folder beside the lock that has the extra files, named by their sha256.
    """

    new: Path
    duniverse: Path
    cache: Path
    lock_files: Path
    placing: Placing
    git: Git

    def keep(self, directory: str, vendored: Vendored) -> Vendored:
        """Have a directory of the old duniverse in the new one as well; it is the same one."""
        with self._told(directory, KEEPING):
            KEEPING.tree(self.duniverse / directory, self.new / directory)
            listing = read_list(self.duniverse, directory, vendored.tree)
            write_list(self.new, directory, list_files(self.new / directory) if listing is None else listing)
        return vendored

    def place(self, source: LockedSource) -> Vendored | None:
        """Have ``source`` in the new duniverse if the cache has it prepared; None where it has not."""
        with self._told(packages_and(source), self.placing):
            return TreeCache(self.cache).place(source, self.new / source.directory, self.placing)

    def make(self, source: LockedSource, archives: Mapping[tuple[Checksum, ...], Path]) -> Vendored:
        """Have ``source``, of which ``archives`` are the verified files, prepared and in the new duniverse.

        Raises:
            FetchError, DuniverseError: see `monorepo.duniverse.prepare.prepare`; or the cache cannot be used.
        """
        trees = TreeCache(self.cache)
        for _ in range(_TRIES):
            # Another pull may have been faster, or have replaced the entry while it was read.
            vendored = self.place(source)
            if vendored is not None:
                return vendored
            with self._told(packages_and(source), self.placing), trees.making() as aside:
                tree, unpacked = aside / TREE, aside / "unpacked"
                made = prepare(source, tree, unpacked, archives, self.lock_files, self.git)
                vendored = Vendored(source_digest(source), made.sealed.tree, made.sealed.stamp, made.shown)
                (aside / FILES).write_bytes(made.sealed.listing)
                (aside / FILES).chmod(0o444)
                trees.keep(source, vendored, aside)
        raise DuniverseError(
            "its tree in the cache changes again and again while it is used",
            place=packages_and(source),
            details=(f"it is {trees.entry(source_digest(source))}",),
        )

    @contextmanager
    def _told(self, place: str, placing: Placing) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in REFUSALS and not placing.falls_back:
                raise cannot_be_had(placing.mode, self.cache, self.new, error) from error
            if isinstance(error, PermissionError) and is_of(self.cache, error):
                raise unusable(self.cache, error, DuniverseError) from error
            raise DuniverseError(
                f"it cannot be written: {error.strerror or error}",
                place=place,
                hint=f"is there space and permission in {self.cache} and {self.new.parent}?",
                details=(f"the file is {error.filename}",) if error.filename else (),
            ) from error
