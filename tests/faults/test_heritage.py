"""Software Heritage as the last resort: its protocol, and that nothing but the folder that was named is taken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monorepo.adapters.http import HttpClient
from monorepo.duniverse.pull import PullReport
from monorepo.errors import FetchError
from monorepo.fetch.git_tree import git_tree
from monorepo.lock.model import ExtraSource
from tests.faults.server import Answer, FaultyServer, body, status
from tests.monorepo.fetch.sources import SHORT, checksum, lock, pulled, put, source, tar, tree, vendored

FILES = {"a.ml": b"let a = 1\n", "configure.sh": b"#!/bin/sh\n", "lib/b.ml": b""}
RELEASED = tar({f"p-1/{name}": content for name, content in FILES.items()})
NOWHERE = "http://127.0.0.1:9/p.tbz"


@pytest.fixture
def identifier(tmp_path: Path) -> str:
    for name, content in FILES.items():
        put(tmp_path / "known", name, content)
    (tmp_path / "known/configure.sh").chmod(0o755)
    return git_tree(tmp_path / "known")


def cooked(identifier: str, files: dict[str, bytes]) -> bytes:
    """An archive as the vault makes them: everything in one folder named by the SWHID."""
    return tar({f"swh:1:dir:{identifier}/{name}": content for name, content in files.items()})


def cached(folder: Path) -> dict[str, bytes | str]:
    """What is in the cache beside prepared trees."""
    return {
        name: content for name, content in tree(folder / "cache").items() if not name.startswith("trees/")
    }


def said(**answer: object) -> Answer:
    return body(json.dumps(answer).encode())


class Vault:
    """The interface of Software Heritage on a server."""

    def __init__(self, server: FaultyServer, identifier: str) -> None:
        self.url = f"{server.url}/api/1"
        self.swhid = f"swh:1:dir:{identifier}"
        self.path = f"/api/1/vault/flat/{self.swhid}/"
        self._server = server

    def answers(self, *answers: Answer) -> None:
        self._server.on(self.path, *answers)

    def has(self, archive: bytes) -> Answer:
        return said(status="done", fetch_url=self._server.on(f"{self.path}raw/", body(archive)))

    def pull(
        self, folder: Path, http: Any, *, interface: str | None = None, url: str = NOWHERE, **fields: Any
    ) -> PullReport:
        mirrors = (f"https://swhid.opam.ocaml.org/{self.swhid}",)
        one = source("p", url, RELEASED, **{"mirrors": mirrors, **fields})
        locked = replace(lock(one), software_heritage=self.url if interface is None else interface)
        patience = replace(SHORT, kitchen_wait=0.01, kitchen_looks=3)
        return pulled(locked, folder, http, patience=patience)


@pytest.fixture
def vault(server: FaultyServer, identifier: str) -> Vault:
    return Vault(server, identifier)


def test_a_folder_that_is_there(
    tmp_path: Path, server: FaultyServer, http: HttpClient, vault: Vault, identifier: str
) -> None:
    archive = cooked(identifier, FILES)
    vault.answers(vault.has(archive))
    report = vault.pull(tmp_path, http)
    assert vendored(tmp_path / "project") == {f"p/{name}": content for name, content in FILES.items()}
    assert (tmp_path / "project/duniverse/p/configure.sh").stat().st_mode & 0o100
    assert report.notes == (f"p is from Software Heritage, as {vault.swhid}: {NOWHERE} could not be had",)
    assert (report.downloaded, report.received) == (1, len(archive))
    assert cached(tmp_path) == {f"archives/swh/{identifier[:2]}/{identifier}": archive}
    assert server.asked == [vault.path, f"{vault.path}raw/"]


def test_it_is_cooked_when_asked_for(
    tmp_path: Path, server: FaultyServer, http: HttpClient, vault: Vault, identifier: str
) -> None:
    done = vault.has(cooked(identifier, FILES))
    vault.answers(status(404), said(status="new"), said(status="pending"), status(429, Retry_After="0"), done)
    vault.pull(tmp_path, http)
    assert len(vendored(tmp_path / "project")) == 3
    assert len(server.asked) == 6


def test_it_comes_from_the_cache_the_next_time(
    tmp_path: Path, server: FaultyServer, http: HttpClient, vault: Vault, identifier: str
) -> None:
    vault.answers(vault.has(cooked(identifier, FILES)))
    vault.pull(tmp_path, http)
    server.answers.clear()
    again = vault.pull(tmp_path, http, packages=("p", "p-lwt"))
    assert (again.made, again.downloaded) == (("p",), 0)
    assert "Software Heritage" in again.notes[0]


def test_a_damaged_one_in_the_cache_is_replaced(
    tmp_path: Path, http: HttpClient, vault: Vault, identifier: str
) -> None:
    archive = cooked(identifier, FILES)
    path = put(tmp_path / "cache", f"archives/swh/{identifier[:2]}/{identifier}", archive[:60])
    vault.answers(vault.has(archive))
    assert vault.pull(tmp_path, http).downloaded == 1
    assert Path(path.removeprefix("file://")).read_bytes() == archive


def test_other_places_go_first(tmp_path: Path, server: FaultyServer, http: HttpClient, vault: Vault) -> None:
    vault.pull(
        tmp_path,
        http,
        mirrors=(f"https://swhid.opam.ocaml.org/{vault.swhid}", server.on("/p", body(RELEASED))),
    )
    assert server.asked == ["/p"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([status(404)], "the server answers 404"),
        (
            [said(status="failed", progress_message="no such folder")],
            "could not make an archive: no such folder",
        ),
        ([said(status="burnt")], "could not make an archive: burnt"),
        ([said(status="done")], "could not make an archive: done"),
        ([said()], "could not make an archive"),
        ([body(b"[]")], "could not make an archive"),
        ([body(b"<html>")], "the answer is not in JSON"),
        ([body(b"[" * 100_000)], "the answer is not in JSON"),
        ([said(status="pending")], "is still making an archive: pull again later"),
        ([status(429, Retry_After="3600")], "asks to wait 3600 seconds"),
        ([status(500)], "the server answers 500"),
    ],
)
def test_what_the_vault_may_say_instead(
    tmp_path: Path, http: HttpClient, vault: Vault, answers: list[Answer], reason: str
) -> None:
    vault.answers(*answers)
    with pytest.raises(FetchError, match="could not be had") as failure:
        vault.pull(tmp_path, http)
    first, second = failure.value.details
    assert first == f"{NOWHERE}: the server refuses the connection"
    assert vault.url in second
    assert reason in second
    assert not (tmp_path / "project/duniverse").exists()


@pytest.mark.parametrize(
    "files",
    [
        {**FILES, "a.ml": b"let a = 2\n"},
        {**FILES, "more": b""},
        {"a.ml": FILES["a.ml"]},
        {**FILES, "../../evil": b""},
    ],
    ids=["changed", "more", "less", "hostile"],
)
def test_another_folder_is_refused(
    tmp_path: Path, http: HttpClient, vault: Vault, identifier: str, files: dict[str, bytes]
) -> None:
    vault.answers(vault.has(cooked(identifier, files)))
    with pytest.raises(FetchError) as failure:
        vault.pull(tmp_path, http)
    assert failure.value.details[1].endswith(f"what it unpacks to is not {vault.swhid}")
    assert cached(tmp_path) == {}
    assert not (tmp_path / "project/duniverse").exists()


def test_nobody_is_asked_who_was_not_named(
    tmp_path: Path, server: FaultyServer, http: HttpClient, vault: Vault
) -> None:
    with pytest.raises(FetchError) as failure:
        vault.pull(tmp_path, http, interface="")
    assert failure.value.details[1].startswith(f"{vault.swhid}: Software Heritage may have it")
    assert "software-heritage under [mirrors] in mono.toml" in failure.value.details[1]
    assert server.asked == []


@pytest.mark.parametrize("interface", ["", None])
@pytest.mark.parametrize("swhid", ["swh:1:cnt:" + "0" * 40, "swh:1:dir:00", "swh:1:rev:" + "0" * 40])
def test_only_folders_are_sources(
    tmp_path: Path, server: FaultyServer, http: HttpClient, vault: Vault, swhid: str, interface: str | None
) -> None:
    mirrors = (f"https://swhid.opam.ocaml.org/{swhid}",)
    with pytest.raises(FetchError) as failure:
        vault.pull(tmp_path, http, interface=interface, mirrors=mirrors)
    assert failure.value.details[1] == f"{swhid}: this names no folder (swh:1:dir:…), and a source is one"
    assert server.asked == []


def test_a_source_that_is_nowhere_else(
    tmp_path: Path, http: HttpClient, vault: Vault, identifier: str
) -> None:
    vault.answers(vault.has(cooked(identifier, FILES)))
    one = source("p", f"https://swhid.opam.ocaml.org/{vault.swhid}", RELEASED)
    pulled(replace(lock(one), software_heritage=vault.url), tmp_path, http)
    assert len(vendored(tmp_path / "project")) == 3


def test_no_extra_file_comes_from_there(
    tmp_path: Path, http: HttpClient, vault: Vault, server: FaultyServer
) -> None:
    extra = ExtraSource("x", NOWHERE, (f"https://swhid.opam.ocaml.org/{vault.swhid}",), (checksum(b"x"),))
    with pytest.raises(FetchError, match="could not be had"):
        vault.pull(tmp_path, http, url=server.on("/p", body(RELEASED)), extra_sources=(extra,))
    assert server.asked == ["/p"]
