"""Where archives are looked for, how they are verified, and what is said when they cannot be had."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monorepo.adapters.git import GitClones
from monorepo.adapters.http import HttpClient
from monorepo.errors import FetchError
from monorepo.fetch.arrivals import Fetched
from monorepo.fetch.checksums import Checksum, parse_checksum, parse_checksums
from monorepo.fetch.download import fetch
from monorepo.fetch.progress import Silence
from monorepo.lock.model import ExtraSource, LockedSource
from tests.faults.server import FaultyServer, body, status
from tests.monorepo.fetch.sources import (
    SHORT,
    NoHttp,
    checksum,
    put,
    repository,
    run_git,
    source,
    tar,
    tree,
)

CONTENT = tar({"p/a": b"right"})
OTHER = tar({"p/a": b"wrong"})
SHA = checksum(CONTENT).removeprefix("sha256=")


def brought(folder: Path, *sources: LockedSource, http: Any = None, mirrors: tuple[str, ...] = ()) -> Fetched:
    cache = folder / "cache"
    return fetch(sources, mirrors, cache, http or NoHttp(), GitClones(cache), Silence(), patience=SHORT)


def cached(folder: Path) -> dict[str, bytes | str]:
    return tree(folder / "cache")


def test_the_cache_is_content_addressed_and_asked_first(
    tmp_path: Path, server: FaultyServer, http: HttpClient
) -> None:
    url = server.on("/p.tbz", body(CONTENT))
    first = brought(tmp_path, source("p", url, CONTENT), http=http)
    assert cached(tmp_path) == {f"archives/sha256/{SHA[:2]}/{SHA}": CONTENT}
    assert (first.downloaded, first.received) == (1, len(CONTENT))
    again = brought(tmp_path, source("p", url, CONTENT))
    assert (again.downloaded, again.received) == (0, 0)
    assert again.paths == first.paths
    assert server.asked == ["/p.tbz"]


def test_file_urls_and_plain_paths_need_no_network(tmp_path: Path) -> None:
    url = put(tmp_path, "with blank.tgz", CONTENT)
    assert "%20" in url
    assert brought(tmp_path, source("p", url, CONTENT)).downloaded == 1
    assert brought(tmp_path / "2", source("p", str(tmp_path / "with blank.tgz"), CONTENT)).downloaded == 1


@pytest.mark.parametrize(
    "url", ["ftp://h/p", "p.tgz", "file://host/p", "hg+https://h/p", "data:,x", "https://", "http://[::1/p"]
)
def test_other_urls_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(FetchError) as failure:
        brought(tmp_path, source("p", url, CONTENT))
    assert failure.value.place == "p"
    assert any("cannot fetch from such a url" in line for line in failure.value.details)


@pytest.mark.parametrize("algorithm", ["md5", "sha256", "sha512"])
def test_every_listed_checksum_counts(tmp_path: Path, algorithm: str) -> None:
    url = put(tmp_path, "p", CONTENT)
    listed = [checksum(CONTENT, other) for other in ("md5", "sha256", "sha512") if other != algorithm]
    wrong = checksum(OTHER, algorithm)
    with pytest.raises(FetchError) as failure:
        brought(tmp_path, source("p", url, CONTENT, checksums=(*listed, wrong)))
    (line,) = failure.value.details
    assert url in line
    expected, got = parse_checksum(wrong), parse_checksum(checksum(CONTENT, algorithm))
    assert f"expected {expected}, got {got}" in line
    assert (failure.value.place, failure.value.code) == ("p", "fetch")
    assert "not what the lock says" in failure.value.reason
    assert failure.value.hint
    assert not any(name.startswith("archives") for name in cached(tmp_path))


def test_mirrors_come_first_by_every_checksum(tmp_path: Path, server: FaultyServer, http: HttpClient) -> None:
    sha512 = checksum(CONTENT, "sha512").removeprefix("sha512=")
    by_sha512 = f"/m/sha512/{sha512[:2]}/{sha512}"
    server.on(by_sha512, body(CONTENT))
    both = (checksum(CONTENT), checksum(CONTENT, "sha512"))
    report = brought(
        tmp_path,
        source("p", f"{server.url}/p", CONTENT, checksums=both),
        http=http,
        mirrors=(f"{server.url}/m/",),
    )
    assert server.asked == [f"/m/sha256/{SHA[:2]}/{SHA}", by_sha512]
    assert report.notes == ()


@pytest.mark.parametrize("as_path", [True, False])
def test_a_folder_can_be_a_mirror(tmp_path: Path, as_path: bool) -> None:
    put(tmp_path, f"mirror/sha256/{SHA[:2]}/{SHA}", CONTENT)
    mirror = tmp_path / "mirror"
    report = brought(
        tmp_path,
        source("p", "https://nowhere.invalid/p", CONTENT),
        mirrors=(str(mirror) if as_path else mirror.as_uri(),),
    )
    assert report.downloaded == 1


def test_a_lying_mirror_is_passed_over_and_noted(
    tmp_path: Path, server: FaultyServer, http: HttpClient
) -> None:
    put(tmp_path, f"mirror/sha256/{SHA[:2]}/{SHA}", OTHER)
    url = server.on("/p", body(CONTENT))
    report = brought(tmp_path, source("p", url, CONTENT), http=http, mirrors=(str(tmp_path / "mirror"),))
    (note,) = report.notes
    assert "mirror" in note
    assert f"got {checksum(OTHER)}" in note
    assert cached(tmp_path) == {f"archives/sha256/{SHA[:2]}/{SHA}": CONTENT}


def test_a_mirror_that_is_down_is_asked_once_for_all(
    tmp_path: Path, server: FaultyServer, http: HttpClient
) -> None:
    contents = [tar({"p/a": bytes([index])}) for index in range(20)]
    sources = [
        source(f"p{index}", server.on(f"/{index}", body(content)), content)
        for index, content in enumerate(contents)
    ]
    for content in contents:
        digest = checksum(content).removeprefix("sha256=")
        server.on(f"/m/sha256/{digest[:2]}/{digest}", status(503))
    report = fetch(
        sources,
        (f"{server.url}/m",),
        tmp_path,
        http,
        GitClones(tmp_path),
        Silence(),
        threads=1,
        patience=SHORT,
    )
    assert report.downloaded == 20
    assert sum(path.startswith("/m/") for path in server.asked) == 2


def test_own_mirrors_follow_the_url(tmp_path: Path, server: FaultyServer, http: HttpClient) -> None:
    mirror = server.on("/mirror", body(CONTENT))
    report = brought(tmp_path, source("p", f"{server.url}/gone", CONTENT, mirrors=(mirror,)), http=http)
    assert server.asked == ["/gone", "/mirror"]
    assert report.notes == (f"passed over {server.url}/gone: the server answers 404 Not Found",)


def test_every_place_is_named_when_none_has_it(
    tmp_path: Path, server: FaultyServer, http: HttpClient
) -> None:
    url = server.on("/p", body(OTHER))
    (tmp_path / "mirror").mkdir()
    with pytest.raises(FetchError) as failure:
        brought(
            tmp_path,
            source("p", url, CONTENT, packages=("p", "p-lwt"), mirrors=(f"{server.url}/gone",)),
            http=http,
            mirrors=(str(tmp_path / "mirror"),),
        )
    assert failure.value.place == "p, p-lwt"
    lines = failure.value.details
    assert len(lines) == 3
    assert lines[0].endswith("there is no such file")
    assert lines[1].startswith(f"{url}: wrong checksum, expected {checksum(CONTENT)}, got {checksum(OTHER)}")
    assert lines[2] == f"{server.url}/gone: the server answers 404 Not Found"


def test_what_a_mirror_has_wrong_is_told_once_and_is_to_be_mended_there(tmp_path: Path) -> None:
    sums = tuple(f"{kind}={hashlib.new(kind, CONTENT).hexdigest()}" for kind in ("sha512", "md5"))
    mirror = tmp_path / "mirror"
    for text in sums:
        put(mirror, parse_checksum(text).path, OTHER)
    wanted = replace(source("p", str(tmp_path / "gone"), CONTENT), checksums=sums)
    with pytest.raises(FetchError) as failure:
        brought(tmp_path, wanted, mirrors=(str(mirror),))
    assert str(mirror) in failure.value.hint
    wrong, gone = failure.value.details
    assert wrong.count("expected") == 1 and f"expected {sums[0]}" in wrong
    assert gone.endswith("there is no such file")


def test_every_failure_is_told_and_the_rest_is_kept(tmp_path: Path) -> None:
    good = source("good", put(tmp_path, "good", CONTENT), CONTENT)
    bad = [source(name, str(tmp_path / name), OTHER + name.encode()) for name in ("one", "two")]
    with pytest.raises(FetchError) as failure:
        brought(tmp_path, bad[0], good, bad[1])
    assert failure.value.reason == "2 sources could not be fetched"
    text = "\n".join(failure.value.details)
    assert "one: " in text
    assert "two: " in text
    assert f"archives/sha256/{SHA[:2]}/{SHA}" in cached(tmp_path)


def test_a_damaged_entry_of_the_cache_is_replaced(tmp_path: Path) -> None:
    wanted = source("p", put(tmp_path, "p", CONTENT), CONTENT)
    (path,) = brought(tmp_path, wanted).paths.values()
    path.write_bytes(CONTENT[:-1] + b"!")
    assert brought(tmp_path, wanted).downloaded == 1
    assert path.read_bytes() == CONTENT


def test_one_content_is_fetched_once_for_all_who_want_it(
    tmp_path: Path, server: FaultyServer, http: HttpClient
) -> None:
    url = server.on("/p", body(CONTENT))
    report = brought(
        tmp_path, source("p", url, CONTENT), source("q", f"{server.url}/other", CONTENT), http=http
    )
    assert server.asked == ["/p"]
    assert len(report.paths) == 1


def test_extra_sources_are_fetched_too(tmp_path: Path) -> None:
    extra = ExtraSource("fix.patch", put(tmp_path, "x", b"patch"), (), (checksum(b"patch", "md5"),))
    report = brought(tmp_path, source("p", put(tmp_path, "p", CONTENT), CONTENT, extra_sources=(extra,)))
    assert report.paths[parse_checksums(extra.checksums)].read_bytes() == b"patch"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"checksums": ()}, "neither a checksum nor a commit"),
        ({"commit": "0" * 40}, "by a commit and by checksums"),
        ({"extra_sources": (ExtraSource("f", "/f", (), ()),)}, "neither a checksum nor a commit"),
        ({"checksums": ("sha1=00",)}, "unknown kind"),
        ({"checksums": ("sha256=00",)}, "64 hex digits"),
    ],
)
def test_what_nothing_verifies_is_refused(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(FetchError, match=reason):
        brought(tmp_path, source("p", put(tmp_path, "p", CONTENT), CONTENT, **fields))
    assert cached(tmp_path) == {}


def test_a_source_is_told_as_soon_as_all_of_it_is_there(tmp_path: Path) -> None:
    """Those that share a content hear of it together; one that is not complete is never told."""
    extra = ExtraSource("fix.patch", put(tmp_path, "x", b"patch"), (), (checksum(b"patch"),))
    whole = source("whole", put(tmp_path, "p", CONTENT), CONTENT, extra_sources=(extra,))
    same = source("same", whole.url, CONTENT)
    partial = source("partial", str(tmp_path / "absent"), OTHER, extra_sources=(extra,))
    repo = repository(tmp_path / "repo", {"a": b"a"})
    head = run_git(repo, "rev-parse", "HEAD")
    inner, outer = (
        LockedSource(name, f"git+file://{repo}", (name,), commit=head, subpath=name) for name in "io"
    )
    told: dict[str, set[bytes]] = {}

    def arrived(one: LockedSource, paths: Mapping[tuple[Checksum, ...], Path]) -> None:
        assert one.directory not in told
        told[one.directory] = {path.read_bytes() for path in paths.values()}

    sources = [whole, same, partial, inner, outer]
    cache = tmp_path / "cache"
    with pytest.raises(FetchError, match="partial: its source could not be had"):
        fetch(sources, (), cache, NoHttp(), GitClones(cache), Silence(), patience=SHORT, arrived=arrived)
    assert told == {"whole": {CONTENT, b"patch"}, "same": {CONTENT}, "i": set(), "o": set()}


def test_an_unusable_cache_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"a file")
    with pytest.raises(FetchError, match="cache cannot be used") as failure:
        brought(tmp_path, source("p", put(tmp_path, "p", CONTENT), CONTENT))
    assert "MONO_CACHE" in failure.value.hint


def test_bare_hex_is_md5_and_case_does_not_count() -> None:
    assert str(parse_checksum("D41D8CD98F00B204E9800998ECF8427E")) == "md5=d41d8cd98f00b204e9800998ecf8427e"
