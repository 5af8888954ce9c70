"""Archives without a checksum: fetched where the lock allows it, and protected by their tree from then on."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from monorepo.adapters.http import HttpClient
from monorepo.errors import DuniverseError, FetchError
from monorepo.lock.model import LockedSource
from monorepo.lock.reader import load_lock
from monorepo.lock.writer import replace_lock
from tests.faults.server import FaultyServer, body, ranged
from tests.monorepo.fetch.sources import lock, pulled, put, tar, vendored

ONE, TWO = (tar({"p-1/a": text}) for text in (b"one", b"two"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    url = put(tmp_path, "upstream/p.tgz", ONE)
    asked = lock(LockedSource("p", url, ("p",), unverified=True))
    replace_lock(replace(asked, inputs="sha256:" + "0" * 64), project)
    return project


def test_it_is_pulled_and_recorded(tmp_path: Path, project: Path) -> None:
    report = pulled(load_lock(project), tmp_path)
    assert (report.made, report.recorded) == (("p",), 1)
    assert (report.archives, report.downloaded, report.received) == (1, 1, len(ONE))
    assert vendored(project) == {"p/a": b"one"}
    shutil.rmtree(tmp_path / "upstream")
    assert pulled(load_lock(project), tmp_path).made == ()


def test_another_content_is_refused_on_every_machine(tmp_path: Path, project: Path) -> None:
    pulled(load_lock(project), tmp_path)
    put(tmp_path, "upstream/p.tgz", TWO)
    shutil.rmtree(project / "duniverse")
    with pytest.raises(DuniverseError, match=r"not what mono\.lock records") as failure:
        pulled(load_lock(project), tmp_path)
    assert "delete the line tree of p in mono.lock" in failure.value.hint
    assert not (project / "duniverse").exists()
    put(tmp_path, "upstream/p.tgz", tar({"p-1/a": b"one"}, mode="w:xz"))  # other bytes of the same content
    assert pulled(load_lock(project), tmp_path).made == ("p",)


def test_another_content_is_accepted_without_moving_any_version(tmp_path: Path, project: Path) -> None:
    pulled(load_lock(project), tmp_path)
    put(tmp_path, "upstream/p.tgz", TWO)
    file = project / "mono.lock"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("tree = ")), encoding="utf-8")
    assert pulled(load_lock(project), tmp_path).recorded == 1
    assert vendored(project) == {"p/a": b"two"}


def test_what_is_not_recorded_is_fetched_anew(tmp_path: Path, project: Path) -> None:
    asked = load_lock(project)
    pulled(asked, tmp_path)
    put(tmp_path, "upstream/p.tgz", TWO)
    replace_lock(asked, project)
    assert pulled(asked, tmp_path).made == ("p",)
    assert vendored(project) == {"p/a": b"two"}


def test_a_mirror_stands_in(tmp_path: Path, project: Path) -> None:
    asked = load_lock(project)
    mirror = put(tmp_path, "mirror/p.tgz", ONE)
    (tmp_path / "upstream/p.tgz").unlink()
    mirrored = replace(asked, sources=(replace(asked.sources[0], mirrors=(mirror,)),))
    assert pulled(mirrored, tmp_path).made == ("p",)


def test_what_it_gave_last_stands_in_where_the_tree_is_recorded(tmp_path: Path, project: Path) -> None:
    asked = load_lock(project)
    pulled(asked, tmp_path)
    shutil.rmtree(tmp_path / "upstream")
    shutil.rmtree(project / "duniverse")
    (note,) = pulled(load_lock(project), tmp_path).notes
    assert "what it gave last is taken" in note
    assert vendored(project) == {"p/a": b"one"}
    shutil.rmtree(project / "duniverse")
    assert pulled(load_lock(project), tmp_path, offline=True).made == ("p",)
    for offline in (True, False):
        with pytest.raises(FetchError, match=r"and mono is offline|without a checksum"):
            pulled(asked, tmp_path, offline=offline, force=True)
    assert vendored(project) == {"p/a": b"one"}


@pytest.mark.parametrize("tag", ['"one"', ""], ids=["tag", "nothing"])
def test_a_cut_is_gone_on_with_only_where_the_server_knows_it_for_the_same(
    tmp_path: Path, project: Path, server: FaultyServer, http: HttpClient, tag: str
) -> None:
    headers = {"ETag": tag} if tag else {}
    url = server.on("/p", ranged(ONE, kept=len(ONE) // 2, **headers), ranged(ONE, **headers))
    asked = lock(LockedSource("p", url, ("p",), unverified=True))
    report = pulled(asked, tmp_path, http)
    assert [seen.get("If-Range") for seen in server.headers] == [None, tag or None]
    assert report.received == (len(ONE) - len(ONE) // 2 if tag else len(ONE))
    assert vendored(project) == {"p/a": b"one"}
    assert list((tmp_path / "cache/incoming").iterdir()) == []


def test_what_is_left_of_another_document_is_not_gone_on_with(
    tmp_path: Path, project: Path, server: FaultyServer, http: HttpClient
) -> None:
    url = server.on("/p", ranged(ONE, kept=len(ONE) // 2, ETag='"one"'), ranged(TWO, ETag='"two"'))
    pulled(lock(LockedSource("p", url, ("p",), unverified=True)), tmp_path, http)
    assert vendored(project) == {"p/a": b"two"}


def test_two_sources_of_one_url_are_one_question(
    tmp_path: Path, project: Path, server: FaultyServer, http: HttpClient
) -> None:
    url = server.on("/p", body(ONE))
    sources = [LockedSource(name, url, (name,), unverified=True) for name in ("p", "q")]
    report = pulled(lock(*sources), tmp_path, http)
    assert (report.made, report.archives, server.asked) == (("p", "q"), 1, ["/p"])
    assert vendored(project) == {"p/a": b"one", "q/a": b"one"}


def test_every_place_that_failed_is_named(tmp_path: Path, project: Path) -> None:
    (tmp_path / "upstream/p.tgz").unlink()
    with pytest.raises(FetchError, match="could not be had, and without a checksum") as failure:
        pulled(load_lock(project), tmp_path)
    assert failure.value.place == "p"
    assert failure.value.details[0].endswith("p.tgz: there is no such file")
    assert not (project / "duniverse").exists()


def test_nobody_else_goes_without(tmp_path: Path) -> None:
    bare = LockedSource("p", put(tmp_path, "upstream/p.tgz", ONE), ("p",))
    with pytest.raises(FetchError, match="nothing says what it must contain") as failure:
        pulled(lock(bare), tmp_path)
    assert "[solve] unverified" in failure.value.hint
