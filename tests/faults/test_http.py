"""What a server can do wrong, and that a fetch gets through it or says what happened; nothing half-written stays."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from monorepo.adapters.http import HttpClient, Timeouts
from monorepo.errors import AbsentError, FetchError, TemporaryError
from tests.faults.server import (
    Answer,
    FaultyServer,
    body,
    dripping,
    hanging,
    redirect,
    reset,
    slowly,
    status,
    truncated,
)
from tests.monorepo.fetch.sources import checksum, lock, pulled, put, source, tar, tree, vendored

CONTENT = tar({"p/a": b"right" * 100})
OTHER = tar({"p/a": b"wrong" * 100})


@pytest.mark.parametrize(
    "fault",
    [status(500), status(429, Retry_After="0"), status(503), truncated(CONTENT, 20), reset],
    ids=["500", "429", "503", "truncated", "reset"],
)
def test_a_passing_fault_is_overcome(
    tmp_path: Path, server: FaultyServer, http: HttpClient, fault: Answer
) -> None:
    url = server.on("/p", fault, body(CONTENT))
    report = pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    assert vendored(tmp_path / "project") == {"p/a": b"right" * 100}
    assert server.asked == ["/p", "/p"]
    assert report.notes == ()


@pytest.mark.parametrize(
    ("fault", "reason", "tries"),
    [
        (status(404), "the server answers 404 Not Found", 1),
        (status(500), "the server answers 500 Internal Server Error", 3),
        (status(429), "the server answers 429 Too Many Requests", 3),
        (truncated(CONTENT, 20), "the connection failed: peer closed connection", 3),
        (body(OTHER), f"expected {checksum(CONTENT)}, got {checksum(OTHER)}", 1),
        (body(CONTENT[:-3]), f"got {checksum(CONTENT[:-3])}", 1),
        (redirect("/p"), "redirects more than 10 times", 11),
        (redirect("ftp://example.org/p"), "no url for http", 1),
        (reset, "the connection failed", 3),
    ],
    ids=["404", "500", "429", "truncated", "wrong", "short", "loop", "ftp", "reset"],
)
def test_a_lasting_fault_is_told_and_the_old_duniverse_stays(
    tmp_path: Path, server: FaultyServer, http: HttpClient, fault: Answer, reason: str, tries: int
) -> None:
    before = source("p", put(tmp_path, "old", OTHER), OTHER)
    pulled(lock(before), tmp_path)
    old = tree(tmp_path / "project")
    url = server.on("/p", fault)
    with pytest.raises(FetchError) as failure:
        pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    assert failure.value.place == "p"
    assert any(url in line and reason in line for line in failure.value.details)
    assert len(server.asked) == tries
    assert tree(tmp_path / "project") == old
    assert [path.name for path in (tmp_path / "project").iterdir()] == ["duniverse"]
    left = [name for name in tree(tmp_path / "cache") if name.startswith("incoming/")]
    assert left == (
        [f"incoming/{checksum(CONTENT).replace('=', '-')}.part"] if "closed connection" in reason else []
    )


def test_a_server_that_hangs_is_left(tmp_path: Path, server: FaultyServer) -> None:
    url = server.on("/p", hanging(server))
    with HttpClient(Timeouts(read=0.3)) as http, pytest.raises(FetchError) as failure:
        pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    assert "does not answer in time" in failure.value.details[0]
    assert not (tmp_path / "project/duniverse").exists()


@pytest.mark.parametrize(
    ("timeouts", "reason"),
    [
        (Timeouts(total=1, slowest=0), "the answer takes longer than 1 seconds"),
        (Timeouts(read=2), "fewer than 100 bytes a second come in"),
    ],
)
def test_a_server_that_drips_is_left(server: FaultyServer, timeouts: Timeouts, reason: str) -> None:
    url = server.on("/p", dripping(server, CONTENT, 0.1))
    with (
        HttpClient(timeouts) as http,
        pytest.raises(TemporaryError, match=reason),
        http.stream(url) as answer,
    ):
        list(answer.chunks())


def test_nobody_there(tmp_path: Path, http: HttpClient) -> None:
    with pytest.raises(FetchError) as failure:
        pulled(lock(source("p", "http://127.0.0.1:9/p", CONTENT)), tmp_path, http)
    assert "http://127.0.0.1:9/p: the server refuses the connection" in failure.value.details[0]


def test_redirects_are_followed(tmp_path: Path, server: FaultyServer, http: HttpClient) -> None:
    server.on("/b", body(CONTENT))
    pulled(lock(source("p", server.on("/a", redirect("/b")), CONTENT)), tmp_path, http)
    assert server.asked == ["/a", "/b"]


def test_bytes_are_taken_as_sent(server: FaultyServer, http: HttpClient) -> None:
    """A server that calls a .tar.gz gzip-encoded must not have it unpacked on the way."""

    def answer(handler: object) -> None:
        handler.send_response(200)  # type: ignore[attr-defined]
        handler.send_header("Content-Encoding", "gzip")  # type: ignore[attr-defined]
        handler.send_header("Content-Length", str(len(CONTENT)))  # type: ignore[attr-defined]
        handler.end_headers()  # type: ignore[attr-defined]
        handler.wfile.write(CONTENT)  # type: ignore[attr-defined]

    with http.stream(server.on("/p", answer)) as answered:
        assert answered.length == len(CONTENT)
        assert b"".join(answered.chunks()) == CONTENT


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "Sat, 01 Feb 2020 10:00:09 GMT", "Date": "Sat, 01 Feb 2020 10:00:00 GMT"}, 9),
        ({"Retry_After": "Sat, 01 Feb 2020 09:00:00 GMT", "Date": "Sat, 01 Feb 2020 10:00:00 GMT"}, 0),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "9" * 5000}, None),
        ({"Retry_After": "Mon, 01 Jan 0001 00:00:00 -0000", "Date": "Mon, 99 Foo"}, 0),
        ({}, None),
    ],
)
def test_retry_after_is_data(
    server: FaultyServer, http: HttpClient, headers: dict[str, str], wait: float | None
) -> None:
    url = server.on("/p", status(503, **headers))
    with pytest.raises(TemporaryError) as failure, http.stream(url):
        pass
    assert failure.value.wait == wait


def test_a_wait_that_is_too_long_ends_it_at_once(
    tmp_path: Path, server: FaultyServer, http: HttpClient
) -> None:
    url = server.on("/p", status(429, Retry_After="3600"))
    with pytest.raises(FetchError) as failure:
        pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    (line,) = failure.value.details
    assert line.endswith("429 Too Many Requests and asks to wait 3600 seconds, which is too long")
    assert server.asked == ["/p"]


def test_connections_are_kept(tmp_path: Path, server: FaultyServer, http: HttpClient) -> None:
    """Through redirects and answers that nobody wants; and no host is asked for too much at once."""
    contents = [tar({"p/a": b"%d" % index}) for index in range(40)]
    sources = []
    for index, content in enumerate(contents):
        server.on(f"/elsewhere/{index}", slowly(body(content)))
        sources.append(source(f"p{index}", server.on(f"/{index}", redirect(f"/elsewhere/{index}")), content))
    report = pulled(lock(*sources, mirrors=(f"{server.url}/mirror",)), tmp_path, http)
    assert report.downloaded == 40
    assert len(server.asked) == 120
    assert server.connections <= 8
    assert 2 < server.busiest <= 8


def test_unwanted_answers_are_read_as_they_come_and_not_for_long(
    server: FaultyServer, http: HttpClient
) -> None:
    def called_gzip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(404)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", "4")
        handler.end_headers()
        handler.wfile.write(b"none")

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(404)
        handler.end_headers()
        while not server.released.wait(0.05):
            handler.wfile.write(b"and ")

    for answer in (called_gzip, endless):
        with pytest.raises(AbsentError), http.stream(server.on("/p", answer)):
            pass


@pytest.mark.parametrize("header", ["Content-Length", "Content-Range"])
def test_absurd_numbers(server: FaultyServer, http: HttpClient, header: str) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(206)
        handler.send_header(header, "9" * 5000 if header == "Content-Length" else f"bytes 0-1/{'9' * 5000}")
        handler.end_headers()
        handler.close_connection = True

    try:
        with http.stream(server.on("/p", answer)) as answered:
            assert answered.length is None
            assert b"".join(answered.chunks()) == b""
    except TemporaryError as error:
        assert "connection failed" in error.reason


def test_a_dead_host_is_not_asked_patiently_for_everything(
    tmp_path: Path, server: FaultyServer, http: HttpClient
) -> None:
    sources = [source(f"p{index}", server.on(f"/{index}", reset), b"%d" % index) for index in range(40)]
    with pytest.raises(FetchError, match="40 sources could not be fetched"):
        pulled(lock(*sources), tmp_path, http)
    assert 40 < len(server.asked) <= 40 + 32 * 2
