"""Servers that fail and lie, as `mono pull` meets them: all of it is told at once, and the old tree stands."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from monorepo.lock.model import LockedSource
from tests.faults.answers import (
    announcing,
    busy_until,
    chunked,
    garbage,
    overlong,
    reset_before,
    reset_within,
    without_length,
)
from tests.faults.scene import OLD, Scene
from tests.faults.server import Answer, FaultyServer, body, redirect, status, truncated
from tests.monorepo.fetch.sources import checksum, put, source, tar


def content_of(name: str) -> bytes:
    """An archive of its own for each ``name``, a few kB of what cannot be compressed."""
    return tar({"p/a": random.Random(name).randbytes(3000)})


def file_of(name: str) -> bytes:
    return random.Random(name).randbytes(3000)


def wrong(content: bytes) -> bytes:
    """As long, but not the same."""
    return content[:-1] + bytes([content[-1] ^ 1])


LASTING = {
    "truncated": (lambda right: truncated(right, 20), "the connection failed"),
    "short": (lambda right: body(right[:-3]), "wrong checksum, expected"),
    "long": (lambda right: body(right + b"more"), "wrong checksum, expected"),
    "changed": (lambda right: body(wrong(right)), "wrong checksum, expected"),
    "empty": (lambda _: body(b""), "wrong checksum, expected"),
    "page": (lambda _: body(b"<html>Log in first</html>"), "wrong checksum, expected"),
    "endless-short": (lambda right: without_length(right[:-3]), "wrong checksum, expected"),
    "chunks-cut": (lambda right: chunked(right, whole=False), "the connection failed"),
    "absent": (lambda _: status(404), "the server answers 404 Not Found"),
    "gone": (lambda _: status(410), "the server answers 410 Gone"),
    "forbidden": (lambda _: status(403), "the server answers 403 Forbidden"),
    "busy": (lambda _: status(429, Retry_After="0"), "the server answers 429 Too Many Requests"),
    "broken": (lambda _: status(500), "the server answers 500 Internal Server Error"),
    "endless": (lambda right: announcing(5 << 30, right), "more than 4294967296 bytes"),
    "loop": (lambda _: redirect("/loop"), "redirects more than 10 times"),
    "elsewhere": (lambda _: redirect("ftp://127.0.0.1/x"), "no url for http"),
    "own-files": (lambda _: redirect("file:///etc/passwd"), "no url for http"),
    "reset-before": (lambda _: reset_before, "the connection failed"),
    "reset-within": (lambda right: reset_within(right, 900), "the connection failed"),
    "garbage": (lambda _: garbage, "the connection failed"),
}
"""Name to what the server does with the right bytes, for ever, and what is said of it."""


def test_lasting_faults_are_told_all_at_once(scene: Scene, server: FaultyServer) -> None:
    old = scene.with_old_duniverse()
    contents = {name: content_of(name) for name in (*LASTING, "good")}
    for name, (fault, _) in LASTING.items():
        server.on(f"/{name}", fault(contents[name]))
    server.on("/good", body(contents["good"]))
    sources = [source(name, f"{server.url}/{name}", content) for name, content in contents.items()]
    scene.lock(*sources)
    said = scene.refused(scene.pull("-v"), old)
    assert f"{len(LASTING)} sources could not be fetched" in said
    for name, (_, reason) in LASTING.items():
        lines = [line for line in said.splitlines() if f"{server.url}/{name}: " in line]
        assert [line for line in lines if reason in line], f"{name}: {lines}"
    assert checksum(wrong(contents["changed"])) in said
    server.asked.clear()
    for name, content in contents.items():
        server.on(f"/{name}", body(content))
    scene.done(scene.pull(), {f"{name}/a": file_of(name) for name in contents})
    assert "/good" not in server.asked  # what was right stayed in the cache
    assert sorted(set(server.asked)) == sorted(f"/{name}" for name in LASTING)


PASSING = {
    "500": status(500),
    "502": status(502),
    "503": status(503, Retry_After="0"),
    "429": status(429),
    "reset-before": reset_before,
}


def test_passing_faults_are_overcome(scene: Scene, server: FaultyServer) -> None:
    scene.with_old_duniverse()
    faults = {
        **{name: lambda _, answer=answer: answer for name, answer in PASSING.items()},
        "truncated": lambda right: truncated(right, 1000),
        "reset-within": lambda right: reset_within(right, 1000),
        "chunks-cut": lambda right: chunked(right, whole=False),
    }
    harmless = {
        "overlong": lambda right: overlong(right, b"and more"),
        "endless": without_length,
        "chunks": lambda right: chunked(right, whole=True),
        "moved": lambda _: redirect("/there"),
    }
    contents = {f"p{name}": content_of(name) for name in (*faults, *harmless)}
    for name, fault in faults.items():
        server.on(f"/p{name}", fault(contents[f"p{name}"]), body(contents[f"p{name}"]))
    for name, answer in harmless.items():
        server.on(f"/p{name}", answer(contents[f"p{name}"]))
    server.on("/there", body(contents["pmoved"]))
    scene.lock(*(source(name, f"{server.url}/{name}", content) for name, content in contents.items()))
    scene.done(scene.pull(), {f"{name}/a": file_of(name[1:]) for name in contents})
    assert {name: server.asked.count(f"/p{name}") for name in faults} == dict.fromkeys(faults, 2)


@pytest.mark.parametrize("answer", [status(429, Retry_After="2"), busy_until(3)], ids=["seconds", "date"])
def test_a_server_is_left_alone_for_as_long_as_it_asks(
    scene: Scene, server: FaultyServer, answer: Answer
) -> None:
    content = content_of("p")
    scene.lock(source("p", server.on("/p", answer, body(content)), content))
    scene.done(scene.pull(), {"p/a": file_of("p")})
    first, second = server.times
    assert second - first > 1.8


ALGORITHMS = ("md5", "sha256", "sha512")


def test_every_checksum_counts(scene: Scene, server: FaultyServer) -> None:
    """Of any set of checksums, one that is wrong is enough, wherever it stands."""
    old = scene.with_old_duniverse()
    sources, wanted, mended = [], [], []
    for listed in (
        *((algorithm,) for algorithm in ALGORITHMS),
        ("md5", "sha256"),
        ("sha256", "sha512"),
        ALGORITHMS,
    ):
        for lie in listed:
            name = f"{lie}-of-{'-'.join(listed)}"
            content = content_of(name)
            right = {algorithm: checksum(content, algorithm) for algorithm in listed}
            said = {**right, lie: checksum(content + b"another", lie)}
            url = server.on(f"/{name}", body(content))
            sources.append(source(name, url, b"", checksums=tuple(said.values())))
            mended.append(source(name, url, b"", checksums=tuple(right.values())))
            wanted.append(f"{url}: wrong checksum, expected {said[lie]}, got {right[lie]}")
    scene.lock(*sources)
    said_of_all = scene.refused(scene.pull(), old)
    assert [line for line in wanted if line not in said_of_all] == []
    scene.lock(*mended)
    scene.done(scene.pull(), {f"{one.directory}/a": file_of(one.directory) for one in mended})


def mirrored(server: FaultyServer, content: bytes, answer: Answer) -> None:
    """Answer so where a mirror would have ``content``."""
    digest = checksum(content).removeprefix("sha256=")
    server.on(f"/mirror/sha256/{digest[:2]}/{digest}", answer)


def test_a_place_that_lies_is_passed_over(scene: Scene, server: FaultyServer) -> None:
    scene.with_old_duniverse()
    contents = {name: content_of(name) for name in ("mirror-lies", "url-lies", "first-lies")}
    mirrored(server, contents["mirror-lies"], body(wrong(contents["mirror-lies"])))
    mirrored(server, contents["url-lies"], body(contents["url-lies"]))
    server.on("/mirror-lies", body(contents["mirror-lies"]))
    server.on("/url-lies", body(b"never asked for"))
    server.on("/first-lies", body(wrong(contents["first-lies"])))
    second = server.on("/second", body(contents["first-lies"]))
    more = {"first-lies": {"mirrors": (second,)}}
    sources: list[LockedSource] = [
        source(name, f"{server.url}/{name}", content, **more.get(name, {}))
        for name, content in contents.items()
    ]
    scene.lock(*sources, mirrors=(f"{server.url}/mirror",))
    said = scene.done(scene.pull(), {f"{name}/a": file_of(name) for name in contents})
    assert f"passed over {server.url}/mirror/" in said
    assert f"passed over {server.url}/first-lies: wrong checksum" in said
    assert "/url-lies" not in server.asked


def test_what_every_place_lies_about_is_refused(scene: Scene, server: FaultyServer) -> None:
    old = scene.with_old_duniverse()
    content = content_of("p")
    mirrored(server, content, body(wrong(content)))
    url = server.on("/p", body(content[:-1]))
    other = server.on("/other", body(content + b"\0"))
    scene.lock(source("p", url, content, mirrors=(other,)), mirrors=(f"{server.url}/mirror",))
    said = scene.refused(scene.pull(), old)
    assert "is not what the lock says" in said
    for lie in (wrong(content), content[:-1], content + b"\0"):
        assert checksum(lie) in said


def test_a_file_that_is_not_what_the_lock_says(scene: Scene) -> None:
    """file:// urls are held to the same."""
    old = scene.with_old_duniverse()
    content = content_of("p")
    paths = {
        "wrong": put(scene.outside, "wrong.tgz", wrong(content)),
        "absent": (scene.outside / "absent.tgz").as_uri(),
        "folder": scene.outside.as_uri(),
    }
    scene.lock(*(source(name, url, content + name.encode()) for name, url in paths.items()))
    said = scene.refused(scene.pull(), old)
    for reason in ("wrong checksum, expected", "there is no such file", "it is no plain file"):
        assert reason in said
    scene.lock(*scene.old_sources())
    scene.done(scene.pull(), {f"{name}/a": text for name, text in OLD.items()})


def test_a_server_that_is_not_there(scene: Scene) -> None:
    old = scene.with_old_duniverse()
    scene.lock(source("p", "http://127.0.0.1:9/p", b""), source("q", "http://nowhere.invalid/q", b"q"))
    said = scene.refused(scene.pull(), old)
    assert "http://127.0.0.1:9/p: the server refuses the connection" in said
    assert "http://nowhere.invalid/q: the server's name cannot be resolved" in said


def test_one_cause_of_many_failures_is_told_once(scene: Scene, server: FaultyServer) -> None:
    """A script is told of each; what fails in a way of its own stands apart."""
    old = scene.with_old_duniverse()
    here = source("good", server.on("/good", body(content_of("good"))), content_of("good"))
    gone = source("gone", server.on("/gone", status(404)), b"gone")
    many = [source(f"p{index:02}", f"http://127.0.0.1:9/{index}", b"%d" % index) for index in range(30)]
    many += [source(f"q{index}", server.on(f"/q{index}", status(403)), b"q%d" % index) for index in range(4)]
    scene.lock(here, gone, *many)
    outcome = scene.pull("--json")
    assert outcome.stderr.splitlines()[1:-1] == [
        "error: 35 of 36 sources could not be fetched",
        "  the server refuses the connection (127.0.0.1:9)",
        "    30 sources: p00, p01, p02 and 27 more",
        f"  the server answers 403 Forbidden ({server.url.removeprefix('http://')})",
        "    4 sources: q0, q1, q2 and q3",
        "  gone: its source could not be had",
        f"    {server.url}/gone: the server answers 404 Not Found",
    ]
    details = json.loads(outcome.stdout)["details"]
    for index in range(30):
        assert f"  http://127.0.0.1:9/{index}: the server refuses the connection" in details
    scene.refused(replace(outcome, stdout=""), old)


def test_a_proxy_that_is_not_there(scene: Scene) -> None:
    old = scene.with_old_duniverse()
    scene.environment["ALL_PROXY"] = "http://127.0.0.1:9"
    urls = ("https://one.invalid/p", "http://two.invalid/q", "https://three.invalid:8443/r")
    scene.lock(*(source(f"s{number}", url, url.encode()) for number, url in enumerate(urls)))
    assert scene.refused(scene.pull(), old).splitlines()[1:] == [
        "error: nothing could be fetched: the proxy refuses the connection (127.0.0.1:9)",
        "  3 sources: s0, s1 and s2",
        "hint: look at HTTP_PROXY, HTTPS_PROXY and ALL_PROXY; with -v each is told",
    ]


def test_tls_that_cannot_be_trusted(
    scene: Scene, server: FaultyServer, https: str, certificate: Path
) -> None:
    """An unknown certificate, one that has another name, and a server that speaks no TLS at all."""
    old = scene.with_old_duniverse()
    urls = {
        "unknown": f"{https}/fine",
        "plain": server.on("/p", body(b"p")).replace("http:", "https:"),
    }
    scene.lock(*(source(name, url, name.encode()) for name, url in urls.items()))
    said = scene.refused(scene.pull(), old)
    assert f"{urls['unknown']}: the server's certificate is not to be trusted" in said
    assert f"{urls['plain']}: TLS cannot be agreed on" in said
    scene.environment["SSL_CERT_FILE"] = str(certificate / "certificate")
    urls = {"down": f"{https}/down", "other-name": f"{https}/fine".replace("127.0.0.1", "localhost")}
    scene.lock(*(source(name, url, name.encode()) for name, url in urls.items()))
    said = scene.refused(scene.pull(), old)
    assert f"{urls['down']}: the server redirects from https to http://127.0.0.1:9/elsewhere" in said
    assert f"{urls['other-name']}: the server's certificate is not to be trusted" in said
    scene.lock(source("p", f"{https}/fine", b""), *scene.old_sources())
    assert "this is no archive that mono knows" in scene.refused(scene.pull(), old)  # it was fetched
