"""Software Heritage, the last place to look: it keeps folders, and makes an archive of one when asked.

What it sends is another archive than the one that was released, so its checksums cannot hold. It is verified
by the SWHID that the package's maintainer gave: the hash of all that it unpacks to.
Sources: Software Heritage's web interface, "vault/flat"; opam, which asks it in the same way.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from monorepo.errors import AbsentError, FetchError, TemporaryError
from monorepo.fetch.archives import ArchiveCache, Entry
from monorepo.fetch.git_tree import git_tree
from monorepo.fetch.parallel import Stop
from monorepo.fetch.patience import Patience
from monorepo.fetch.places import folder_of
from monorepo.fetch.progress import Progress
from monorepo.fetch.unpack import single_folder, unpack
from monorepo.ports import Http

_LONGEST_ANSWER = 1 << 16


@dataclass(frozen=True, slots=True)
class Heritage:
    """The archive behind ``interface``, a base url such as ``https://HOST/api/1``."""

    interface: str
    cache: ArchiveCache
    http: Http
    patience: Patience
    progress: Progress

    def bring(self, swhid: str, name: str, stop: Stop) -> tuple[Path, int | None]:
        """An archive of the folder ``swhid``, and how many bytes came, None where it was in the cache.

        ``name`` is how progress calls it.

        Raises:
            FetchError: it is not there, or what comes is something else.
        """
        identifier = folder_of(swhid)
        if not identifier:
            raise _no_folder(swhid)
        folder = identifier[0].digest
        with self.cache.bringing(identifier) as entry:
            path = self.cache.path(identifier)
            if path.exists() and holds(path, folder, entry.part.parent):
                return path, None
            url = self._archive_url(swhid, stop)
            received = self.patience.ask(lambda: self._download(url, name, entry, stop), stop)
            if not holds(entry.part, folder, entry.part.parent):
                entry.discard()
                raise FetchError(f"what it unpacks to is not {swhid}", place=url)
            return entry.keep(path), received

    def _archive_url(self, swhid: str, stop: Stop) -> str:
        """Where the archive of ``swhid`` is, once it is made."""
        url = f"{self.interface.rstrip('/')}/vault/flat/{swhid}/"
        try:
            answer = self._ask(url, stop)
        except AbsentError:
            self.progress.noted(f"asking Software Heritage to make an archive of {swhid}; this takes a while")
            answer = self._ask(url, stop, post=True)
        for _ in range(self.patience.kitchen_looks):
            status = answer.get("status")
            if status == "done" and isinstance(answer.get("fetch_url"), str):
                return urljoin(url, str(answer["fetch_url"]))
            if status not in ("new", "pending"):
                told = answer.get("progress_message") or status
                raise FetchError(f"Software Heritage could not make an archive: {told}", place=url)
            stop.pause(self.patience.kitchen_wait)
            answer = self._ask(url, stop)
        raise TemporaryError("Software Heritage is still making an archive: pull again later", place=url)

    def _ask(self, url: str, stop: Stop, *, post: bool = False) -> Mapping[str, object]:
        def ask() -> bytes:
            with self.http.post(url) if post else self.http.stream(url) as body:
                text = b""
                for chunk in body.chunks():
                    text += chunk
                    if len(text) > _LONGEST_ANSWER:
                        break
            return text

        try:
            answer = json.loads(self.patience.ask(ask, stop))
        except (ValueError, RecursionError) as error:
            raise FetchError("the answer is not in JSON", place=url) from error
        return answer if isinstance(answer, dict) else {}

    def _download(self, url: str, name: str, entry: Entry, stop: Stop) -> int:
        received = 0
        with self.http.stream(url) as body:
            entry.begin(url, "")
            with entry.adding() as add:
                for chunk in body.chunks():
                    stop.check()
                    add(chunk)
                    received += len(chunk)
                    self.progress.advanced(name, received, body.length)
        return received


def refusals(swhids: Sequence[str]) -> list[str]:
    """Why nobody asks for ``swhids`` where no interface was named."""
    return [
        f"{swhid}: Software Heritage may have it under this name; to look there, name its interface as "
        "software-heritage under [mirrors] in mono.toml and lock again"
        if folder_of(swhid)
        else str(_no_folder(swhid))
        for swhid in swhids
    ]


def _no_folder(swhid: str) -> FetchError:
    return FetchError("this names no folder (swh:1:dir:…), and a source is one", place=swhid)


def holds(archive: Path, identifier: str, room: Path) -> bool:
    """Whether ``archive`` is one of the folder that git calls ``identifier``; unpacked in ``room``."""
    with tempfile.TemporaryDirectory(dir=room, prefix="swh-") as aside:
        folder = Path(aside) / "tree"
        try:
            unpack(archive, folder)
        except FetchError:
            return False
        return git_tree(single_folder(folder)) == identifier
